"""The effects of an engine: all it can do to the world, as a protocol.

`DryEffects` have no access to processes, files or actions; `LiveEffects`, in `live_effects`, have.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Never, Protocol

from zk0.core.checks import Check
from zk0.core.file_snapshots import FileSnapshot
from zk0.core.git import GitState
from zk0.core.project import Project
from zk0.core.receipts import Receipt
from zk0.core.verdicts import Finding
from zk0.workflow.actions import Action, Context, Inputs, Outputs
from zk0.workflow.approval import ApprovalAnswer, ApprovalQuestion
from zk0.workflow.clock import Ticks, read_ticks
from zk0.workflow.dependencies import Dependencies
from zk0.workflow.events import JournalEvent, StepFinished
from zk0.workflow.plan import Plan
from zk0.workflow.programs import Command, ProgramEnd
from zk0.workflow.run import RunDirectory
from zk0.workflow.services import Readiness
from zk0.workflow.statement import ApprovalSubject
from zk0.workflow.timeouts import TimeLimit


class Effects(Protocol):
    """The effects that an engine needs."""

    @property
    def dry_run(self) -> bool:
        """Whether nothing can be done, so that the engine only reports what it would do."""

    @property
    def agent(self) -> tuple[str, ...]:
        """The program that does the steps for agents; empty if zk0 starts none."""

    def now(self) -> datetime:
        """Return the time for people, with its zone; it may be set back and forward."""

    def ticks(self) -> Ticks:
        """Return the time for deadlines and durations, which only goes on."""

    def next_number(self) -> int | None:
        """Return a number that orders what is recorded; it is greater than all before in the project."""

    def code(self) -> GitState:
        """Return what git says of the project."""

    def versions(self) -> dict[str, str]:
        """Return the versions of the packages that decide a result."""

    def open_secrets(self, plan: Plan, only: Collection[str] | None = None) -> None:
        """Take the secrets of a plan from the environment; from here on they are hidden in all that is written."""

    def reveal(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a step's arguments with the secrets in them."""

    def mask_secrets[T](self, value: T) -> T:
        """Return an event, or another value, with its secrets masked."""

    def is_expected(self, action: str) -> bool:
        """Whether an action will be performed although the condition of its step is not known yet."""

    def preflight(self, inputs: Inputs) -> None:
        """Let an action's inputs look at the world before the run begins."""

    def open_run(self, plan: Plan, source: str, nested: Mapping[str, str]) -> RunDirectory:
        """Make the directory of a new run, with the workflow file and the inputs in it."""

    def lock_run(self, run: RunDirectory) -> AbstractContextManager[None]:
        """Hold the lock of a run; all processes that were started in the block are ended with it."""

    def end_orphans(self, run: RunDirectory, services: Collection[str] = ()) -> None:
        """End what a killed engine of a run that is locked left running, but for the services of some steps."""

    def read_journal(self, run: RunDirectory, *, replaces_spec: bool = False) -> list[JournalEvent]:
        """Return the journal of a run that is locked and whose records agree; of its workflow file, if that stays."""

    def replace_spec(self, run: RunDirectory, source: str, nested: Mapping[str, str]) -> None:
        """Write another workflow file into the directory of a run."""

    def append(self, run: RunDirectory, event: JournalEvent) -> None:
        """Append an event to the journal."""

    def call(
        self, action: Action, inputs: Inputs, context: Context, log: Path, limit: TimeLimit | None = None
    ) -> Outputs:
        """Perform an action, within a limit; what it prints goes into the log."""

    def end_children(self) -> tuple[str, ...]:
        """End the processes that the last action left behind, and return what they were."""

    def locate(self, command: Command) -> Path | None:
        """Return the file that a command runs; None if there is none."""

    def start(self, command: Command, log: Path) -> ProgramEnd:
        """Run a program to its end, with all that it starts; what it prints goes into the log."""

    def serve(self, step: str, command: Command, readiness: Readiness, log: Path) -> int:
        """Start a service, and return its process number when it is ready."""

    def is_serving(self, step: str) -> bool:
        """Return whether the service of a step runs."""

    def ended_services(self, *, again: bool) -> list[str]:
        """Say of each service that it ended by itself, if that was not said before; with `again`, in any case."""

    def end_services(self, steps: Collection[str]) -> None:
        """End the services of some steps."""

    def clear_outputs(self, file: Path) -> None:
        """Make room for the outputs of a program."""

    def read_outputs(self, file: Path) -> str:
        """Return what a program wrote as its outputs, without secrets."""

    def pause(self, seconds: float) -> None:
        """Let time pass."""

    def end(self) -> None:
        """End running programs and pauses, since the run ends."""

    def judge(self, check: Check, outputs: Outputs, options: Mapping[str, Any]) -> list[Finding]:
        """Run a check on the outputs of a step."""

    def append_log(self, log: Path, text: str) -> None:
        """Append a text to a log."""

    def write_handover(self, handover: Path, text: str, question: ApprovalQuestion | None) -> None:
        """Write the handover to an agent, or to a person with the question to sign."""

    def save_handed_over(self, handover: Path, files: FileSnapshot) -> None:
        """Keep the files as they were at the handover."""

    def read_handed_over(self, handover: Path, digest: str) -> FileSnapshot | None:
        """Return the files as they were at the handover; None if that is not known."""

    def file_snapshot(self, programs: Iterable[str] = ()) -> FileSnapshot:
        """Return the files of the project, and the programs that these names stand for, as they are now."""

    def performed_files(self, run: RunDirectory, digest: str) -> frozenset[str]:
        """Return what a snapshot says of the workflow files that a run performs, if they have this digest."""

    def approval_subject(self, receipts: Iterable[Receipt]) -> ApprovalSubject:
        """Return the project and what these receipts say was made, as they are now."""

    def find_answer(self, question: ApprovalQuestion) -> ApprovalAnswer | None:
        """Return the answer of a person; None if there is none yet."""

    def dependencies(self) -> Dependencies:
        """Return what digests the files that steps depend on."""

    def earlier_outcomes(self, workflow: str, run: RunDirectory | None = None) -> Iterator[dict[str, StepFinished]]:
        """Yield the outcomes of the steps of other runs of a workflow, newest run first."""

    def is_intact(self, receipt: Receipt) -> bool:
        """Tell whether what a receipt says was made is there, unchanged, and its run was not altered."""


