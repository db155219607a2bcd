"""The effects of a real run: files, programs, actions, git and the clock of this machine."""

import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import Any

from zk0.core.agent_mark import agent_mark
from zk0.core.app_subject import declares_own, is_about_zk0
from zk0.core.checks import CHECKS, Check, CheckContext
from zk0.core.errors import JournalError
from zk0.core.file_snapshots import FileSnapshot, file_state
from zk0.core.git import GitState, ignore_directory
from zk0.core.process import GRACE, end_left, locate_program, without_interruption
from zk0.core.process_tree import ProcessEntry, end_all, other_children, own_children, unclaimed_children
from zk0.core.project import Project, package_versions
from zk0.core.receipts import Receipt, write_atomically
from zk0.core.verdicts import Finding
from zk0.workflow.actions import ACTIONS, Action, Context, Inputs, Outputs
from zk0.workflow.agent_scope import take_files
from zk0.workflow.approval import ApprovalAnswer, ApprovalQuestion, names_signers, prepare, signed_answer
from zk0.workflow.clock import Ticks, next_number, read_ticks
from zk0.workflow.declared_secrets import read_secrets, reveal
from zk0.workflow.dependencies import Dependencies
from zk0.workflow.events import JournalEvent, StepFinished
from zk0.workflow.handed_over import read_files, save_files
from zk0.workflow.integrity import RecordReader, spec_digest
from zk0.workflow.journal import Journal, read_events, unwritable
from zk0.workflow.lock import acquire, kill_orphans
from zk0.workflow.log_capture import capture_output, set_aside
from zk0.workflow.masking import Mask
from zk0.workflow.plan import Plan
from zk0.workflow.program_outputs import clear_outputs, read_outputs
from zk0.workflow.programs import Command, ProgramEnd, Programs, environment_for
from zk0.workflow.reuse import RunOutcomes
from zk0.workflow.run import RunDirectory, is_intact, run_directories, run_id
from zk0.workflow.services import Readiness, Services
from zk0.workflow.statement import ApprovalSubject, read_subject
from zk0.workflow.timeouts import TimeLimit, enforce_limit

RECENT_RUNS = 50  # that are searched for an earlier outcome


