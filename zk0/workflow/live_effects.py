"""The effects of a real run: files, programs, actions, git and the clock of this machine."""

import json
import os
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from zk0.core.checks import CHECKS, Check, CheckContext
from zk0.core.errors import JournalError
from zk0.core.git import GitState, ignore_directory
from zk0.core.project import Project, package_versions
from zk0.core.receipts import Receipt, write_atomically
from zk0.core.verdicts import Finding
from zk0.workflow.actions import ACTIONS, Action, Context, Inputs, Outputs
from zk0.workflow.approval import ApprovalAnswer, ApprovalQuestion, prepare, signed_answer
from zk0.workflow.declared_secrets import read_secrets, reveal
from zk0.workflow.dependencies import Dependencies
from zk0.workflow.events import JournalEvent, StepFinished
from zk0.workflow.journal import Journal, read_events, unwritable
from zk0.workflow.lock import acquire, kill_orphans
from zk0.workflow.masking import Mask
from zk0.workflow.plan import Plan
from zk0.workflow.program_outputs import clear_outputs, read_outputs
from zk0.workflow.programs import Command, Programs
from zk0.workflow.reuse import RunOutcomes
from zk0.workflow.run import RunDirectory, is_intact, run_directories, run_id
from zk0.workflow.timeouts import TimeLimit, enforce_limit

RECENT_RUNS = 50  # that are searched for an earlier outcome


