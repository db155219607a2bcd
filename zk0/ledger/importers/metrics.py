"""Rows of metrics from a CSV, JSON lines, TensorBoard or Weights & Biases.

Column names are compared without case, and with `/`, `.`, `-` and blanks read as `_`. How each was read is noted for
the user: a guess that nobody sees is a trap.

A row may name its step, its round and its client. Rows with a client or a step are local training; a loss under the
name of an evaluation is the server's. Where no row names a round, all of it is round 1 of one client; where rows name
a round and no step, each row is a round's mean.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from zk0.ledger.importers.records import TrainingRecord
from zk0.ledger.importers.run_builder import RunBuilder, client_name

SYNONYMS: dict[str, tuple[str, ...]] = {
    "step": ("step", "global_step", "_step", "iteration", "iter", "steps", "train_step", "train_steps", "batch", "it"),
    "round": ("round", "server_round", "rnd", "fl_round", "round_number", "communication_round"),
    "client": ("client", "client_id", "cid", "node", "node_id", "partition_id", "partition", "client_name"),
    "policy_loss": (
        "policy_loss", "train_policy_loss", "main_loss", "original_loss", "task_loss", "loss", "train_loss",
        "training_loss", "avg_policy_loss", "train_train_loss",
    ),
    "proximal_loss": ("proximal_loss", "fedprox_loss", "prox_loss", "proximal_term", "train_proximal_loss", "prox"),
    "total_loss": ("total_loss", "adjusted_loss", "train_total_loss"),
    "gradient_norm": ("gradient_norm", "grad_norm", "grdn", "train_grad_norm", "train_gradient_norm", "gradnorm"),
    "learning_rate": ("learning_rate", "lr", "train_lr", "train_learning_rate"),
    "drift": ("drift", "weight_drift", "param_drift"),
    "memory_allocated": ("memory_allocated", "gpu_memory_allocated", "cuda_memory_allocated"),
    "evaluation": (
        "eval_loss", "server_eval_loss", "server_eval_policy_loss", "val_loss", "validation_loss", "test_loss",
        "eval_eval_loss", "server_composite_eval_loss", "centralized_loss", "loss_centralized", "eval_policy_loss",
    ),
    "mu": ("proximal_mu", "mu", "fedprox_mu"),
    "update_norm": ("param_update_norm", "update_norm"),
}  # fmt: skip

SERIES = ("policy_loss", "proximal_loss", "total_loss", "gradient_norm", "learning_rate", "drift", "memory_allocated")
_MEANINGS = {name: (meaning, place) for meaning, names in SYNONYMS.items() for place, name in enumerate(names)}
_PER_CLIENT = re.compile(
    r"client_(?P<client>.+?)_(?P<name>policy_loss|fedprox_loss|loss|grad_norm|param_update_norm|lr)"
)


def plain(name: str) -> str:
    """Return a column's name without case and marks."""
    return re.sub(r"[\s/.\-]+", "_", name.strip()).lower()


def meanings(names: Sequence[str]) -> dict[str, str]:
    """Return {meaning: column} for the columns that are known; of several with one meaning, the most specific."""
    found: dict[str, tuple[int, str]] = {}
    for name in names:
        meaning, place = _MEANINGS.get(plain(name), ("", 0))
        if meaning and (meaning not in found or place < found[meaning][0]):
            found[meaning] = (place, name)
    total = next((name for name in names if plain(name) in ("loss", "train_loss")), None)
    # Beside a policy loss and a proximal one, `loss` is what both make together.
    if (
        total
        and "total_loss" not in found
        and found.get("policy_loss", (0, total))[1] != total
        and "proximal_loss" in found
    ):
        found["total_loss"] = (0, total)
    return {meaning: name for meaning, (_, name) in found.items()}


def of_client(name: str) -> tuple[str, str] | None:
    """Return (client, metric) of a column like `client_3_policy_loss`."""
    found = _PER_CLIENT.fullmatch(plain(name))
    return (found["client"], found["name"]) if found else None


def parse_number(value: object) -> float | None:
    """Return a value as a number, None where it is none; NaN stays NaN."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, str) and value.strip():
        try:
            return float(value)
        except ValueError:
            return None
    return None


def evaluation_loss(readings: Mapping[str, object]) -> tuple[str | None, float | None]:
    """Return (key, loss) of an evaluation's metrics; None where it is not finite, both None where there is none."""
    for key in (*SYNONYMS["evaluation"], "loss", "policy_loss", "mse", "server_policy_loss"):
        for name, value in readings.items():
            if plain(name) == key:
                found = parse_number(value)
                return name, found if found is not None and math.isfinite(found) else None
    return None, None


def training_summary(readings: Mapping[str, object]) -> dict[str, float]:
    """Return {series: mean} of what a client, or the server for all, says of a round's training."""
    cleaned = {re.sub(r"^(?:avg_client_|avg_)", "", plain(name)): value for name, value in readings.items()}
    found = {}
    for meaning, name in meanings(list(cleaned)).items():
        value = parse_number(cleaned[name])
        if meaning in SERIES and value is not None:
            found[meaning] = value
    return found


ONE = "local"  # the client of rows that name none

LOCAL = {"policy_loss", "proximal_loss", "total_loss", "gradient_norm"}  # what only training on a client has

MOST_KINDS = 1_000  # of rows, by their columns, that are remembered
MOST_NAMED = 10  # columns in a note

