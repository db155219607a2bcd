"""How far a run is and how far it is to go, by what its lines count: rounds, epochs, steps."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from zk0.ledger.log_events import LogProgress

type Unit = Literal["round", "epoch", "step"]


@dataclass
class _Count:
    planned: float | None = None
    reached: float | None = None
    begins: float | None = None  # the first that a line says
    stride: float | None = None  # from the line before to the highest


@dataclass
class ProgressCounts:
    """The highest number of each unit and client that a line says, and the highest that is planned.

    What had come to its end and begins again is another client's training, or the next round's: it counts then.
    """

    counts: dict[tuple[Unit, str | None], _Count] = field(default_factory=dict)

    def add(self, unit: Unit, reached: float | None, planned: float | None, client: str | None) -> bool:
        """Keep what a line says; return whether something begins again."""
        count = self.counts.get((unit, client))
        if count is None:
            self.counts[unit, client] = _Count(planned, reached, reached)
            return False
        if reached is not None and reached == count.reached and planned in (None, count.planned):
            return False  # the usual case: another step of the same epoch
        if reached is not None:
            if count.begins is None:
                count.begins = reached
            if count.reached is None or reached > count.reached:
                count.stride = None if count.reached is None else reached - count.reached
                count.reached = reached
            elif _begins_again(count, reached, planned):
                count.reached = reached
                return True
        if planned is not None and (count.planned is None or planned > count.planned):
            count.planned = planned
        return False

    def events(self) -> Iterator[LogProgress]:
        """Yield one event for each unit and client."""
        for (unit, client), one in self.counts.items():
            yield LogProgress(
                unit=unit, client=client, planned=one.planned, reached=one.reached, begins=one.begins, stride=one.stride
            )


def _begins_again(count: _Count, reached: float, planned: float | None) -> bool:
    """Return whether a count that was at its end is near its beginning, on the way to the same end."""
    at_end = count.planned is not None and count.reached is not None and count.reached >= count.planned == planned
    return at_end and planned is not None and reached <= planned / 2
