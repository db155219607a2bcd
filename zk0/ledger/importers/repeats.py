"""Take the rows that a program prints again and again, without reading each of them anew.

Most rows of a training add one step to the record that the row before added to. Which of its numbers is the step, and
which are measurements, is known from its shape. Whatever else may happen (another epoch, client or round, an
evaluation, a count that begins again) is left to `rows`, which reads the row as if it were the first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from zk0.ledger.importers.logs import EVALUATING, FINAL, LogFile
from zk0.ledger.importers.metric_names import SERIES, parts_never_zero
from zk0.ledger.importers.pairs import Pairs
from zk0.ledger.importers.rows import JUDGED, LOCAL, MEASURED, memory_of, names_evaluation
from zk0.ledger.importers.streams import StepPosition


class NumberPlace(NamedTuple):
    """Where a value stands in a line: which of its numbers it is, and what is to be done to that."""

    at: int
    way: Callable[[float], float] | None  # None: nothing

    def value(self, numbers: Sequence[str]) -> float:
        """Return the value in a line in which these numbers are printed."""
        at, way = self
        return float(numbers[at]) if way is None else way(float(numbers[at]))


@dataclass(frozen=True, slots=True)
class RepeatedRow:
    """Where the numbers of a row stand that it adds."""

    measured: tuple[tuple[str, NumberPlace], ...]  # (series, its place)
    parts: tuple[tuple[str, NumberPlace], ...]  # (part of a loss that may be 0 throughout, its place)
    epoch: NumberPlace | None
    step: NumberPlace | None
    totals: tuple[tuple[int, str], ...]  # (which number, what it stays)
    epochs: float | None  # that are planned
    steps: float | None
    unsure: tuple[tuple[NumberPlace, NumberPlace], ...]  # had the same value so far, and must have the same again

    def take(self, log: LogFile, numbers: Sequence[str]) -> bool:
        """Add the row to the record of its lane; False, and nothing is added, where something else happens in it."""
        stream = log.stream
        record, entered = stream.record, log.server_round
        if record is None or log.phase in (EVALUATING, FINAL) or (entered is not None and record.round != entered):
            return False
        if stream.headed != stream.client if stream.headed else len(stream.others) > 1:
            return False  # it is another client's
        for place, other in self.unsure:
            if place.value(numbers) != other.value(numbers):
                return False
        for at, total in self.totals:
            if numbers[at] != total:
                return False
        step = self._step(log, stream.position, numbers, None if stream.client == LOCAL else stream.client)
        if step is None:
            return False
        rows = memory_of(log)
        rows.drawn = ()
        values = {
            name: float(numbers[at]) if way is None else way(float(numbers[at]))  # as `value`, without its call
            for name, (at, way) in self.measured
        }
        if "accuracy" in values:
            values["accuracy"] = rows.shares.of("accuracy", values["accuracy"])
        log.add_measurements(step, values)
        if self.parts:
            record.count_parts({name: place.value(numbers) for name, place in self.parts})
        return True

    def _step(self, log: LogFile, position: StepPosition, numbers: Sequence[str], client: str | None) -> int | None:
        """Count the row and return its step; None where that is not one of the same epoch, behind the last."""
        if self.epoch is None:
            epoch = position.headings.get("epoch")
        else:
            at, way = self.epoch
            epoch = float(numbers[at]) if way is None else way(float(numbers[at]))
        if self.step is None:
            step, printed = position.last + 1, None
            if step <= 0 or (epoch is not None and position.epoch is not None and epoch < position.epoch):
                return None
        else:
            at, way = self.step
            printed, before = float(numbers[at]) if way is None else way(float(numbers[at])), position.step
            step = position.offset + int(printed)
            if epoch != position.epoch or before is None or printed < before or step <= max(position.last, 0):
                return None
        if self.epoch is not None and (epoch != position.epoch or position.headings):
            log.run.count("epoch", epoch, self.epochs, client=client)
        if printed is not None:
            log.run.count("step", printed, self.steps, client=client)
            position.step = printed
        position.epoch = position.epoch if epoch is None else epoch
        position.last = step
        return step


def repeated_row(
    pairs: Pairs, meaning: dict[str, str], places: dict[tuple[str, str], list[NumberPlace]], printed: Sequence[str]
) -> RepeatedRow | None:
    """Return what the rows of a shape add; None where a row can do more than to add a step to a record.

    `printed` are the numbers of one of them, which names `pairs` with these meanings.
    """
    columns = {kind: ("values", column) for kind, column in meaning.items()}
    measured = [kind for kind in meaning if kind in SERIES]
    if (
        pairs.planned
        or pairs.is_evaluation
        or names_evaluation(tuple(pairs.values))
        or columns.keys() & {*JUDGED, "round", "client", "score"}
        or not MEASURED.intersection(measured)
    ):
        return None
    totals = [("totals", name) for name in pairs.totals]
    parts = [("values", column) for column in parts_never_zero(tuple(pairs.values))]
    used = [*columns.values(), *totals, *parts]
    return RepeatedRow(
        measured=tuple((kind, places[columns[kind]][0]) for kind in measured),
        parts=tuple((column[1], places[column][0]) for column in parts),
        epoch=places[columns["epoch"]][0] if "epoch" in columns else None,
        step=places[columns["step"]][0] if "step" in columns else None,
        totals=tuple((places[name][0].at, printed[places[name][0].at]) for name in totals),
        epochs=pairs.totals.get(meaning.get("epoch", "")),
        steps=pairs.totals.get(meaning.get("step", "")),
        unsure=tuple((places[name][0], other) for name in used for other in places[name][1:]),
    )
