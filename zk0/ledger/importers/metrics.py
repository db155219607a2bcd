"""Rows of metrics from a CSV, JSON lines, TensorBoard or Weights & Biases.

How each column was read (`metric_names`) is noted for the user: a guess that nobody sees is a trap.

A row may name its step, its round and its client. Rows with a client or a step are local training; a loss under the
name of an evaluation is the server's. Where no row names a round, all of it is round 1 of one client; where rows name
a round and no step, each row is a round's mean.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from zk0.core.pages import join_first
from zk0.ledger.importers.metric_names import (
    PER_CLIENT,
    SERIES,
    SOME_LOSS,
    evaluation_scores,
    meaning_of,
    meanings,
    parse_number,
    planned_unit,
    training_summary,
)
from zk0.ledger.importers.progress_counts import Unit
from zk0.ledger.importers.reading import FileReport
from zk0.ledger.importers.records import UNTOLD, TrainingRecord
from zk0.ledger.importers.run_builder import RunBuilder, client_name
from zk0.ledger.importers.score_names import Shares, plain

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
    planned: Mapping[Unit, str]  # {unit: column that says how many there will be}


@dataclass
class Rows:
    """Adds the rows of one file to a run; rows without a known column are counted as unknown."""

    run: RunBuilder
    report: FileReport
    shares: Shares = field(default_factory=Shares)
    readings: dict[str, str] = field(default_factory=dict)
    ignored: dict[str, None] = field(default_factory=dict)
    _known: dict[tuple[str, ...], Columns] = field(default_factory=dict)
    _rows: dict[tuple[str, int | None], int] = field(default_factory=dict)
    _records: dict[tuple[str, int | None], TrainingRecord] = field(default_factory=dict)
    _evaluations: int = 0
    _reached: dict[Unit, float] = field(default_factory=dict)
    _planned: dict[Unit, set[float | None]] = field(default_factory=dict)

    def add(self, at: str, row: Row) -> None:
        """Take one row, read at `file:line`."""
        kind = self._known.get(tuple(row)) or self._columns(tuple(row))
        meaning = kind.meaning
        row = _with_sums(row, kind)
        self._count(row, kind)
        number = _whole(row[meaning["round"]]) if "round" in meaning else None
        evaluated = self._evaluated(at, row, meaning, number)
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
            planned = self._planned.get(unit, set())
            # One that changes from row to row is another count: of all environments' steps, for instance.
            self.run.count(unit, reached, *planned if len(planned) == 1 else ())
        if self.readings:
            read = ", ".join(f"{name} as {meaning}" for name, meaning in self.readings.items())
            self._note(f"columns were read by their names: {read}")
        if self.ignored:
            self._note(f"columns that mean nothing here: {join_first(list(self.ignored), MOST_NAMED)}")
        if (ONE, None) in self._records:
            self._note(f"no column names rounds or clients: read as round 1 of a client named {ONE}")
        return self.report

    def _count(self, row: Row, kind: Columns) -> None:
        meaning = kind.meaning
        for unit in COUNTED:
            value = parse_number(row[meaning[unit]]) if unit in meaning else None
            if value is not None and math.isfinite(value):
                self._reached[unit] = max(value, self._reached.get(unit, value))
        for unit, column in kind.planned.items():
            self._planned.setdefault(unit, set()).add(parse_number(row[column]))

    def _note(self, text: str) -> None:
        self.run.note(f"{self.report.name}: {text}")

    def _columns(self, names: tuple[str, ...]) -> Columns:
        matches = {name: match for name in names if (match := PER_CLIENT.fullmatch(plain(name)))}
        known_names, sums = meanings(names), {}
        for name in ("policy_loss", "evaluation"):
            parts = tuple(part for part in names if SOME_LOSS.fullmatch(plain(part)) and meaning_of(part) == name)
            if len(parts) > 1 and known_names.get(name) in parts:  # `train/box_loss`, `train/cls_loss`: no total
                sums[name], known_names[name] = parts, f"sum of {join_first(list(parts), MOST_NAMED)}"
        planned = {unit: name for name in names if (unit := planned_unit(name))}
        clients = {name: (match["client"], match["name"]) for name, match in matches.items()}
        found = Columns(known_names, clients, sums, planned)
        if len(self._known) < MOST_KINDS:
            self._known[names] = found
        self.readings |= {name: meaning for meaning, name in found.meaning.items()}
        known = {*found.meaning.values(), *found.clients, *planned.values()}
        if len(self.ignored) < MOST_KINDS:
            self.ignored |= dict.fromkeys(name for name in names if name not in known)
        return found

    def _evaluated(self, at: str, row: Row, meaning: Mapping[str, str], number: int | None) -> bool:
        value = row[meaning["evaluation"]] if "evaluation" in meaning else ""
        loss = parse_number(value)
        # JSON has no NaN, so programs write null; among training values it only says that nothing was evaluated.
        is_null = value is None and not LOCAL & meaning.keys()
        judged = loss is not None or not LOCAL & meaning.keys()
        metrics = evaluation_scores(row, meaning, self.shares) if judged else {}
        if loss is None and not is_null and not metrics:
            return False
        if number is None and _whole(row.get(meaning.get("step", ""))) == 0:
            number = 0  # before any step: the untrained policy
        elif number is None:
            self._evaluations += 1
            number = self._evaluations
            self._note("evaluations name no round: they are counted from 1")
        missing = NULL if is_null else None if loss is not None else UNTOLD
        self.run.add_evaluation(number, loss, at=at, missing=missing, metrics=metrics)
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
