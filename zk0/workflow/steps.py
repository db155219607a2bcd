"""How a step of a run stands, and how a resumption finds it."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, computed_field

from zk0.errors import ExitStatus
from zk0.receipts import Receipt
from zk0.verdicts import Finding, Verdict


class StepStatus(StrEnum):
    """How a step of a run stands."""

    pending = "pending"
    started = "started"
    waiting = "waiting"
    finished = "finished"
    skipped = "skipped"


class StepState(BaseModel):
    """One step of a run.

    `reason` says why it was skipped, ran or was reused, `missing` what a step that waits still lacks.
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

    @computed_field  # type: ignore[prop-decorator]  # pydantic's own documented form
    @property
    def seconds(self) -> float | None:
        """How long it took; None where it did not finish."""
        return self.receipt.seconds if self.receipt else None

    @property
    def did_its_work(self) -> bool:
        """Whether it ended, and well."""
        return self.status is StepStatus.finished and self.verdict is not None and not self.verdict.stops


def resumed(steps: Mapping[str, StepState], since: str | None, *, whole: bool) -> dict[str, StepState]:
    """Return the steps as a resumption finds them; pure.

    The step in flight is still to be done; what waits goes on waiting. So are `since` and all steps behind it. Of the
    steps within `since`, those that did their work stay, unless it is done anew as a `whole`: of a hundred items of
    which one failed, one is done again.
    """
    top = [name for name in steps if "/" not in name]
    redone = set(top[top.index(since) :]) if since in top else set()
    broken: set[str] = set()
    found = {}
    for name, step in steps.items():
        root, _, rest = name.partition("/")
        if root not in redone:
            found[name] = _to_be_done(step) if step.status is StepStatus.started else step
        elif not rest:
            found[name] = StepState(id=name)
        elif root == since and not whole and _stays(step, broken):
            found[name] = step
    return found


def _to_be_done(step: StepState) -> StepState:
    return StepState(id=step.id, title=step.title, attempt=step.attempt)


def _stays(step: StepState, broken: set[str]) -> bool:
    """Whether a step within one that is done again keeps what it did: it was good, and so were those before it."""
    parent, _, own = step.id.rpartition("/")
    if parent in broken:
        return False
    if not step.did_its_work and not own.isdigit():  # items do not rest on each other; the steps of a workflow do
        broken.add(parent)
    return step.did_its_work
