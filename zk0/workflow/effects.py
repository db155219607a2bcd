"""What an engine asks of the world: the questions and the deeds, without any answer."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from zk0.core.checks import Check
from zk0.core.git import GitState
from zk0.core.project import Project
from zk0.core.receipts import Receipt
from zk0.core.verdicts import Finding
from zk0.workflow.actions import Action, Context, Inputs, Outputs
from zk0.workflow.approval import Answer, Question
from zk0.workflow.events import JournalEvent, StepFinished
from zk0.workflow.plan import Plan
from zk0.workflow.programs import Command
from zk0.workflow.run import RunDirectory
from zk0.workflow.timeouts import TimeLimit


class Effects(Protocol):
    """What an engine asks of the world."""

    @property
    def dry_run(self) -> bool:
        """Whether nothing can be done, so that the engine only tells what it would do."""

    def now(self) -> datetime:
        """Return the time, with its zone."""

    def code(self) -> GitState:
        """Return what git says of the project."""

    def versions(self) -> dict[str, str]:
        """Return the versions of the packages that decide a result."""

    def open_secrets(self, plan: Plan, only: Collection[str] | None = None) -> None:
        """Take the secrets of a plan from the environment; from here on they are hidden in all that is written."""

    def reveal(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a step's arguments with the secrets in them."""

    def mask_secrets[T](self, value: T) -> T:
        """Return an event, or anything else, without the secrets."""

    def preflight(self, inputs: Inputs) -> None:
        """Let an action's inputs look at the world before the run begins."""

    def open_run(self, plan: Plan, source: str, nested: Mapping[str, str]) -> RunDirectory:
        """Make the directory of a new run, with the workflow file and the inputs in it."""

    def lock_run(self, run: RunDirectory) -> AbstractContextManager[None]:
        """Be the only engine that performs a run, with nothing left of an earlier one."""

    def read_journal(self, run: RunDirectory) -> list[JournalEvent]:
        """Return what was recorded of a run that is held."""

    def append(self, run: RunDirectory, event: JournalEvent) -> None:
        """Record an event for good."""

    def call(
        self, action: Action, inputs: Inputs, context: Context, log: Path, limit: TimeLimit | None = None
    ) -> Outputs:
        """Perform an action, within a limit; what it prints goes into the log."""

    def start(self, command: Command, log: Path) -> int:
        """Run a program and return its exit status; what it prints goes into the log."""

    def pause(self, seconds: float) -> None:
        """Let time pass."""

    def end(self) -> None:
        """End the programs that run and the pauses that pass, for the run is ended."""

    def judge(self, check: Check, outputs: Outputs, options: Mapping[str, Any]) -> list[Finding]:
        """Let a check judge what a step gave."""

    def append_log(self, log: Path, text: str) -> None:
        """Append a text to a log."""

    def write_handover(self, handover: Path, text: str, question: Question | None) -> None:
        """Write down what is asked of an agent, or of a person with the question they sign."""

    def find_answer(self, question: Question) -> Answer | None:
        """Return what a person answered; None where nobody has."""

    def code_digest(self) -> str:
        """Return a digest of the project's code."""

    def digest_files(self, inputs: object) -> object:
        """Return inputs with each file among them named by its content."""

    def earlier_outcomes(self, workflow: str, run: RunDirectory | None = None) -> Iterator[dict[str, StepFinished]]:
        """Yield how the steps of other runs of a workflow ended, newest run first."""

    def is_intact(self, receipt: Receipt) -> bool:
        """Tell whether what a receipt says was made is there, unchanged."""


class DryEffects:
    """No world at all: the time and the paths are real, everything else is refused."""

    dry_run = True

    def __init__(self, project: Project) -> None:
        self.project = project

    def now(self) -> datetime:
        """Return the time in UTC."""
        return datetime.now(UTC)

    def code(self) -> GitState:
        """Say nothing of the code: asking git would start a process."""
        return GitState()

    def versions(self) -> dict[str, str]:
        """Say nothing of the packages."""
        return {}

    def open_secrets(self, plan: Plan, only: Collection[str] | None = None) -> None:
        """Take no secrets."""

    def reveal(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Leave secrets unknown."""
        return arguments

    def mask_secrets[T](self, value: T) -> T:
        """Hide nothing, since nothing is known."""
        return value

    def preflight(self, inputs: Inputs) -> None:
        """Leave the world alone."""

    def open_run(self, plan: Plan, source: str, nested: Mapping[str, str]) -> RunDirectory:  # noqa: ARG002  the shape is the protocol's
        """Name a directory without making it."""
        return RunDirectory(self.project.runs_dir / "dry-run")

    def lock_run(self, run: RunDirectory) -> AbstractContextManager[None]:  # noqa: ARG002
        """Hold nothing."""
        return nullcontext()

    def read_journal(self, run: RunDirectory) -> list[JournalEvent]:
        """Refuse to go on with a run."""
        raise AssertionError(f"a dry run was asked to go on with {run.id}")

    def append(self, run: RunDirectory, event: JournalEvent) -> None:
        """Record nothing."""

    def call(
        self,
        action: Action,
        inputs: Inputs,  # noqa: ARG002
        context: Context,  # noqa: ARG002
        log: Path,  # noqa: ARG002
        limit: TimeLimit | None = None,  # noqa: ARG002
    ) -> Outputs:
        """Refuse to act."""
        raise AssertionError(f"a dry run was asked to perform {action.name}")

    def start(self, command: Command, log: Path) -> int:  # noqa: ARG002
        """Refuse to start a process."""
        raise AssertionError(f"a dry run was asked to start {command.argv[0]}")

    def pause(self, seconds: float) -> None:
        """Refuse to wait."""
        raise AssertionError(f"a dry run was asked to wait {seconds} s")

    def end(self) -> None:
        """Leave alone what runs: nothing does."""

    def judge(self, check: Check, outputs: Outputs, options: Mapping[str, Any]) -> list[Finding]:  # noqa: ARG002
        """Refuse to judge."""
        raise AssertionError(f"a dry run was asked to judge by {check.id}")

    def append_log(self, log: Path, text: str) -> None:
        """Write nothing."""

    def write_handover(self, handover: Path, text: str, question: Question | None) -> None:  # noqa: ARG002
        """Refuse to ask."""
        raise AssertionError(f"a dry run was asked to write {handover}")

    def find_answer(self, question: Question) -> Answer | None:
        """Refuse to ask."""
        raise AssertionError(f"a dry run was asked to consult a person for {question.step}")

    def code_digest(self) -> str:
        """Say nothing of the code."""
        return ""

    def digest_files(self, inputs: object) -> object:
        """Leave files alone."""
        return inputs

    def earlier_outcomes(
        self,
        workflow: str,  # noqa: ARG002
        run: RunDirectory | None = None,  # noqa: ARG002
    ) -> Iterator[dict[str, StepFinished]]:
        """Know of no other run."""
        return iter(())

    def is_intact(self, receipt: Receipt) -> bool:  # noqa: ARG002
        """Vouch for nothing."""
        return False
