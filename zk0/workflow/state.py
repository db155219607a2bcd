"""The state of a run: the fold of its journal, a pure function over events."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, computed_field

from zk0.core.errors import ExitStatus, JournalError, UnknownNameError
from zk0.core.git import GitState
from zk0.core.receipts import Failure, Receipt
from zk0.core.verdicts import SEVERITY, Finding, Verdict, worst
from zk0.workflow.clock import Ticks, seconds_between
from zk0.workflow.events import (
    HandedTask,
    JournalEvent,
    RunCancelled,
    RunFinished,
    RunResumed,
    RunStarted,
    Selection,
    StepFinished,
    StepRepairing,
    StepRetried,
    StepSkipped,
    StepStarted,
    StepWaiting,
)
from zk0.workflow.reserved import ON_FAIL


class StepStatus(StrEnum):
    """The status of a step; `interrupted` is one that was running when its run was interrupted or cancelled."""

    pending = "pending"
    started = "started"
    waiting = "waiting"
    interrupted = "interrupted"
    finished = "finished"
    skipped = "skipped"


class StepState(BaseModel):
    """One step of a run.

    `reason` says why it was skipped, ran or was reused, `missing` what a step that waits still lacks, `asked` since
    when it waits, `files` and `statement` what it was asked about. `failed` is how it ended before it was repaired.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

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
    asked_ticks: Ticks | None = Field(None, exclude=True)
    files: str = ""
    statement: str = ""
    task: HandedTask | None = None
    failed: StepFinished | None = None

    @computed_field  # type: ignore[prop-decorator]  # pydantic's own documented form
    @property
    def seconds(self) -> float | None:
        """The duration; None if it did not finish."""
        return self.receipt.seconds if self.receipt else None

    @property
    def did_its_work(self) -> bool:
        """Whether it finished successfully."""
        return self.status is StepStatus.finished and self.verdict is not None and not self.verdict.stops


def resumed(steps: Mapping[str, StepState], event: RunResumed) -> dict[str, StepState]:
    """Return the steps after a resumption.

    Steps that were running are pending again; a step that waits still waits. Within a step that runs again, but not as
    a whole, the steps that succeeded stay: if one of a hundred items failed, only that one runs again.
    """
    if event.steps:  # another workflow file: what has no place in it is left out, what is new is to be done
        within = {top: [name for name in steps if name.startswith(f"{top}/")] for top in event.steps}
        names = [name for top in event.steps for name in (top, *within[top])]
        steps = {name: steps.get(name, StepState(id=name)) for name in names}
    top = [name for name in steps if "/" not in name]
    first = top.index(event.from_step) if event.from_step in top else len(top)
    redone = set(event.redone or top[first:])
    partly: set[str | None] = set(event.partly) or (set() if event.whole else {event.from_step})
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
    """Return whether a step within one that runs again keeps its outcome: it succeeded, and so did those before it."""
    parent, _, own = step.id.rpartition("/")
    if parent in broken:
        return False
    if not step.did_its_work and not own.isdigit():  # items do not rest on each other; the steps of a workflow do
        broken.add(parent)
    return step.did_its_work


def _has_its_failure(name: str, found: Mapping[str, StepState]) -> bool:
    """Return whether the failure that a repair belongs to is still recorded: a new failure needs a new repair."""
    owner, within, _ = name.partition(f"/{ON_FAIL}")
    return not within or (owner in found and found[owner].failed is not None)


__all__ = ["RunState", "RunStatus", "StepState", "StepStatus", "fold"]


class RunStatus(StrEnum):
    """The status of a run.

    `waiting` is for an agent or a person; `unfinished` is running, or was killed: the journal alone does not say which.
    The records of an `altered` run do not agree, so nothing in them counts; the journal alone does not say that either.
    """

    unfinished = "unfinished"
    waiting = "waiting"
    done = "done"
    failed = "failed"
    interrupted = "interrupted"
    cancelled = "cancelled"
    altered = "altered"


UNDONE = (RunStatus.interrupted, RunStatus.cancelled)  # a run of which steps may be left