class DryEffects:
    """The effects of a dry run: the time and the paths are real, everything else does nothing or is refused."""

    dry_run = True
    agent: tuple[str, ...] = ()

    def __init__(self, project: Project) -> None:
        self.project = project

    def now(self) -> datetime:
        """Return the time in UTC."""
        return datetime.now(UTC)

    def ticks(self) -> Ticks:
        """Return the time."""
        return read_ticks()

    def code(self) -> GitState:
        """Return an empty state: asking git would start a process."""
        return GitState()

    def versions(self) -> dict[str, str]:
        """Return no versions."""
        return {}

    def reveal(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Leave secrets unknown."""
        return arguments

    def mask_secrets[T](self, value: T) -> T:
        """Return the value: no secret is known."""
        return value

    def open_run(self, plan: Plan, source: str, nested: Mapping[str, str]) -> RunDirectory:  # noqa: ARG002  the protocol's
        """Name a directory without making it."""
        return RunDirectory(self.project.runs_dir / "dry-run")

    def lock_run(self, run: RunDirectory) -> AbstractContextManager[None]:  # noqa: ARG002
        """Lock nothing."""
        return nullcontext()

    def ended_services(self, *, again: bool) -> list[str]:  # noqa: ARG002
        """Know of no service."""
        return []

    def earlier_outcomes(self, *_: object) -> Iterator[dict[str, StepFinished]]:
        """Know of no other run."""
        return iter(())

    def is_intact(self, receipt: Receipt) -> bool:  # noqa: ARG002
        """Vouch for nothing."""
        return False

    def is_expected(self, action: str) -> bool:  # noqa: ARG002  one answer to all
        """Expect nothing."""
        return False

    def _do_nothing(self, *_: object, **__: object) -> None:
        """Leave the world alone."""

    def _refuse(self, *_: object, **__: object) -> Never:
        raise AssertionError("a dry run was asked to act")

    next_number = open_secrets = preflight = append = end_orphans = end = append_log = end_services = _do_nothing
    replace_spec = _do_nothing
    call = end_children = locate = start = serve = is_serving = clear_outputs = read_outputs = pause = judge = _refuse
    read_journal = write_handover = find_answer = dependencies = _refuse
    read_handed_over = save_handed_over = file_snapshot = performed_files = approval_subject = _refuse
