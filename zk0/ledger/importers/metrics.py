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

from zk0.core.pages import join_first
from zk0.ledger.importers.reading import FileReport
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
    ranked: dict[str, tuple[int, str]] = {}
    for name in names:
        meaning, place = _MEANINGS.get(plain(name), ("", 0))
        if meaning and (meaning not in ranked or place < ranked[meaning][0]):
            ranked[meaning] = (place, name)
    found = {meaning: name for meaning, (_, name) in ranked.items()}
    # Beside a policy loss and a proximal one, `loss` is what both make together.
    total = next((name for name in names if plain(name) in ("loss", "train_loss")), None)
    if total and found.keys() >= {"policy_loss", "proximal_loss"} and found["policy_loss"] != total:
        found.setdefault("total_loss", total)
    return found


def parse_number(value: object) -> float | None:
    """Return a value as a number, None where it is none; NaN stays NaN."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def evaluation_loss(readings: Mapping[str, object]) -> tuple[str | None, float | None]:
    """Return (key, loss) of an evaluation's metrics: no loss where it is not a number, neither where there is none."""
    for key in (*SYNONYMS["evaluation"], "loss", "policy_loss", "mse", "server_policy_loss"):
        for name, value in readings.items():
            if plain(name) == key:
                return name, parse_number(value)
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


@dataclass
class Rows:
    """Adds the rows of one file to a run; rows without a known column are counted as unknown."""

    run: RunBuilder
    report: FileReport
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
        evaluated = "evaluation" in meaning and self._evaluated(at, row, meaning, number)
        known = self._per_client(at, row, kind.clients, number) or evaluated
        values = {
            name: value
            for name, column in meaning.items()
            if name in SERIES and (value := parse_number(row[column])) is not None
        }
        if known and not LOCAL & values.keys():
            values = {}  # the server's row: what else is in it belongs to nobody
        named = row[meaning["client"]] if "client" in meaning else ONE
        if values and named not in (None, ""):
            self._trained(at, str(named), number, values, row, meaning)
            known = True
        self.report.understood += known
        self.report.unknown += not known

    def conclude(self) -> FileReport:
        """Note for the user how the columns were read, and return the file's report."""
        if self.readings:
            read = ", ".join(f"{name} as {meaning}" for name, meaning in self.readings.items())
            self._note(f"columns were read by their names: {read}")
        if self.ignored:
            self._note(f"columns that mean nothing here: {join_first(list(self.ignored), MOST_NAMED)}")
        if (ONE, None) in self._records:
            self._note(f"no column names rounds or clients: read as round 1 of a client named {ONE}")
        return self.report

    def _note(self, text: str) -> None:
        self.run.note(f"{self.report.name}: {text}")

    def _columns(self, names: tuple[str, ...]) -> Columns:
        matches = {name: match for name in names if (match := _PER_CLIENT.fullmatch(plain(name)))}
        found = Columns(meanings(names), {name: (match["client"], match["name"]) for name, match in matches.items()})
        if len(self._known) < MOST_KINDS:
            self._known[names] = found
        self.readings |= {name: meaning for meaning, name in found.meaning.items()}
        known = {*found.meaning.values(), *found.clients}
        if len(self.ignored) < MOST_KINDS:
            self.ignored |= dict.fromkeys(name for name in names if name not in known)
        return found

    def _evaluated(self, at: str, row: Row, meaning: Mapping[str, str], number: int | None) -> bool:
        loss = parse_number(row[meaning["evaluation"]])
        if loss is None:
            return False
        if number is None and _whole(row.get(meaning.get("step", ""))) == 0:
            number = 0  # before any step: the untrained policy
        elif number is None:
            self._evaluations += 1
            number = self._evaluations
            self._note("evaluations name no round: they are counted from 1")
        self.run.add_evaluation(number, loss, at=at)
        return True

    def _per_client(self, at: str, row: Row, clients: Mapping[str, tuple[str, str]], number: int | None) -> bool:
        found: dict[str, dict[str, float]] = {}
        for name, (client, metric) in clients.items():
            value = parse_number(row[name])
            if value is not None:
                found.setdefault(client_name(client), {})[metric] = value
        for client, means in found.items():
            place = number if number is not None else self._rows.get((client, None), 0) + 1
            self._rows[client, None] = place
            record = self.run.training(client, place, file=f"{self.report.name} (columns)", at=at)
            record.summarise(training_summary(means), None)
            if "param_update_norm" in means:
                record.update_norm["all"] = means["param_update_norm"]
        return bool(found)

    def _trained(
        self, at: str, named: str, number: int | None, values: dict[str, float], row: Row, meaning: Mapping[str, str]
    ) -> None:
        key = (named, number)
        record = self._records.get(key)
        if record is None:
            record = self.run.training(
                client_name(named), 1 if number is None else number, file=self.report.name, at=at
            )
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