class LiveEffects:
    """The effects of a real run in a project."""

    dry_run = False

    def __init__(self, project: Project, answers: Mapping[str, ApprovalAnswer] | None = None) -> None:
        self.project = project
        self.answers = answers or {}  # given in this terminal, by step
        self.programs = Programs()
        self.mask = Mask()
        self._dependencies = Dependencies(project)
        self._runs: dict[tuple[str, RunDirectory | None], list[RunDirectory]] = {}

    def now(self) -> datetime:
        """Return the time in UTC."""
        return datetime.now(UTC)

    def code(self) -> GitState:
        """Return the git state of the project."""
        return self.project.git_state()

    def versions(self) -> dict[str, str]:
        """Return the versions of the packages that affect a result, plugins included."""
        return package_versions() | ACTIONS.versions() | CHECKS.versions()

    def open_secrets(self, plan: Plan, only: Collection[str] | None = None) -> None:
        """Read the secrets of a plan from the environment; raises what `read_secrets` does."""
        self.mask = read_secrets(plan, os.environ, only)
        self._dependencies = Dependencies(self.project, self.mask.secrets)

    def reveal(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a step's arguments with the secrets in them."""
        return reveal(arguments, self.mask.secrets)

    def mask_secrets[T](self, value: T) -> T:
        """Return an event, or anything else, without the secrets."""
        return self.mask.masked(value)

    def preflight(self, inputs: Inputs) -> None:
        """Let an action's inputs check for problems before the run begins."""
        inputs.preflight(self.project)

    def open_run(self, plan: Plan, source: str, nested: Mapping[str, str]) -> RunDirectory:
        """Make the directory of a new run.

        Raises:
            StorageError: it can't be made.
        """
        runs = self.project.runs_dir
        try:
            runs.mkdir(parents=True, exist_ok=True)
            ignore_directory(self.project.state_dir)
            run = self._new(runs, plan.spec.name)
            run.spec.write_text(source, encoding="utf-8")
            for name, text in nested.items():
                write_atomically(run.nested / f"{name}.yaml", text)
            run.inputs.write_text(json.dumps(plan.inputs_as_json(), indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise unwritable(runs, error) from error
        return run

    @contextmanager
    def lock_run(self, run: RunDirectory) -> Iterator[None]:
        """Hold the lock of a run, after ending what a killed engine left running.

        Raises:
            RunBusyError: another engine performs the run.
        """
        with acquire(run):
            if run.journal.exists():
                kill_orphans(run)
            yield

    def read_journal(self, run: RunDirectory) -> list[JournalEvent]:
        """Read the journal of a run, and remove a torn last line."""
        events = read_events(run.journal)
        Journal(run.journal).mend()
        return events

    def append(self, run: RunDirectory, event: JournalEvent) -> None:
        """Write an event to the run's journal, through to the disk."""
        Journal(run.journal).append(event)

    def call(
        self, action: Action, inputs: Inputs, context: Context, log: Path, limit: TimeLimit | None = None
    ) -> Outputs:
        """Perform an action in this process.

        Raises:
            TimeLimitError: it did not end in time.
        """
        context.directory.mkdir(parents=True, exist_ok=True)
        set_aside(log)
        with self._acting(), capture_output(log, self.mask), enforce_limit(action.name, limit, log):
            return action.function(inputs, context)

    def start(self, command: Command, log: Path) -> int:
        """Run a program."""
        set_aside(log)
        with self._acting():
            return self.programs.run(command, log, self.mask)

    def clear_outputs(self, file: Path) -> None:
        """Remove the file for a program's outputs, and make its folder.

        Raises:
            StorageError: it can't be done.
        """
        try:
            clear_outputs(file)
        except OSError as error:
            raise unwritable(file, error) from error

    def read_outputs(self, file: Path) -> str:
        """Return what a program wrote as its outputs, without secrets.

        Raises:
            CommandError: it wrote nothing that can be read.
        """
        return self.mask.text(read_outputs(file))

    def pause(self, seconds: float) -> None:
        """Sleep."""
        self.programs.pause(seconds)

    def end(self) -> None:
        """End all programs and pauses."""
        self.programs.end()

    def judge(self, check: Check, outputs: Outputs, options: Mapping[str, Any]) -> list[Finding]:
        """Run a check on the outputs of a step."""
        return check.run(CheckContext(self.project, outputs), options)

    def append_log(self, log: Path, text: str) -> None:
        """Append a text to a log.

        Raises:
            StorageError: it can't be written.
        """
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("a", encoding="utf-8") as stream:
                stream.write(self.mask.text(text))
        except OSError as error:
            raise unwritable(log, error) from error

    def write_handover(self, handover: Path, text: str, question: ApprovalQuestion | None) -> None:
        """Write `handover.md`, and the files that a person can sign.

        Raises:
            StorageError: it can't be written.
        """
        try:
            write_atomically(handover, self.mask.text(text))
            if question:
                prepare(question)
        except OSError as error:
            raise unwritable(handover, error) from error

    def find_answer(self, question: ApprovalQuestion) -> ApprovalAnswer | None:
        """Return the answer that a person signed or gave in the terminal.

        Raises:
            ConfigurationError: there is a signature, and it does not count.
        """
        return self.answers.get(question.step) or signed_answer(self.project, question)

    def dependencies(self) -> Dependencies:
        """Return what digests the files that steps depend on."""
        return self._dependencies

    def earlier_outcomes(self, workflow: str, run: RunDirectory | None = None) -> Iterator[dict[str, StepFinished]]:
        """Yield the outcomes of the steps of the last runs of a workflow, newest run first, without this run."""
        for other in self._earlier_runs(workflow, run):
            with suppress(OSError, JournalError):  # nothing can be reused from a run that can't be read
                known = other.journal.stat()
                yield _ends(other.journal, workflow, known.st_mtime_ns, known.st_size)

    def _earlier_runs(self, workflow: str, run: RunDirectory | None) -> list[RunDirectory]:
        """Return the last runs of a workflow; those that begin after this one asks first are not looked for."""
        if (workflow, run) not in self._runs:
            others = (other for other in run_directories(self.project) if other != run and f"-{workflow}-" in other.id)
            self._runs[workflow, run] = list(islice(others, RECENT_RUNS))
        return self._runs[workflow, run]

    def is_intact(self, receipt: Receipt) -> bool:
        """Return whether all artifacts of a receipt are there, unchanged."""
        return is_intact(receipt, self.project)

    @contextmanager
    def _acting(self) -> Iterator[None]:
        """Forget what is known of files: whatever runs now may change them."""
        self._dependencies.forget()
        try:
            yield
        finally:
            self._dependencies.forget()

    def _new(self, runs: Path, workflow: str) -> RunDirectory:
        while True:
            path = runs / run_id(workflow, self.now())
            try:
                path.mkdir()
            except FileExistsError:  # another run began within the same 15 µs: take the next
                continue
            return RunDirectory(path)


@lru_cache(maxsize=RECENT_RUNS)
def _ends(journal: Path, workflow: str, _changed: int, _size: int) -> RunOutcomes:
    """Return the outcomes of a run's steps; cached while its journal does not change, for steps with many items."""
    ends = [event for event in read_events(journal) if isinstance(event, StepFinished)]
    return RunOutcomes({end.receipt.step: end for end in ends if end.receipt.workflow == workflow})


@contextmanager
def capture_output(log: Path, mask: Mask) -> Iterator[None]:
    """Redirect all output of this process, from Python or a C library, to a log: the terminal shows only progress."""
    log.parent.mkdir(parents=True, exist_ok=True)
    streams = (sys.stdout, sys.stderr)
    saved = [os.dup(descriptor) for descriptor in (1, 2)]
    with mask.opened(log) as stream:
        try:
            _flush(*streams)
            for descriptor in (1, 2):
                os.dup2(stream.fileno(), descriptor)
            yield
        finally:
            _flush(*streams)
            for descriptor, original in zip((1, 2), saved, strict=True):
                os.dup2(original, descriptor)
                os.close(original)


def set_aside(log: Path) -> None:
    """Rename the log of an attempt that was killed, so that its next try gets a new one."""
    if log.exists():
        before = sum(1 for _ in log.parent.glob(f"{log.stem}.killed-*.log"))
        log.rename(log.with_name(f"{log.stem}.killed-{before + 1}.log"))


def _flush(*streams: TextIO) -> None:
    for stream in streams:
        stream.flush()
