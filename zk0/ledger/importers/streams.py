"""The lines of one process or client while a log is read."""

import re
from dataclasses import dataclass, field

from zk0.ledger.importers.records import TrainingRecord
from zk0.ledger.importers.run_builder import client_name
from zk0.ledger.importers.tracebacks import Traceback
from zk0.ledger.schema import Value

_CLIENT_LANE = re.compile(
    r"(?:^|[-_/.])(?:(?P<client>client|supernode|site)[-_.]?(?P<name>[A-Za-z0-9]+)?)", re.IGNORECASE
)
_RANK_LANE = re.compile(r"(?:rank|default)[-_]?(\d+)$", re.IGNORECASE)


class StepCounter:
    """Counts the steps of a training's lines."""

    def __init__(self) -> None:
        self.last = 0
        self.distance = 0

    def next(self, printed: int, scale: int) -> int:
        """Return how many steps are done at a line that prints this, rounded to `scale`."""
        if scale == 1:
            if printed > self.last:
                self.distance = printed - self.last
            self.last = printed
        else:
            counted = self.last + (self.distance or scale)
            agrees = abs(counted - printed * scale) <= scale  # rounded half to even, and never off by more than one
            self.last = counted if agrees else printed * scale
        return self.last


@dataclass
class StepPosition:
    """Where a training is, by what its lines count; each line gives a part of it."""

    epoch: float | None = None
    step: float | None = None  # as printed, which may begin again with each epoch
    per_epoch: float | None = None  # steps, where a line says it
    offset: int = 0  # steps before the printed one's first
    last: int = -1  # the step that was put last
    headings: dict[str, float] = field(default_factory=dict)  # counters on lines of their own


@dataclass
class LogStream:
    """The lines of one client or process; of the whole file where the lines name neither."""

    client: str | None = None
    number: int | None = None  # of the round, where a line has said so
    record: TrainingRecord | None = None
    settings: dict[str, Value] = field(default_factory=dict)
    digest_in: str | None = None
    proximal: tuple[int, float] | None = None  # (step, value), the latest
    steps: StepCounter = field(default_factory=StepCounter)
    fresh: bool = False  # a training was announced and has no step yet
    measured: int = 0  # lines with measurements
    position: StepPosition = field(default_factory=StepPosition)
    headed: str | None = None  # the client whose name is the heading of what follows
    # Where other clients were whose lines are in the same lane.
    others: dict[str | None, tuple[TrainingRecord | None, StepPosition]] = field(default_factory=dict)
    traceback: Traceback | None = None  # that is being read


def lane_client(lane: str) -> str | None:
    """Return the client that a lane's name names (`flower-client-2`, `rank0`); None for a server or any other."""
    for word in lane.split():
        rank = _RANK_LANE.search(word)
        if rank:
            return f"rank {rank[1]}" if int(rank[1]) else None  # where only one prints, it is this one
        found = _CLIENT_LANE.search(word)
        if found:
            return client_name(found["name"] or "client")
    return None
