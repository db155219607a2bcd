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
from functools import lru_cache

from zk0.core.pages import join_first
from zk0.ledger.importers.reading import FileReport
from zk0.ledger.importers.records import TrainingRecord
from zk0.ledger.importers.run_builder import RunBuilder, Unit, client_name

SYNONYMS: dict[str, tuple[str, ...]] = {
    "step": (
        "step", "global_step", "_step", "iteration", "iter", "steps", "train_step", "train_steps", "batch", "it",
        "update", "train_global_step", "trainer_global_step", "iters", "num_updates", "iterations",
        "n_updates", "nupdates",
    ),
    "epoch": ("epoch", "epochs", "epoch_num", "train_epoch", "ep"),
    "round": ("round", "server_round", "rnd", "fl_round", "round_number", "communication_round", "current_round"),
    "client": ("client", "client_id", "cid", "node", "node_id", "partition_id", "partition", "client_name", "identity"),
    "policy_loss": (
        "policy_loss", "train_policy_loss", "main_loss", "original_loss", "task_loss", "loss", "train_loss",
        "training_loss", "avg_policy_loss", "train_train_loss", "loss_step", "train_loss_step", "tr_loss", "lm_loss",
        "action_loss", "bc_loss", "mse_loss", "flow_matching_loss", "diffusion_loss", "loss_epoch", "train_loss_epoch",
        "running_loss", "batch_loss", "loss_policy", "loss_avg", "losspi", "loss_pi",
        "loss_train", "pi_loss", "loss_actor", "epoch_loss", "actor_loss", "surrogate_loss",
    ),
    "proximal_loss": ("proximal_loss", "fedprox_loss", "prox_loss", "proximal_term", "train_proximal_loss", "prox"),
    "total_loss": (
        "total_loss", "adjusted_loss", "train_total_loss", "losses_total_loss", "loss_total", "losses_total",
    ),
    "gradient_norm": (
        "gradient_norm", "grad_norm", "grdn", "train_grad_norm", "train_gradient_norm", "gradnorm", "gnorm",
        "total_norm", "global_grad_norm", "grad_norm_step",
    ),
    "learning_rate": (
        "learning_rate", "lr", "train_lr", "train_learning_rate", "current_lr", "base_lr", "lr_pg0", "lr_adamw",
        "lr_adam", "lr_sgd",
    ),
    "drift": ("drift", "weight_drift", "param_drift"),
    "accuracy": (
        "accuracy", "acc", "train_acc", "train_accuracy", "training_accuracy", "top1", "train_acc_step", "acc1",
        "acc@1", "train_auc",
    ),
    "step_seconds": (
        "updt_s", "step_time", "time_per_step", "iter_time", "batch_time", "sec_per_step", "update_s", "time",
    ),
    "data_seconds": ("data_s", "data_time", "dataloading_s", "data_loading_time", "data_wait_time", "loader_time"),
    "memory_allocated": ("memory_allocated", "gpu_memory_allocated", "cuda_memory_allocated"),
    "evaluation": (
        "eval_loss", "server_eval_loss", "server_eval_policy_loss", "val_loss", "validation_loss", "test_loss",
        "eval_eval_loss", "server_composite_eval_loss", "centralized_loss", "loss_centralized", "eval_policy_loss",
        "valid_loss", "dev_loss", "loss_val", "loss_test", "val_loss_epoch", "evaluation_loss", "global_loss",
        "test_test_loss", "val_val_loss", "eval_mse", "val_mse", "val_total_loss",
    ),
    "evaluation_accuracy": (
        "val_acc", "val_accuracy", "test_acc", "test_accuracy", "eval_accuracy", "eval_acc", "validation_accuracy",
        "valid_acc", "accuracy_top1", "global_accuracy", "centralized_accuracy", "dev_acc", "validation_acc",
        "test_accurancy", "success_rate", "eval_auc", "val_auc", "test_auc",
        "valid_auc", "metrics_map50_95(b)", "map50_95", "coco_bbox_map",
    ),
    "mu": ("proximal_mu", "mu", "fedprox_mu"),
    "update_norm": ("param_update_norm", "update_norm"),
}  # fmt: skip