class LiveEffects:
    """The effects of a real run in a project."""

    dry_run = False

    def __init__(self, project: Project, answers: Mapping[str, ApprovalAnswer] | None = None) -> None:
        self.project = project
        self.answers = answers or {}  # given in this terminal, by step
        self.programs = Programs(project.settings.log_limit)
        self.services = Services(self.programs)
        # An agent that runs zk0, itself perhaps started by zk0, does such a step itself.
        self.agent = () if agent_mark(os.environ) else project.settings.agent
        self.mask = Mask()
        self._dependencies = Dependencies(project)
        self._records = RecordReader(project)
        self._runs: dict[tuple[str, RunDirectory | None], list[RunDirectory]] = {}
        self._children: frozenset[ProcessEntry] = frozenset()  # that there were before the last action

    def now(self) -> datetime:
        """Return the time in UTC."""
        return datetime.now(UTC)

    def ticks(self) -> Ticks:
        """Return the time that only goes on."""
        return read_ticks()

    def next_number(self) -> int:
        """Return a number that orders what is recorded.

        Raises:
            StorageError: it can't be kept.
        """
        try:
            return next_number(self.project.state_dir, self.now())
        except OSError as error:
            raise unwritable(self.project.state_dir, error) from error

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

    def is_expected(self, action: str) -> bool:
        """Whether an action will be performed unless a step before it fails: those of zk0's app, where no other is."""
        return is_about_zk0(action) and not declares_own(self.project)

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
            self.replace_spec(run, source, nested)
            run.inputs.write_text(json.dumps(plan.inputs_as_json(), indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise unwritable(runs, error) from error
        return run

    def replace_spec(self, run: RunDirectory, source: str, nested: Mapping[str, str]) -> None:
        """Write the workflow file, and those it performs, into the directory of a run.

        Raises:
            StorageError: they can't be written.
        """
        try:
            write_atomically(run.spec, source)
            for old in run.nested.glob("*.yaml"):
                if old.stem not in nested:
                    old.unlink()
            for name, text in nested.items():
                write_atomically(run.nested / f"{name}.yaml", text)
        except OSError as error:
            raise unwritable(run.spec, error) from error

    @contextmanager
    def lock_run(self, run: RunDirectory) -> Iterator[None]:
        """Hold the lock of a run; all processes that were started in the block are ended with it.

        Raises:
            RunBusyError: another engine performs the run.
        """
        with acquire(run):
            before = own_children()
            try:
                yield
            finally:
                with without_interruption():
                    self.services.end()
                    end_all(partial(unclaimed_children, before), GRACE)

    def end_orphans(self, run: RunDirectory, services: Collection[str] = ()) -> None:
        """End what a killed engine of a run left running, and take over the services of some steps."""
        kill_orphans(run, services)
        if services:
            self.services.find(run)

    def read_journal(self, run: RunDirectory, *, replaces_spec: bool = False) -> list[JournalEvent]:
        """Read the journal of a run, and remove a torn last line.

        Raises:
            JournalError: it can't be read, or does not agree with the run's other records.
        """
        self._records.require_agreement(run.path, replaces_spec=replaces_spec)
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
        log_limit = self.project.settings.log_limit
        with (
            self._acting(),
            other_children() as self._children,
            capture_output(log, self.mask, log_limit),
            enforce_limit(action.name, limit, log),
        ):
            return action.function(inputs, context)

    def end_children(self) -> tuple[str, ...]:
        """End the processes that the last action left behind, and return what they were."""
        return tuple(end_left(partial(unclaimed_children, self._children)))

    def locate(self, command: Command) -> Path | None:
        """Return the file that a command runs."""
        return locate_program(command.argv[0], command.cwd, environment_for(command, self.mask))

    def start(self, command: Command, log: Path) -> ProgramEnd:
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

    def serve(self, step: str, command: Command, readiness: Readiness, log: Path) -> int:
        """Start a service, and return its process number when it is ready."""
        set_aside(log)
        with self._acting():
            return self.services.start(step, command, readiness, log, self.mask)

    def is_serving(self, step: str) -> bool:
        """Return whether the service of a step runs."""
        return self.services.lives(step)

    def ended_services(self, *, again: bool) -> list[str]:
        """Say of each service that it ended by itself, if that was not said before; with `again`, in any case."""
        return list(self.services.ended(again=again))

    def end_services(self, steps: Collection[str]) -> None:
        """End the services of some steps."""
        self.services.end(steps)

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
        """Write `handover.md`, and the texts that a person can sign.

        Raises:
            StorageError: it can't be written.
        """
        try:
            write_atomically(handover, self.mask.text(text))
            if question:
                prepare(question)
        except OSError as error:
            raise unwritable(handover, error) from error

    def save_handed_over(self, handover: Path, files: FileSnapshot) -> None:
        """Keep the files as they were at the handover.

        Raises:
            StorageError: they can't be written.
        """
        try:
            save_files(handover, files)
        except OSError as error:
            raise unwritable(handover, error) from error

    def read_handed_over(self, handover: Path, digest: str) -> FileSnapshot | None:
        """Return the files as they were at the handover; None if that is not known."""
        return read_files(handover, digest)

    def file_snapshot(self, programs: Iterable[str] = ()) -> FileSnapshot:
        """Return the files of the project, and the programs that these names stand for, as they are now."""
        return take_files(self.project, programs, self.mask.without(os.environ))

    def performed_files(self, run: RunDirectory, digest: str) -> frozenset[str]:
        """Return what a snapshot says of the workflow files that a run performs, if they have this digest."""
        if spec_digest(run.path) != digest:
            return frozenset()
        return frozenset(filter(None, map(file_state, (run.spec, *run.nested.glob("*.yaml")))))

    def approval_subject(self, receipts: Iterable[Receipt]) -> ApprovalSubject:
        """Return the project and what these receipts say was made, as they are now."""
        return read_subject(self.project, receipts)

    def find_answer(self, question: ApprovalQuestion) -> ApprovalAnswer | None:
        """Return the answer that a person signed or gave in the terminal.

        Raises:
            ConfigurationError: there is a signature, and it does not count.
        """
        stated = self.answers.get(question.step)
        if stated and stated.statement == question.statement and not names_signers(self.project, question.commit):
            return stated
        return signed_answer(self.project, question)

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
        """Return whether all artifacts of a receipt are there, unchanged, and the records of its run agree."""
        return self._records.may_be_reused(receipt.run) and is_intact(receipt, self.project)

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
            path = runs / run_id(workflow, self.now(), os.listdir(runs))  # noqa: PTH208  names alone
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
