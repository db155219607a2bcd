"""Read a ledger back, and ask it questions."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from zk0.core.app_subject import declares_own, first_run, is_about_zk0, require_app
from zk0.core.checks import CheckContext, Part, register_subject
from zk0.core.errors import AssetMissingError, LedgerError
from zk0.core.portable_paths import to_local
from zk0.core.project import Project
from zk0.core.receipts import ReceiptStore
from zk0.ledger.log_events import EvaluationReplies, Incident, LogProgress, LogRead
from zk0.ledger.schema import (
    EVENT,
    OPTIONAL_SERIES,
    Aggregation,
    Decision,
    Evaluation,
    Event,
    RolloutResult,
    RunClosed,
    RunOpened,
    Training,
)


def _events_of[E](kind: type[E]) -> cached_property[tuple[E, ...]]:
    """Return a ledger's property of all its events of a kind."""
    return cached_property(lambda ledger: tuple(event for event in ledger.events if isinstance(event, kind)))


@dataclass(frozen=True)
class Ledger:
    """The events of one run, in order; `torn` where a crash cut off the last line."""

    events: tuple[Event, ...]
    source: str = "ledger"
    torn: bool = False

    trainings = _events_of(Training)  # each client's work in each round
    aggregations = _events_of(Aggregation)  # one a round
    evaluations = _events_of(Evaluation)  # one a data set and round, round 0 included
    rollouts = _events_of(RolloutResult)  # closed-loop results
    decisions = _events_of(Decision)  # the server's, round by round
    incidents = _events_of(Incident)  # errors, refusals and claims in a log
    progress = _events_of(LogProgress)  # how far a log came of what it planned; one for each unit and client
    evaluation_replies = _events_of(EvaluationReplies)  # one a round
    logs = _events_of(LogRead)  # one a file

    @cached_property
    def opened(self) -> RunOpened | None:
        """The run's configuration, clients and versions."""
        return next((event for event in self.events if isinstance(event, RunOpened)), None)

    @cached_property
    def closed(self) -> RunClosed | None:
        """The end of the run; None while it goes on or when it was killed."""
        return next((event for event in self.events if isinstance(event, RunClosed)), None)

    @property
    def last_round(self) -> int:
        """The last round with an aggregate; 0 before the first."""
        return max((found.round for found in self.aggregations if found.digest_out), default=0)

    def until(self, last: int) -> tuple[Event, ...]:
        """Return the events up to and including round `last`, without a closing one."""
        return tuple(
            event
            for event in self.events
            if not isinstance(event, RunClosed)
            and (isinstance(event, RunOpened) or (number := getattr(event, "round", None)) is None or number <= last)
        )

    def comparable(self) -> list[dict[str, Any]]:
        """Return the events without what differs between two identical runs (times, memory)."""
        return [event.model_dump(mode="json", exclude={"resources", *OPTIONAL_SERIES}) for event in self.events]


def last_ledger(project: Project) -> Path:
    """Return the ledger of the last run of the project's app that wrote one.

    Raises:
        AssetMissingError: no run has, the last one failed, its ledger is gone, or the project's app is neither its own
            nor zk0's.
        UnknownNameError: a receipt was changed since it was written.
    """
    own = declares_own(project)
    if not own:
        require_app(project)
    written = (receipt for receipt in ReceiptStore(project.runs_dir).all() if receipt.outputs.get("ledger"))
    found = [receipt for receipt in written if is_about_zk0(receipt.uses) is not own]
    if not found:
        raise AssetMissingError("no run has written a ledger yet", remedy=first_run(project))
    receipt = max(found, key=lambda receipt: receipt.order)
    if receipt.verdict.stops:
        raise AssetMissingError(f"step {receipt.step} of run {receipt.run} failed", remedy=first_run(project))
    path = Path(to_local(str(receipt.outputs["ledger"]), project.root))
    if not path.is_file():
        raise AssetMissingError(f"the ledger of run {receipt.run} is gone: {path}", remedy=first_run(project))
    return path


def find_ledger(context: CheckContext) -> Ledger:
    """Return the ledger that a check judges: the one that the step has written, or the project's last."""
    written = getattr(context.outputs, "ledger", None)
    path = Path(written or last_ledger(context.project))
    known = path.stat() if path.is_file() else None
    return _read_once(path, known and known.st_mtime_ns, known and known.st_size)


@lru_cache(maxsize=1)  # several checks of one step judge the same ledger
def _read_once(path: Path, _changed: int | None, _size: int | None) -> Ledger:
    return read_ledger(path)


register_subject(Ledger, find_ledger, fields=("ledger",), reads=(Part.runs,))


def read_ledger(path: Path) -> Ledger:
    """Read a ledger file.

    Raises:
        LedgerError: the file does not exist, or a line in it is not an event.
    """
    if not path.is_file():
        raise LedgerError(f"no ledger at {path}", remedy="zk0 runs")
    events: list[Event] = []
    lines = path.read_bytes().split(b"\n")  # bytes: a crash may cut a character in two
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            events.append(EVENT.validate_json(line))
        except ValidationError as error:
            # Every complete line ends in a newline; what follows the last one was being written when the run died.
            if number == len(lines):
                return Ledger(tuple(events), str(path), torn=True)
            first = error.errors()[0]
            reason = ": ".join(filter(None, (".".join(str(part) for part in first["loc"]), first["msg"])))
            raise LedgerError(
                f"{path}:{number}: not a ledger event: {reason}",
                remedy="restore the file: zk0 only appends to it, so something else changed it",
            ) from error
    return Ledger(tuple(events), str(path))
