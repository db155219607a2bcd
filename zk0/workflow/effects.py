"""All that an engine can do to the world, in one object that is handed to it.

`LiveEffects` does it. `DryEffects` is the same engine's other hands, which can do nothing: they hold no process, no
file and no action, so a dry run is harmless by construction and not by care.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TextIO

from zk0.checks import Check
from zk0.errors import JournalError
from zk0.project import GitState, Project, package_versions
from zk0.receipts import Receipt, write_atomically
from zk0.verdicts import Finding
from zk0.workflow.actions import Action, Context, Inputs, Outputs
from zk0.workflow.approval import Answer, Question, prepare, signed_answer
from zk0.workflow.commands import Command, start
from zk0.workflow.events import JournalEvent, StepFinished
from zk0.workflow.fingerprints import by_content, code_digest, is_intact
from zk0.workflow.journal import Journal, read_events, unwritable
from zk0.workflow.ownership import end_orphans, held
from zk0.workflow.plan import Plan
from zk0.workflow.run import RunDirectory, run_directories, run_id

REMEMBERED = 50  # runs that are looked through for an outcome to reuse


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

    def call(self, action: Action, inputs: Inputs, context: Context, log: Path) -> Outputs:
        """Perform an action; what it prints goes into the log."""

    def start(self, command: Command, log: Path) -> int:
        """Run a program and return its exit status; what it prints goes into the log."""

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

    def earlier(self, run: RunDirectory, workflow: str, step: str) -> Iterator[StepFinished]:
        """Yield how a step ended in other runs of a workflow, newest first."""

    def is_intact(self, receipt: Receipt) -> bool:
        """Tell whether what a receipt says was made is there, unchanged."""


class LiveEffects:
    """The real world, seen from a project."""

    rehearsing = False

    def __init__(self, project: Project, answers: Mapping[str, Answer] | None = None) -> None:
        self.project = project
        self.answers = answers or {}  # what a person said in this process's terminal, by step

    def now(self) -> datetime:
        """Return the time in UTC."""
        return datetime.now(UTC)

    def code(self) -> GitState:
        """Return what git says of the project."""
        return self.project.git_state()

    def versions(self) -> dict[str, str]:
        """Return the versions of the packages that decide a result."""
        return package_versions()

    def preflight(self, inputs: Inputs) -> None:
        """Let an action's inputs look at the world before the run begins."""
        inputs.preflight(self.project)

    def open_run(self, plan: Plan, source: str, nested: Mapping[str, str]) -> RunDirectory:
        """Make the directory of a new run.

        Raises:
            StorageError: it can't be made.
        """
        runs = self.project.runs_dir
        try:
            runs.mkdir(parents=True, exist_ok=True)
            _ignore(self.project.state_dir)
            run = self._new(runs, plan.spec.name)
            run.spec.write_text(source, encoding="utf-8")
            for name, text in nested.items():
                write_atomically(run.nested / f"{name}.yaml", text)
            run.inputs.write_text(json.dumps(plan.inputs_as_json(), indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise unwritable(runs, error) from error
        return run

    @contextmanager
    def hold(self, run: RunDirectory) -> Iterator[None]:
        """Hold the run's lock, and end what an engine that was killed left running.

        Raises:
            RunBusyError: another engine performs it.
        """
        with held(run):
            if run.journal.exists():
                end_orphans(run)
            yield

    def recorded(self, run: RunDirectory) -> list[JournalEvent]:
        """Read the run's journal, and cut off a line that was torn when its engine was killed."""
        events = read_events(run.journal)
        Journal(run.journal).mend()
        return events

    def append(self, run: RunDirectory, event: JournalEvent) -> None:
        """Write an event to the run's journal, through to the disk."""
        Journal(run.journal).append(event)

    def call(self, action: Action, inputs: Inputs, context: Context, log: Path) -> Outputs:
        """Perform an action in this process."""
        context.directory.mkdir(parents=True, exist_ok=True)
        _set_aside(log)
        with captured(log):
            return action.function(inputs, context)

    def start(self, command: Command, log: Path) -> int:
        """Run a program."""
        _set_aside(log)
        return start(command, log)

    def judge(self, check: Check, outputs: Outputs, options: Mapping[str, Any]) -> list[Finding]:
        """Let a check judge."""
        return check.run(outputs, options)

    def note(self, log: Path, text: str) -> None:
        """Append a text to a log.

        Raises:
            StorageError: it can't be written.
        """
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("a", encoding="utf-8") as stream:
                stream.write(text)
        except OSError as error:
            raise unwritable(log, error) from error

    def ask(self, handover: Path, text: str, question: Question | None) -> None:
        """Write `handover.md`, and what a person can sign.

        Raises:
            StorageError: it can't be written.
        """
        try:
            write_atomically(handover, text)
            if question:
                prepare(question)
        except OSError as error:
            raise unwritable(handover, error) from error

    def consult(self, question: Question) -> Answer | None:
        """Return what a person signed, or said in the terminal.

        Raises:
            ConfigurationError: there is a signature, and it does not count.
        """
        return self.answers.get(question.step) or signed_answer(self.project, question)

    @cached_property
    def _code(self) -> str:
        return code_digest(self.project)

    def code_digest(self) -> str:
        """Return a digest of the project's code, as it is when the first step asks."""
        return self._code

    def by_content(self, inputs: object) -> object:
        """Return inputs with each file among them named by its content."""
        return by_content(inputs, self.project)

    def earlier(self, run: RunDirectory, workflow: str, step: str) -> Iterator[StepFinished]:
        """Yield how a step ended in the last runs of a workflow, newest first."""
        others = (other for other in run_directories(self.project) if other != run and f"-{workflow}-" in other.id)
        for other in islice(others, REMEMBERED):
            with suppress(JournalError):  # a run that can't be read has nothing to give
                for event in reversed(read_events(other.journal)):
                    if isinstance(event, StepFinished) and event.receipt.step == step:
                        yield event

    def is_intact(self, receipt: Receipt) -> bool:
        """Tell whether what a receipt says was made is there, unchanged."""
        return is_intact(receipt, self.project)

    def _new(self, runs: Path, workflow: str) -> RunDirectory:
        while True:
            path = runs / run_id(workflow, self.now())
            try:
                path.mkdir()
            except FileExistsError:  # another run began within the same 15 µs: take the next
                continue
            return RunDirectory(path)


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

    def call(self, action: Action, inputs: Inputs, context: Context, log: Path) -> Outputs:  # noqa: ARG002
        """Refuse to act."""
        raise AssertionError(f"a dry run was asked to perform {action.name}")

    def start(self, command: Command, log: Path) -> int:  # noqa: ARG002
        """Refuse to start a process."""
        raise AssertionError(f"a dry run was asked to start {command.argv[0]}")

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

    def earlier(self, run: RunDirectory, workflow: str, step: str) -> Iterator[StepFinished]:  # noqa: ARG002
        """Know of no other run."""
        return iter(())

    def is_intact(self, receipt: Receipt) -> bool:  # noqa: ARG002
        """Vouch for nothing."""
        return False


@contextmanager
def captured(log: Path) -> Iterator[None]:
    """Send all that this process prints meanwhile, from Python or from a C library, to a log.

    The terminal belongs to progress and results: stdout is data, and libraries print what they like.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    streams = (sys.stdout, sys.stderr)
    saved = [os.dup(descriptor) for descriptor in (1, 2)]
    try:
        with log.open("ab") as stream:
            _flush(*streams)
            for descriptor in (1, 2):
                os.dup2(stream.fileno(), descriptor)
        yield
    finally:
        _flush(*streams)
        for descriptor, original in zip((1, 2), saved, strict=True):
            os.dup2(original, descriptor)
            os.close(original)


def _set_aside(log: Path) -> None:
    """Keep what an attempt printed that was killed, apart from what the same attempt prints when it is done again."""
    if log.exists():
        before = sum(1 for _ in log.parent.glob(f"{log.stem}.killed-*.log"))
        log.rename(log.with_name(f"{log.stem}.killed-{before + 1}.log"))


def _flush(*streams: TextIO) -> None:
    for stream in streams:
        stream.flush()


def _ignore(state: Path) -> None:
    """Keep git from seeing runs, so that a run does not make the tree it ran on look changed."""
    ignore = state / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")
