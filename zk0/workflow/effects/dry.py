"""No world at all, for a dry run: the time and the paths are real, everything else is refused."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from zk0.core.checks import Check
from zk0.core.git import GitState
from zk0.core.project import Project
from zk0.core.receipts import Receipt
from zk0.core.verdicts import Finding
from zk0.workflow.actions import Action, Context, Inputs, Outputs
from zk0.workflow.approval import Answer, Question
from zk0.workflow.events import JournalEvent, StepFinished
from zk0.workflow.planned import Plan
from zk0.workflow.programs import Command
from zk0.workflow.run import RunDirectory
from zk0.workflow.timeouts import TimeLimit


class DryEffects:
    """No world at all: the time and the paths are real, everything else is refused."""

    rehearsing = True

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

    def revealed(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Leave secrets unknown."""
        return arguments

    def masked[T](self, value: T) -> T:
        """Hide nothing, since nothing is known."""
        return value

    def preflight(self, inputs: Inputs) -> None:
        """Leave the world alone."""

    def open_run(self, plan: Plan, source: str, nested: Mapping[str, str]) -> RunDirectory:  # noqa: ARG002  the shape is the protocol's
        """Name a directory without making it."""
        return RunDirectory(self.project.runs_dir / "dry-run")

    def hold(self, run: RunDirectory) -> AbstractContextManager[None]:  # noqa: ARG002
        """Hold nothing."""
        return nullcontext()

    def recorded(self, run: RunDirectory) -> list[JournalEvent]:
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

    def note(self, log: Path, text: str) -> None:
        """Write nothing."""

    def ask(self, handover: Path, text: str, question: Question | None) -> None:  # noqa: ARG002
        """Refuse to ask."""
        raise AssertionError(f"a dry run was asked to write {handover}")

    def consult(self, question: Question) -> Answer | None:
        """Refuse to ask."""
        raise AssertionError(f"a dry run was asked to consult a person for {question.step}")

    def code_digest(self) -> str:
        """Say nothing of the code."""
        return ""

    def by_content(self, inputs: object) -> object:
        """Leave files alone."""
        return inputs

    def outcomes(
        self,
        workflow: str,  # noqa: ARG002
        run: RunDirectory | None = None,  # noqa: ARG002
    ) -> Iterator[dict[str, StepFinished]]:
        """Know of no other run."""
        return iter(())

    def is_intact(self, receipt: Receipt) -> bool:  # noqa: ARG002
        """Vouch for nothing."""
        return False
