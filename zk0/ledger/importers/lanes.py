"""Who speaks in a log: a lane is one client or process, a head what stands before the messages of one place in it."""

from dataclasses import dataclass, field

from zk0.ledger.importers.records import TrainingRecord
from zk0.ledger.importers.rules import Rule
from zk0.ledger.importers.steps import Steps
from zk0.ledger.schema import Value


@dataclass
class Lane:
    """One speaker in a log: a client, a process, or the whole file where nothing tells speakers apart."""

    client: str | None = None
    number: int | None = None  # of the round, where a line has said so
    record: TrainingRecord | None = None
    settings: dict[str, Value] = field(default_factory=dict)
    digest_in: str | None = None
    proximal: tuple[int, float] | None = None  # (step, value) told last
    steps: Steps = field(default_factory=Steps)
    fresh: bool = False  # a training was announced and has no step yet


@dataclass(slots=True)
class Head:
    """What stands before the messages of one place in a program; the place tends to print the same message again."""

    lane: Lane
    client: str = ""
    process: str = ""
    level: str = ""
    rule: Rule | None = None  # that knew the last message
    offset: int = 0  # of the message's first word
