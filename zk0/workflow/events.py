"""What the engine says while it runs; receipts, checklists, memory, reports and progress listen.

The same events, but for `StepProgressed` and `StepPlanned`, are the lines of a run's journal: it tells all that
subscribers were told, and whoever missed it can be told again. A field added later has a default, so that old
journals stay readable.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from zk0.core.errors import ExitStatus
from zk0.core.git import GitState
from zk0.core.receipts import Receipt
from zk0.core.verdicts import Finding, Verdict


@dataclass(frozen=True)
class RunStarted:
    """A run's directory exists and its plan is fixed."""

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
    """A step tells how far it is: `done` of `total` units."""

    run: str
    step: str
    done: int
    total: int
    note: str


@dataclass(frozen=True)
class StepPlanned:
    """A dry run came to a step; `plan` is what it would do, as far as that is known."""

    run: str
    step: str
    title: str
    plan: dict[str, Any]


@dataclass(frozen=True)
class StepRetried:
    """An attempt of a step ended with a verdict after which the step is tried again, in `wait` seconds."""

    run: str
    step: str
    attempt: int
    verdict: Verdict
    reason: str
    at: datetime
    wait: float = 0.0
    kind: Literal["step-retried"] = "step-retried"


@dataclass(frozen=True)
class StepWaiting:
    """A step waits for an agent or a person; `handover` says for what.

    `attempt` counts how often what they did was judged, `missing` is what was not good enough the last time.
    """

    run: str
    step: str
    title: str
    ask: str
    attempt: int
    at: datetime
    handover: Path
    missing: tuple[Finding, ...] = ()
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
    """A step ended, well or not; the receipt tells all about it.

    `exit_status` is what the process would end with if this step were all, `proposals` name the workflows that repair
    what was found, `basis` is what the outcome rests on where it may be reused, and `reason` why it ran or did not.
    """

    receipt: Receipt
    exit_status: ExitStatus = ExitStatus.done
    proposals: tuple[str, ...] = ()
    basis: dict[str, str] = field(default_factory=dict)
    reason: str = ""
    kind: Literal["step-finished"] = "step-finished"


@dataclass(frozen=True)
class StepRepairing:
    """A step failed, and a workflow runs that repairs what made it fail; then it is tried once more."""

    failed: StepFinished
    workflow: str
    at: datetime
    kind: Literal["step-repairing"] = "step-repairing"


@dataclass(frozen=True)
class Selection:
    """Which steps of its workflow a run performs; of others, what they gave in earlier runs is `given`.

    `asked` is how that was asked for, such as `--only train`.
    """

    asked: str
    steps: tuple[str, ...]
    given: tuple[StepFinished, ...] = ()


@dataclass(frozen=True)
class RunFinished:
    """The run is over."""

    run: str
    workflow: str
    directory: Path
    verdict: Verdict
    exit_status: ExitStatus
    proposals: tuple[str, ...]
    at: datetime
    kind: Literal["run-finished"] = "run-finished"


@dataclass(frozen=True)
class RunResumed:
    """The run goes on after it waited, was killed, interrupted or had failed; the steps from `since` on are done anew.

    As a `whole`: also those steps within `since` that did their work. Where `redone` names steps, those are done anew
    and no others; within those that it names `partly`, what did its work stays.
    """

    run: str
    at: datetime
    since: str | None = None
    whole: bool = True
    redone: tuple[str, ...] = ()
    partly: tuple[str, ...] = ()
    code: GitState = field(default_factory=GitState)
    environment: dict[str, str] = field(default_factory=dict)
    kind: Literal["run-resumed"] = "run-resumed"


@dataclass(frozen=True)
class RunCancelled:
    """Somebody gave the run up."""

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