type Row = Mapping[str, object]


@dataclass(frozen=True)
class Columns:
    """The columns of one kind of row: {meaning: column}, and {column: (client, metric)} for columns of one client."""

    meaning: Mapping[str, str]
    clients: Mapping[str, tuple[str, str]]

    @classmethod
    def of(cls, names: Sequence[str]) -> "Columns":
        """Return the meaning of these names."""
        return cls(meanings(names), {name: parts for name in names if (parts := of_client(name)) is not None})


@dataclass
class Rows:
    """Adds rows to a run, and counts those with a known column."""

    run: RunBuilder
    file: str
    understood: int = 0
    unknown: int = 0
    readings: dict[str, str] = field(default_factory=dict)
    ignored: dict[str, None] = field(default_factory=dict)
    _known: dict[tuple[str, ...], Columns] = field(default_factory=dict)
    _rows: dict[tuple[str, int | None], int] = field(default_factory=dict)
    _records: dict[tuple[str, int | None], TrainingRecord] = field(default_factory=dict)
    _evaluations: int = 0

    def add(self, at: str, row: Row) -> None:
        """Take one row, read at `file:line`."""
        kind = self._known.get(tuple(row)) or self._columns(tuple(row))
        meaning = kind.meaning
        number = _whole(row[meaning["round"]]) if "round" in meaning else None
        before = self.understood
        if "evaluation" in meaning:
            self._evaluated(at, row, meaning, number)
        if kind.clients:
            self._per_client(at, row, kind.clients, number)
        values = {
            name: value
            for name, column in meaning.items()
            if name in SERIES and (value := parse_number(row[column])) is not None
        }
        if self.understood > before and not LOCAL & values.keys():
            values = {}  # the server's row: what else is in it belongs to nobody
        named = row[meaning["client"]] if "client" in meaning else ONE
        if values and named not in (None, ""):
            self._trained(at, str(named), number, values, row, meaning)
        if self.understood > before:
            self.understood = before + 1
        else:
            self.unknown += 1

    def conclude(self) -> None:
        """Note for the user how the columns were read."""
        if self.readings:
            read = ", ".join(f"{name} as {meaning}" for name, meaning in self.readings.items())
            self.run.note(f"{self.file}: columns were read by their names: {read}")
        if self.ignored:
            names = list(self.ignored)
            more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
            self.run.note(f"{self.file}: columns that mean nothing here: {', '.join(names[:MOST_NAMED])}{more}")
        if (ONE, None) in self._records:
            self.run.note(f"{self.file}: no column names rounds or clients: read as round 1 of a client named {ONE}")

    def _columns(self, names: tuple[str, ...]) -> Columns:
        found = Columns.of(names)
        if len(self._known) < MOST_KINDS:
            self._known[names] = found
        self.readings |= {name: meaning for meaning, name in found.meaning.items()}
        known = {*found.meaning.values(), *found.clients}
        if len(self.ignored) < MOST_KINDS:
            self.ignored |= dict.fromkeys(name for name in names if name not in known)
        return found

    def _evaluated(self, at: str, row: Row, meaning: Mapping[str, str], number: int | None) -> None:
        loss = parse_number(row[meaning["evaluation"]])
        if loss is None:
            return
        self.understood += 1
        if number is None and _whole(row.get(meaning.get("step", ""))) == 0:
            number = 0  # before any step: the untrained policy
        elif number is None:
            self._evaluations += 1
            number = self._evaluations
            self.run.note(f"{self.file}: evaluations name no round: they are counted from 1")
        finite = math.isfinite(loss)
        self.run.add_evaluation(number, loss if finite else None, at=at, missing=None if finite else "not finite")

    def _per_client(self, at: str, row: Row, clients: Mapping[str, tuple[str, str]], number: int | None) -> None:
        found: dict[str, dict[str, float]] = {}
        for name, (client, metric) in clients.items():
            readings = parse_number(row[name])
            if readings is not None:
                found.setdefault(client_name(client), {})[metric] = readings
        for client, means in found.items():
            self.understood += 1
            place = number if number is not None else self._rows.get((client, None), 0) + 1
            self._rows[client, None] = place
            record = self.run.training(client, place, file=f"{self.file} (columns)", at=at)
            record.summarise(training_summary(means), None)
            if "param_update_norm" in means:
                record.update_norm["all"] = means["param_update_norm"]

    def _trained(
        self, at: str, named: str, number: int | None, values: dict[str, float], row: Row, meaning: Mapping[str, str]
    ) -> None:
        self.understood += 1
        key = (named, number)
        record = self._records.get(key)
        if record is None:
            record = self.run.training(client_name(named), 1 if number is None else number, file=self.file, at=at)
            self._records[key] = record
        place = self._rows.get(key, 0)
        self._rows[key] = place + 1
        step = _whole(row[meaning["step"]]) if "step" in meaning else None
        if "mu" in meaning and (mu := parse_number(row[meaning["mu"]])) is not None and math.isfinite(mu):
            record.settings["proximal-mu"] = mu
        if "update_norm" in meaning and (norm := parse_number(row[meaning["update_norm"]])) is not None:
            record.update_norm["all"] = norm if math.isfinite(norm) else None
        record.put(place if step is None else step, values)


def _whole(value: object) -> int | None:
    found = parse_number(value)
    return int(found) if found is not None and math.isfinite(found) and found >= 0 else None