# Names by which configurations, headings and bars say how much is planned.
PLANNED = {
    "epoch": ("num_epochs", "max_epochs", "num_train_epochs", "total_epochs", "n_epochs", "train_epochs"),
    "round": ("num_rounds", "num_server_rounds", "total_rounds", "n_rounds", "max_rounds", "comm_rounds", "rounds"),
    "step": (
        "max_steps", "num_steps", "total_steps", "num_train_steps", "train_steps", "total_optimization_steps",
        "max_iters", "num_training_steps", "max_iterations", "total_iterations", "max_train_steps", "cfg_steps",
        "total_train_steps",
    ),
}  # fmt: skip

SERIES = (
    *("policy_loss", "proximal_loss", "total_loss", "gradient_norm", "learning_rate", "drift", "memory_allocated"),
    *("accuracy", "step_seconds", "data_seconds"),
)
_MEANINGS = {name: (meaning, place) for meaning, names in SYNONYMS.items() for place, name in enumerate(names)}
_PLANNED = {name: unit for unit, names in PLANNED.items() for name in names}
_FILLERS = re.compile(r"^(?:(?:averaged?|avg|avr|mean|current|cur|overall|final|best|total|epoch|global)_)+(?=\w)")
_AVERAGES = re.compile(r"_(?:avg|mean|average)(?=_|$)")
# `train_vae_loss`, `training's binary_logloss`, `validation_1-rmse`; by themselves, what stands for a loss
_SOME_LOSS = re.compile(
    r"(?:tr|train(?:ing)?|learn|(?P<judged>val(?:id(?:ation)?)?(?:_\d+)?|test|eval(?:uation)?|dev))_"
    r"\w*(?:loss|rmse|mse|mae|cross_entropy|xent|nll|cost)"
)
# XGBoost numbers the data sets it evaluates: the data of training comes first, and the last one stops it early.
_NUMBERED = re.compile(r"validation_(?P<number>\d+)_")
_FOR_A_LOSS = frozenset({"rmse", "mse", "logloss", "cross_entropy", "xent", "nll_loss", "cost", "learn", "mean_rms"})
_FAMILIES = re.compile(r"^(?:losses|metrics|loss|stats|train_metrics|training|perf|scalars|optim|model)_(?=\w)")
_PER_CLIENT = re.compile(
    r"client_(?P<client>.+?)_(?P<name>policy_loss|fedprox_loss|loss|grad_norm|param_update_norm|lr)"
)


def plain(name: str) -> str:
    """Return a column's name without case and marks."""
    return re.sub(r"[\s/.\-]+|(?<=[a-z][a-z])(?=[A-Z])", "_", name.strip()).lower()


def meaning_of(name: str) -> str:
    """Return what a name means, without words like `average` and a family before it; empty where it means nothing."""
    return _meaning(name)[0]


@lru_cache(maxsize=4096)
def _meaning(name: str) -> tuple[str, int]:
    key = plain(name)
    bare = _AVERAGES.sub("", key)
    for candidate in (key, bare, _FILLERS.sub("", bare), _FAMILIES.sub("", bare)):
        if found := _MEANINGS.get(candidate):
            return found
    if loss := _SOME_LOSS.fullmatch(key):
        return ("evaluation" if loss["judged"] else "policy_loss"), len(_MEANINGS)
    if key in _FOR_A_LOSS:
        return "policy_loss", len(_MEANINGS) + 1
    return "", 0


def planned_unit(name: str) -> str | None:
    """Return which unit a name plans: `num_train_epochs` plans epochs."""
    return _PLANNED.get(plain(name))


def meanings(names: Sequence[str]) -> dict[str, str]:
    """Return {meaning: column} for the columns that are known; of several with one meaning, the most specific."""
    ranked: dict[str, tuple[int, str]] = {}
    sets = sorted({one["number"] for name in names if (one := _NUMBERED.match(plain(name)))}, key=int)
    for name in names:
        meaning, place = _meaning(_with_role(name, sets) if len(sets) > 1 else name)
        if meaning and (meaning not in ranked or place < ranked[meaning][0]):
            ranked[meaning] = (place, name)
    found = {meaning: name for meaning, (_, name) in ranked.items()}
    if "total_loss" in found and not found.keys() & {"policy_loss", "proximal_loss"}:
        found["policy_loss"] = found.pop("total_loss")  # a total without its parts is the loss
    # Beside a policy loss and a proximal one, `loss` is what both make together.
    total = next((name for name in names if plain(name) in ("loss", "train_loss")), None)
    if total and found.keys() >= {"policy_loss", "proximal_loss"} and found["policy_loss"] != total:
        found.setdefault("total_loss", total)
    return found


