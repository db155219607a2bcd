"""The events of a run, to which receipts, checklists, memory, reports and progress subscribe.

All but `StepProgressed` and `StepPlanned` are the lines of the run's journal, so a subscriber that missed one can get
it again. A field added later has a default, so that old journals stay readable.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from zk0.core.errors import ExitStatus
from zk0.core.git import GitState
from zk0.core.receipts import Failure, Receipt
from zk0.core.verdicts import Finding, Verdict
from zk0.workflow.clock import Ticks


@dataclass(frozen=True)
class RunStarted:
    """A run's directory exists and its plan is fixed; `spec` is the digest of the workflow files it performs."""

    run: str
    workflow: str
    directory: Path
    steps: tuple[str, ...]
    at: datetime
    title: str = ""
    seed: int = 0
    inputs: dict[str, Any] = field(default_factory=dict)
    code: GitState = field(default_factory=GitState)
    environment: dict[str, str] = field(default_factory=dict)
    selection: "Selection | None" = None
    ticks: Ticks | None = None
    spec: str = ""
    kind: Literal["run-started"] = "run-started"


@dataclass(frozen=True)
class StepStarted:
    """A step begins, or begins again."""

    run: str
    step: str
    title: str
    attempt: int
    at: datetime
    kind: Literal["step-started"] = "step-started"


@dataclass(frozen=True)
class StepProgressed:
    """A step reports its progress: `done` of `total` units."""

    run: str
    step: str
    done: int
    total: int
    note: str


@dataclass(frozen=True)
class StepPlanned:
    """A dry run reached a step; `plan` is what the step would do, as far as that is known."""

    run: str
    step: str
    title: str
    plan: dict[str, Any]


@dataclass(frozen=True)
class StepRetried:
    """An attempt of a step failed, and the next one begins in `wait` seconds."""

    run: str
    step: str
    attempt: int
    verdict: Verdict
    reason: str
    at: datetime
    wait: float = 0.0
    kind: Literal["step-retried"] = "step-retried"


@dataclass(frozen=True)
class HandedTask:
    """What an agent or a person is asked to do: by which criteria it is judged, and within which files and bounds.

    `scope` is a list of files, folders and globs that zk0 enforces, or prose for the reader.
    """

    instruction: str
    scope: str | tuple[str, ...]
    criteria: tuple[str, ...]
    constraints: tuple[str, ...]


@dataclass(frozen=True)
class StepWaiting:
    """A step waits for an agent or a person to do what `handover` says.

    `attempt` counts how often their work was judged; `missing` is what was not good enough the last time. `files` is
    the digest of the project's files when it was handed over, `statement` what a person is asked to approve.
    """

    run: str
    step: str
    title: str
    ask: str
    attempt: int
    at: datetime
    handover: Path
    missing: tuple[Finding, ...] = ()
    ticks: Ticks | None = None
    files: str = ""
    statement: str = ""
    task: HandedTask | None = None
    kind: Literal["step-waiting"] = "step-waiting"


@dataclass(frozen=True)
class StepSkipped:
    """A step's `when` is false (`not-applicable`), or an earlier step stopped the run (`not-available`)."""

    run: str
    step: str
    title: str
    reason: str
    at: datetime
    verdict: Verdict = Verdict.not_applicable
    kind: Literal["step-skipped"] = "step-skipped"


@dataclass(frozen=True)
class StepFinished:
    """A step ended, successfully or not; the receipt has the details.

    `exit_status` is that of a run of this step alone, `proposals` name workflows that repair what was found, `basis`
    holds the digests that decide whether the outcome can be reused, and `reason` says why the step ran or was reused.
    """

    receipt: Receipt
    exit_status: ExitStatus = ExitStatus.done
    proposals: tuple[str, ...] = ()
    basis: dict[str, str] = field(default_factory=dict)
    reason: str = ""
    kind: Literal["step-finished"] = "step-finished"


@dataclass(frozen=True)
class StepRepairing:
    """A step failed, and a workflow runs to repair the cause; then the step is tried once more."""

    failed: StepFinished
    workflow: str
    at: datetime
    kind: Literal["step-repairing"] = "step-repairing"


@dataclass(frozen=True)
class Selection:
    """The steps of its workflow that a run performs, and the outcomes of earlier runs that it reuses for others.

    `requested` holds the options that chose them, such as `--only train`.
    """

    __pydantic_config__: ClassVar = ConfigDict(serialize_by_alias=True)

    requested: Annotated[str, Field(alias="asked")]  # the aliases are the names in the journal
    steps: tuple[str, ...]
    reused: Annotated[tuple[StepFinished, ...], Field(alias="given")] = ()


@dataclass(frozen=True)
class RunFinished:
    """The run is over; `outputs` are those of its workflow, and `failure` why they have no value.

    `files` is the digest of the project's files, if a person approved them.
    """

    run: str
    workflow: str
    directory: Path
    verdict: Verdict
    exit_status: ExitStatus
    proposals: tuple[str, ...]
    at: datetime
    outputs: dict[str, Any] = field(default_factory=dict)
    failure: Failure | None = None
    ticks: Ticks | None = None
    files: str = ""
    kind: Literal["run-finished"] = "run-finished"


@dataclass(frozen=True)
class RunResumed:
    """The run goes on after it waited, was killed, interrupted or failed; the steps from `from_step` on run again.

    With `whole`, so do the steps within `from_step` that succeeded. If `redone` names steps, only those run again;
    within those in `partly`, what succeeded stays. `spec` is the digest of the workflow files, and `steps` are its
    steps, if the run goes on with new ones.
    """

    __pydantic_config__: ClassVar = ConfigDict(serialize_by_alias=True)

    run: str
    at: datetime
    from_step: Annotated[str | None, Field(alias="since")] = None
    whole: bool = True
    redone: tuple[str, ...] = ()
    partly: tuple[str, ...] = ()
    code: GitState = field(default_factory=GitState)
    environment: dict[str, str] = field(default_factory=dict)
    spec: str = ""
    steps: tuple[str, ...] = ()
    kind: Literal["run-resumed"] = "run-resumed"


@dataclass(frozen=True)
class RunCancelled:
    """The run was cancelled."""

    run: str
    at: datetime
    kind: Literal["run-cancelled"] = "run-cancelled"


type JournalEvent = Annotated[
    RunStarted
    | StepStarted
    | StepRetried
    | StepWaiting
    | StepSkipped
    | StepFinished
    | StepRepairing
    | RunFinished
    | RunResumed
    | RunCancelled,
    Field(discriminator="kind"),
]
type Event = JournalEvent | StepPlanned | StepProgressed
type Subscriber = Callable[[Event], None]
