"""Rows of numbers, whoever kept them: a CSV, JSON lines, TensorBoard, Weights & Biases.

A row may name its step, its round and its client. Rows with a client or a step are local training; a loss under the
name of an evaluation is the server's. Where no row names a round, all of it is round 1 of one client; where rows name
a round and no step, each row is a round's mean.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from zk0.ledger.importers import columns
from zk0.ledger.importers.records import TrainingRecord
from zk0.ledger.importers.run_builder import Run, client_name

ONE = "local"  # the client of rows that name none

LOCAL = {"policy_loss", "proximal_loss", "total_loss", "gradient_norm"}  # what only training on a client has

MOST_KINDS = 1_000  # of rows, by their columns, that are remembered
MOST_NAMED = 10  # columns in a note

type Row = Mapping[str, object]


@dataclass(frozen=True)
class Columns:
    """What the columns of one kind of row mean: {meaning: column}, and {column: (client, metric)} of clients' own."""

    meaning: Mapping[str, str]
    clients: Mapping[str, tuple[str, str]]

    @classmethod
    def of(cls, names: Sequence[str]) -> "Columns":
        """Tell it from the names."""
        return cls(
            columns.meanings(names), {name: parts for name in names if (parts := columns.of_client(name)) is not None}
        )


@dataclass
class Rows:
    """Takes rows, one after the other, into a run; counts those that held something known."""

    run: Run
    file: str
    understood: int = 0
    unknown: int = 0
    told: dict[str, str] = field(default_factory=dict)
    ignored: dict[str, None] = field(default_factory=dict)
    _known: dict[tuple[str, ...], Columns] = field(default_factory=dict)
    _rows: dict[tuple[str, int | None], int] = field(default_factory=dict)
    _records: dict[tuple[str, int | None], TrainingRecord] = field(default_factory=dict)
    _evaluations: int = 0

    def take(self, at: str, row: Row) -> None:
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
            if name in columns.SERIES and (value := columns.number(row[column])) is not None
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
        """Tell the user how the columns were read."""
        if self.told:
            read = ", ".join(f"{name} as {meaning}" for name, meaning in self.told.items())
            self.run.note(f"{self.file}: columns were read by their names: {read}")
        if self.ignored:
            names = list(self.ignored)
            more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
            self.run.note(f"{self.file}: columns that mean nothing here: {', '.join(names[:MOST_NAMED])}{more}")
        if (ONE, None) in self._records:
            self.run.note(f"{self.file}: no column names rounds or clients: told as round 1 of a client named {ONE}")

    def _columns(self, names: tuple[str, ...]) -> Columns:
        found = Columns.of(names)
        if len(self._known) < MOST_KINDS:
            self._known[names] = found
        self.told |= {name: meaning for meaning, name in found.meaning.items()}
        known = {*found.meaning.values(), *found.clients}
        if len(self.ignored) < MOST_KINDS:
            self.ignored |= dict.fromkeys(name for name in names if name not in known)
        return found

    def _evaluated(self, at: str, row: Row, meaning: Mapping[str, str], number: int | None) -> None:
        loss = columns.number(row[meaning["evaluation"]])
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
        self.run.evaluated(number, loss if finite else None, at=at, missing=None if finite else "not finite")

    def _per_client(self, at: str, row: Row, clients: Mapping[str, tuple[str, str]], number: int | None) -> None:
        found: dict[str, dict[str, float]] = {}
        for name, (client, metric) in clients.items():
            told = columns.number(row[name])
            if told is not None:
                found.setdefault(client_name(client), {})[metric] = told
        for client, means in found.items():
            self.understood += 1
            place = number if number is not None else self._rows.get((client, None), 0) + 1
            self._rows[client, None] = place
            record = self.run.training(client, place, file=f"{self.file} (columns)", at=at)
            record.summarise(columns.training_summary(means), None)
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
        if "mu" in meaning and (mu := columns.number(row[meaning["mu"]])) is not None and math.isfinite(mu):
            record.settings["proximal-mu"] = mu
        if "update_norm" in meaning and (norm := columns.number(row[meaning["update_norm"]])) is not None:
            record.update_norm["all"] = norm if math.isfinite(norm) else None
        record.put(place if step is None else step, values)


def _whole(value: object) -> int | None:
    found = columns.number(value)
    return int(found) if found is not None and math.isfinite(found) and found >= 0 else None