def _with_role(name: str, sets: Sequence[str]) -> str:
    """Return the name of a numbered data set's metric by the role that it has among several; empty for none."""
    found = _NUMBERED.match(plain(name))
    if found is None:
        return name
    roles = {sets[0]: "train_", sets[-1]: "val_"}
    return roles[found["number"]] + plain(name)[found.end() :] if found["number"] in roles else ""


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
NULL = "null in the log"  # where a loss belongs

LOCAL = {"policy_loss", "proximal_loss", "total_loss", "gradient_norm"}  # what only training on a client has

COUNTED: tuple[Unit, ...] = ("round", "epoch", "step")
MOST_KINDS = 1_000  # of rows, by their columns, that are remembered
MOST_NAMED = 10  # columns in a note

type Row = Mapping[str, object]


@dataclass(frozen=True)
class Columns:
    """The columns of one kind of row: {meaning: column}, and {column: (client, metric)} for columns of one client."""

    meaning: Mapping[str, str]
    clients: Mapping[str, tuple[str, str]]
    sums: Mapping[str, tuple[str, ...]]  # {meaning: columns that make it together}


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
    _reached: dict[Unit, float] = field(default_factory=dict)

    def add(self, at: str, row: Row) -> None:
        """Take one row, read at `file:line`."""
        kind = self._known.get(tuple(row)) or self._columns(tuple(row))
        meaning = kind.meaning
        row = _with_sums(row, kind)
        self._count(row, meaning)
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
        for unit, reached in self._reached.items():
            self.run.count(unit, reached)
        if self.readings:
            read = ", ".join(f"{name} as {meaning}" for name, meaning in self.readings.items())
            self._note(f"columns were read by their names: {read}")
        if self.ignored:
            self._note(f"columns that mean nothing here: {join_first(list(self.ignored), MOST_NAMED)}")
        if (ONE, None) in self._records:
            self._note(f"no column names rounds or clients: read as round 1 of a client named {ONE}")
        return self.report

    def _count(self, row: Row, meaning: Mapping[str, str]) -> None:
        for unit in COUNTED:
            value = parse_number(row[meaning[unit]]) if unit in meaning else None
            if value is not None and math.isfinite(value):
                self._reached[unit] = max(value, self._reached.get(unit, value))

    def _note(self, text: str) -> None:
        self.run.note(f"{self.report.name}: {text}")

    def _columns(self, names: tuple[str, ...]) -> Columns:
        matches = {name: match for name in names if (match := _PER_CLIENT.fullmatch(plain(name)))}
        known_names, sums = meanings(names), {}
        for name in ("policy_loss", "evaluation"):
            parts = tuple(part for part in names if _SOME_LOSS.fullmatch(plain(part)) and meaning_of(part) == name)
            if len(parts) > 1 and known_names.get(name) in parts:  # `train/box_loss`, `train/cls_loss`: no total
                sums[name], known_names[name] = parts, f"sum of {join_first(list(parts), MOST_NAMED)}"
        found = Columns(known_names, {name: (match["client"], match["name"]) for name, match in matches.items()}, sums)
        if len(self._known) < MOST_KINDS:
            self._known[names] = found
        self.readings |= {name: meaning for meaning, name in found.meaning.items()}
        known = {*found.meaning.values(), *found.clients}
        if len(self.ignored) < MOST_KINDS:
            self.ignored |= dict.fromkeys(name for name in names if name not in known)
        return found

    def _evaluated(self, at: str, row: Row, meaning: Mapping[str, str], number: int | None) -> bool:
        value = row[meaning["evaluation"]]
        loss = parse_number(value)
        # JSON has no NaN, so programs write null; among training values it only says that nothing was evaluated.
        is_null = value is None and not LOCAL & meaning.keys()
        if loss is None and not is_null:
            return False
        if number is None and _whole(row.get(meaning.get("step", ""))) == 0:
            number = 0  # before any step: the untrained policy
        elif number is None:
            self._evaluations += 1
            number = self._evaluations
            self._note("evaluations name no round: they are counted from 1")
        self.run.add_evaluation(number, loss, at=at, missing=NULL if is_null else None)
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


def _with_sums(row: Row, kind: Columns) -> Row:
    for meaning, parts in kind.sums.items():
        values = [parse_number(row[part]) for part in parts]
        total = None if None in values else sum(value for value in values if value is not None)
        row = {**row, kind.meaning[meaning]: total}
    return row


def _whole(value: object) -> int | None:
    found = parse_number(value)
    return int(found) if found is not None and math.isfinite(found) and found >= 0 else None
