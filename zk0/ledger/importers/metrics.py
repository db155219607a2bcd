"""Rows of numbers, whoever kept them: a CSV, JSON lines, TensorBoard, Weights & Biases.

A row may name its step, its round and its client. Rows with a client or a step are local training; a loss under the
name of an evaluation is the server's. Where no row names a round, all of it is round 1 of one client; where rows name
a round and no step, each row is a round's mean.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from zk0.ledger.importers import columns
from zk0.ledger.importers.records import TrainingRecord
from zk0.ledger.importers.run import Run, client_name

ONE = "local"  # the client of rows that name none

LOCAL = {"policy_loss", "proximal_loss", "total_loss", "gradient_norm"}  # what only training on a client has

type Row = Mapping[str, object]


@dataclass
class Rows:
    """Takes rows, one after the other, into a run; counts those that held something known."""

    run: Run
    file: str
    understood: int = 0
    unknown: int = 0
    told: dict[str, str] = field(default_factory=dict)
    ignored: dict[str, None] = field(default_factory=dict)
    _known: dict[tuple[str, ...], dict[str, str]] = field(default_factory=dict)
    _rows: dict[tuple[str, int | None], int] = field(default_factory=dict)
    _records: dict[tuple[str, int | None], TrainingRecord] = field(default_factory=dict)
    _evaluations: int = 0

    def take_all(self, rows: Iterable[tuple[str, Row]]) -> None:
        """Take rows, each with `file:line`."""
        for at, row in rows:
            self.take(at, row)
        self.conclude()

    def take(self, at: str, row: Row) -> None:
        """Take one row."""
        meaning = self._meaning(row)
        number = _whole(row.get(meaning.get("round", "")))
        before = self.understood
        if "evaluation" in meaning:
            self._evaluated(at, row, meaning, number)
        self._per_client(at, row, number)
        values = _values(row, meaning)
        if self.understood > before and not LOCAL & values.keys():
            values = {}  # the server's row: what else is in it belongs to nobody
        named = row.get(meaning.get("client", ""))
        if values and ("client" not in meaning or named not in (None, "")):
            client = client_name(str(named)) if named not in (None, "") else ONE
            self._trained(at, client, number, _whole(row.get(meaning.get("step", ""))), values, row, meaning)
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
            more = f" and {len(names) - 10} more" if len(names) > 10 else ""  # noqa: PLR2004
            self.run.note(f"{self.file}: columns that mean nothing here: {', '.join(names[:10])}{more}")
        if (ONE, None) in self._records:
            self.run.note(f"{self.file}: no column names rounds or clients: told as round 1 of a client named {ONE}")

    def _meaning(self, row: Row) -> dict[str, str]:
        names = tuple(row)
        known = self._known.get(names)
        if known is None:
            known = columns.meanings(list(names))
            if len(self._known) < 1_000:  # noqa: PLR2004  rows of ever new columns are not worth remembering
                self._known[names] = known
            self.told |= {name: meaning for meaning, name in known.items()}
            self.ignored |= {
                name: None for name in names if name not in known.values() and columns.of_client(name) is None
            }
        return known

    def _evaluated(self, at: str, row: Row, meaning: Mapping[str, str], number: int | None) -> None:
        loss = columns.number(row.get(meaning["evaluation"]))
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

    def _per_client(self, at: str, row: Row, number: int | None) -> None:
        found: dict[str, dict[str, float]] = {}
        for name, value in row.items():
            parts = columns.of_client(name)
            told = columns.number(value)
            if parts and told is not None:
                found.setdefault(client_name(parts[0]), {})[parts[1]] = told
        for client, means in found.items():
            self.understood += 1
            place = number if number is not None else self._rows.get((client, None), 0) + 1
            self._rows[client, None] = place
            record = self.run.training(client, place, file=f"{self.file} (columns)", at=at)
            record.summarise(columns.training_summary(means), None)
            if "param_update_norm" in means:
                record.update_norm["all"] = means["param_update_norm"]

    def _trained(
        self, at: str, client: str, number: int | None, step: int | None, values: dict[str, float], row: Row,
        meaning: Mapping[str, str],
    ) -> None:  # fmt: skip
        self.understood += 1
        key = (client, number)
        record = self._records.get(key)
        if record is None:
            record = self.run.training(client, 1 if number is None else number, file=self.file, at=at)
            self._records[key] = record
        place = self._rows.get(key, 0)
        self._rows[key] = place + 1
        mu = columns.number(row.get(meaning.get("mu", "")))
        if mu is not None and math.isfinite(mu):
            record.settings["proximal-mu"] = mu
        norm = columns.number(row.get(meaning.get("update_norm", "")))
        if norm is not None and math.isfinite(norm):
            record.update_norm["all"] = norm
        if step is None and number is not None and place == 0:
            record.missing.setdefault("steps", "the row does not tell its step")
        record.put(place if step is None else step, values)


def _values(row: Row, meaning: Mapping[str, str]) -> dict[str, float]:
    found = {}
    for name in columns.SERIES:
        value = columns.number(row.get(meaning[name])) if name in meaning else None
        if value is not None:
            found[name] = value
    return found


def _whole(value: object) -> int | None:
    found = columns.number(value)
    return int(found) if found is not None and math.isfinite(found) and found >= 0 else None