class RunState(BaseModel):
    """The state of a run, from its journal.

    `spec` is the digest of the workflow files it performs now, `spec_changed` when it got new ones. `differences` says
    how its records disagree.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    run: str
    workflow: str
    title: str
    status: RunStatus
    exit_status: ExitStatus | None
    seed: int
    inputs: dict[str, Any]
    code: GitState
    environment: dict[str, str]
    selection: Selection | None = None
    started: datetime
    finished: datetime | None
    outputs: dict[str, Any] = {}
    failure: Failure | None = None
    ticks: Ticks | None = Field(None, exclude=True)
    took: float | None = Field(None, exclude=True)
    steps: tuple[StepState, ...]
    spec: str = ""
    spec_changed: datetime | None = None
    differences: tuple[str, ...] = ()

    @computed_field  # type: ignore[prop-decorator]  # pydantic's own documented form
    @property
    def verdict(self) -> Verdict:
        """The worst verdict of its steps; `fail` if its outputs failed, `not-available` if its records were altered.

        It can't be better than `not-available` if a step was not done.
        """
        if self.status is RunStatus.altered:
            return Verdict.not_available
        undone = self.status in UNDONE and any(step.verdict is None for step in self.steps)
        own = [Verdict.failed] if self.failure else []
        known = [*own, *(step.verdict for step in self.steps if step.verdict)]
        return max([*known, Verdict.not_available], key=SEVERITY.index) if undone else worst(known)

    @computed_field  # type: ignore[prop-decorator]  # pydantic's own documented form
    @property
    def seconds(self) -> float | None:
        """The duration; None if it did not finish."""
        return self.took

    @computed_field  # type: ignore[prop-decorator]  # pydantic's own documented form
    @property
    def proposals(self) -> tuple[str, ...]:
        """The proposed workflows that repair what was found, each once, in the order of the steps."""
        return tuple(dict.fromkeys(name for step in self.steps for name in step.proposals))

    @property
    def receipts(self) -> tuple[Receipt, ...]:
        """The receipts of its finished steps, in order."""
        return tuple(step.receipt for step in self.steps if step.receipt)

    def step(self, name: str) -> StepState:
        """Return one step.

        Raises:
            UnknownNameError: the run has no such step.
        """
        for step in self.steps:
            if step.id == name:
                return step
        known = ", ".join(step.id for step in self.steps)
        raise UnknownNameError(f"run {self.run} has no step {name!r}", remedy=f"its steps are {known}")


def fold(events: Iterable[JournalEvent]) -> RunState:
    """Return the state that a run's events make.

    Raises:
        JournalError: the first event is not the start of a run, or a step is not one of the run's.
    """
    remaining = iter(events)
    start = next(remaining, None)
    if not isinstance(start, RunStarted):
        raise JournalError("a journal begins with the start of its run; this one does not")
    steps = {step: StepState(id=step) for step in start.steps}
    end: RunFinished | None = None
    cancelled = False
    replaced: RunResumed | None = None
    for event in remaining:
        match event:
            case RunStarted():
                raise JournalError(f"run {start.run} starts twice in its journal")
            case RunFinished():
                end = event
            case RunResumed():
                end, cancelled = None, False
                steps = resumed(steps, event)
                replaced = event if event.spec else replaced
            case RunCancelled():
                cancelled = True
            case _:
                step = _step_of(event)
                before = steps.get(step)
                if before is None:
                    if step.rpartition("/")[0] not in steps:
                        raise JournalError(f"the journal of {start.run} has step {step!r}, which is not in its plan")
                    before = StepState(id=step)
                steps[step] = _advanced(before, event)
    waits = any(step.status is StepStatus.waiting for step in steps.values())
    state = RunState(
        run=start.run,
        workflow=start.workflow,
        title=start.title,
        status=RunStatus.waiting if waits else RunStatus.unfinished,
        exit_status=ExitStatus.waiting if waits else None,
        seed=start.seed,
        inputs=start.inputs,
        code=start.code,
        environment=start.environment,
        selection=start.selection,
        started=start.at,
        finished=None,
        ticks=start.ticks,
        steps=tuple(_in_order(steps)),
        spec=(replaced or start).spec,
        spec_changed=replaced.at if replaced else None,
    )
    if end:
        state = end_run(state, end)
    return state.model_copy(update={"status": RunStatus.cancelled}) if cancelled else state


def end_run(state: RunState, end: RunFinished) -> RunState:
    """Return the state of a run after its end."""
    status = {ExitStatus.done: RunStatus.done, ExitStatus.interrupted: RunStatus.interrupted}
    return state.model_copy(
        update={
            "status": status.get(end.exit_status, RunStatus.failed),
            "exit_status": end.exit_status,
            "finished": end.at,
            "outputs": end.outputs,
            "failure": end.failure,
            "took": seconds_between(state.ticks, end.ticks, state.started, end.at),
            "steps": tuple(map(_ended, state.steps)),
        }
    )


def _ended(step: StepState) -> StepState:
    """Return a step of a run that is over: what was running was interrupted."""
    return step.model_copy(update={"status": StepStatus.interrupted}) if step.status is StepStatus.started else step


type StepEvent = StepStarted | StepRetried | StepWaiting | StepSkipped | StepFinished | StepRepairing


def _step_of(event: StepEvent) -> str:
    match event:
        case StepFinished():
            return event.receipt.step
        case StepRepairing():
            return event.failed.receipt.step
    return event.step


def _in_order(steps: Mapping[str, StepState]) -> Iterator[StepState]:
    """Return each step of the run's own workflow, followed by those within it; items by number."""
    place: dict[str, tuple[int, ...]] = {"": ()}
    for name in steps:  # a step begins before those within it
        parent, _, own = name.rpartition("/")
        place[name] = (*place[parent], int(own) if own.isdigit() else len(place))
    return (steps[name] for name in sorted(steps, key=place.__getitem__))


def _advanced(step: StepState, event: StepEvent) -> StepState:
    match event:
        case StepStarted():
            return StepState(
                id=step.id, title=event.title, status=StepStatus.started, attempt=event.attempt, failed=step.failed
            )
        case StepRetried():
            return step.model_copy(update={"verdict": event.verdict, "attempt": event.attempt + 1})
        case StepRepairing(failed=failed):
            update = {"verdict": failed.receipt.verdict, "attempt": failed.receipt.attempt + 1, "failed": failed}
            return step.model_copy(update=update)
        case StepWaiting():
            return StepState(
                id=step.id,
                title=event.title,
                status=StepStatus.waiting,
                attempt=event.attempt,
                ask=event.ask,
                handover=event.handover,
                missing=event.missing,
                asked=step.asked or event.at,
                asked_ticks=step.asked_ticks if step.asked else event.ticks,
                files=event.files,
                statement=event.statement,
                task=event.task,
            )
        case StepSkipped():
            return StepState(
                id=step.id, title=event.title, status=StepStatus.skipped, verdict=event.verdict, reason=event.reason
            )
        case StepFinished():
            return StepState(
                id=step.id,
                title=event.receipt.title,
                status=StepStatus.finished,
                verdict=event.receipt.verdict,
                attempt=event.receipt.attempt,
                receipt=event.receipt,
                reason=event.reason,
                exit_status=event.exit_status,
                proposals=event.proposals,
                failed=step.failed,
            )
