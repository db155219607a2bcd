"""How a step of a run stands, and how a resumption finds it."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, computed_field

from zk0.core.errors import ExitStatus
from zk0.core.receipts import Receipt
from zk0.core.verdicts import Finding, Verdict
from zk0.workflow.events import RunResumed, StepFinished
from zk0.workflow.planned import ON_FAIL


class StepStatus(StrEnum):
    """How a step of a run stands."""

    pending = "pending"
    started = "started"
    waiting = "waiting"
    finished = "finished"
    skipped = "skipped"


class StepState(BaseModel):
    """One step of a run.

    `reason` says why it was skipped, ran or was reused, `missing` what a step that waits still lacks, `asked` since
    when it waits. `failed` is how it ended before it was repaired.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    title: str = ""
    status: StepStatus = StepStatus.pending
    verdict: Verdict | None = None
    attempt: int = 0
    reason: str = ""
    receipt: Receipt | None = None
    exit_status: ExitStatus = ExitStatus.done
    proposals: tuple[str, ...] = ()
    ask: str = ""
    handover: Path | None = None
    missing: tuple[Finding, ...] = ()
    asked: datetime | None = None
    failed: StepFinished | None = None

    @computed_field  # type: ignore[prop-decorator]  # pydantic's own documented form
    @property
    def seconds(self) -> float | None:
        """How long it took; None where it did not finish."""
        return self.receipt.seconds if self.receipt else None

    @property
    def did_its_work(self) -> bool:
        """Whether it ended, and well."""
        return self.status is StepStatus.finished and self.verdict is not None and not self.verdict.stops


def resumed(steps: Mapping[str, StepState], event: RunResumed) -> dict[str, StepState]:
    """Return the steps as a resumption finds them; pure.

    The steps in flight are still to be done; what waits goes on waiting. Of the steps that are done anew, those within
    that did their work stay where it is not done as a whole: of a hundred items of which one failed, one is done again.
    """
    top = [name for name in steps if "/" not in name]
    since = top.index(event.since) if event.since in top else len(top)
    redone = set(event.redone or top[since:])
    partly: set[str | None] = set(event.partly) or (set() if event.whole else {event.since})
    broken: set[str] = set()
    found: dict[str, StepState] = {}
    for name, step in steps.items():
        root, _, rest = name.partition("/")
        if root not in redone:
            found[name] = _to_be_done(step) if step.status is StepStatus.started else step
        elif not rest:
            found[name] = StepState(id=name)
        elif root in partly and _stays(step, broken) and _has_its_failure(name, found):
            found[name] = step
    return found


def _to_be_done(step: StepState) -> StepState:
    return StepState(id=step.id, title=step.title, attempt=step.attempt, failed=step.failed)


def _stays(step: StepState, broken: set[str]) -> bool:
    """Whether a step within one that is done again keeps what it did: it was good, and so were those before it."""
    parent, _, own = step.id.rpartition("/")
    if parent in broken:
        return False
    if not step.did_its_work and not own.isdigit():  # items do not rest on each other; the steps of a workflow do
        broken.add(parent)
    return step.did_its_work


def _has_its_failure(name: str, found: Mapping[str, StepState]) -> bool:
    """Whether, if this is part of a repair, what it repaired still is on record: a new failure needs a new repair."""
    owner, within, _ = name.partition(f"/{ON_FAIL}")
    return not within or (owner in found and found[owner].failed is not None)
