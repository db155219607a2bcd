"""What an engine asks of the world: the questions and the deeds, without any answer."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from zk0.core.checks import Check
from zk0.core.git import GitState
from zk0.core.receipts import Receipt
from zk0.core.verdicts import Finding
from zk0.workflow.actions import Action, Context, Inputs, Outputs
from zk0.workflow.approval import Answer, Question
from zk0.workflow.events import JournalEvent, StepFinished
from zk0.workflow.planned import Plan
from zk0.workflow.programs import Command
from zk0.workflow.run import RunDirectory
from zk0.workflow.timeouts import TimeLimit


class Effects(Protocol):
    """What an engine asks of the world."""

    @property
    def rehearsing(self) -> bool:
        """Whether nothing can be done, so that the engine only tells what it would do."""

    def now(self) -> datetime:
        """Return the time, with its zone."""

    def code(self) -> GitState:
        """Return what git says of the project."""

    def versions(self) -> dict[str, str]:
        """Return the versions of the packages that decide a result."""

    def open_secrets(self, plan: Plan, only: Collection[str] | None = None) -> None:
        """Take the secrets of a plan from the environment; from here on they are hidden in all that is written."""

    def revealed(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a step's arguments with the secrets in them."""

    def masked[T](self, value: T) -> T:
        """Return an event, or anything else, without the secrets."""

    def preflight(self, inputs: Inputs) -> None:
        """Let an action's inputs look at the world before the run begins."""

    def open_run(self, plan: Plan, source: str, nested: Mapping[str, str]) -> RunDirectory:
        """Make the directory of a new run, with the workflow file and the inputs in it."""

    def hold(self, run: RunDirectory) -> AbstractContextManager[None]:
        """Be the only engine that performs a run, with nothing left of an earlier one."""

    def recorded(self, run: RunDirectory) -> list[JournalEvent]:
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

    def note(self, log: Path, text: str) -> None:
        """Append a text to a log."""

    def ask(self, handover: Path, text: str, question: Question | None) -> None:
        """Write down what is asked of an agent, or of a person with the question they sign."""

    def consult(self, question: Question) -> Answer | None:
        """Return what a person answered; None where nobody has."""

    def code_digest(self) -> str:
        """Return a digest of the project's code."""

    def by_content(self, inputs: object) -> object:
        """Return inputs with each file among them named by its content."""

    def outcomes(self, workflow: str, run: RunDirectory | None = None) -> Iterator[dict[str, StepFinished]]:
        """Yield how the steps of other runs of a workflow ended, newest run first."""

    def is_intact(self, receipt: Receipt) -> bool:
        """Tell whether what a receipt says was made is there, unchanged."""
