"""Keep the memory bank up to date while a workflow runs and after it.

While a run goes on it touches one file, `context.md`: each step that ends is written to the run's region of it. A run
that waits or was interrupted has not ended; its region says how it goes on. When the run is done, failed or cancelled,
the receipts of its steps are copied into the bank, its result and faults become entries, and both pages are rendered.
Entries come before pages: whatever happens to a page, nothing learned is lost. If the engine is killed in between, the
next run that ends writes them.

A result names the digest of the code it was measured on: the code at the begin of the run. If the code changed
meanwhile, it is the code at the end where the run asked an agent or a person to change it; otherwise it is unknown
what the steps ran on, and the result names no digest.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import zk0
from zk0.core.errors import ExitStatus, SecretError, SpecError
from zk0.core.fingerprints import read_digest, relevant
from zk0.core.git import read_git
from zk0.core.project import Project
from zk0.core.receipts import Receipt, write_atomically
from zk0.core.verdicts import worst
from zk0.memory.bank import ENTRIES, Bank
from zk0.memory.context import BUDGET
from zk0.memory.entries import COMPLETE, Entry, RunRecord, StepRecord, one_line
from zk0.memory.evidence import CODE_LENGTH, EvidenceReader, copy_receipt
from zk0.memory.files_read import files_read
from zk0.memory.freshness import assess_all
from zk0.memory.page_seal import CONTEXT, PAGES, SEAL_SIZE, TASKS
from zk0.memory.rendering import render_context, render_tasks, workflow_pages
from zk0.memory.results import EndedRun, entries_of, step_record
from zk0.memory.unfinished_runs import (
    CODE_FILE,
    RunningRun,
    Waiting,
    running_runs,
    unrecorded_runs,
    waiting_of,
    with_region,
)
from zk0.workflow.events import (
    Event,
    RunCancelled,
    RunFinished,
    RunResumed,
    RunStarted,
    StepFinished,
    StepSkipped,
    StepWaiting,
)
from zk0.workflow.journal import read_events
from zk0.workflow.names import workflow_files
from zk0.workflow.run import RunDirectory
from zk0.workflow.spec import WorkflowSpec

ACTOR = f"process:zk0 {zk0.__version__}"
CANCELLED, JOURNAL = "cancelled", "journal.jsonl"


type Pages = Mapping[str, Callable[[], str]]


def page_texts(project: Project, now: datetime) -> Pages:
    """Return what renders each page of a project's bank from entries, notes, workflows and unfinished runs."""
    bank, workflows, running = Bank.of(project), workflow_pages(project), list(running_runs(project))
    evidence, names = EvidenceReader(project), {page.name for page in workflows}

    def tasks() -> str:
        reading = bank.read()
        return render_tasks(reading, workflows, assess_all(reading.in_force, evidence, now), notes=bank.notes())

    def context() -> str:
        reading = bank.read()
        notes = {name: text for name, text in bank.notes().items() if name not in names}
        return render_context(reading, assess_all(reading.in_force, evidence, now), notes=notes, running=running)

    return {TASKS: tasks, CONTEXT: context}


def _rendered(render: Callable[[], str], _old: str) -> str:
    return render()


def write_pages(project: Project, now: datetime) -> None:
    """Render both pages of a project's bank.

    Raises:
        SpecError: a page is not as zk0 wrote it; the other one is rendered all the same.
    """
    refused = []
    for name, render in page_texts(project, now).items():
        try:
            Bank.of(project).write_page(name, partial(_rendered, render))
        except SpecError as error:
            refused.append(error)
    if refused:
        raise refused[0]


@dataclass(frozen=True)
class CodeOfRun:
    """The digest of the code that a run vouches for, the files that changed meanwhile, and those that it read alone."""

    digest: str | None
    changed: list[str]
    reads: tuple[str, ...]


class MemoryRecorder:
    """Subscribes to a run of a workflow and writes its results to the project's memory bank."""

    def __init__(self, project: Project, spec: WorkflowSpec | None = None) -> None:
        self.project = project
        self.spec = spec
        self.workflow = spec.name if spec else ""
        self._directory = project.runs_dir
        self.bank = Bank.of(project)
        self._planned: tuple[str, ...] = ()
        self._steps: dict[str, StepRecord] = {}
        self._receipts: dict[str, Receipt] = {}  # by step, in the order they were finished
        self._asked = False
        self._refused: list[SecretError] = []

    def __call__(self, event: Event) -> None:
        """Follow a run.

        Raises:
            SpecError: a page is not as zk0 wrote it. The engine reports it and the run goes on; at the run's end the
                entries are written before it is raised.
            SecretError: a receipt holds a secret; likewise.
        """
        self._follow(event)
        match event:
            case RunStarted():
                self._begin(event)
            case StepWaiting():
                place = waiting_of(event.title, event.ask, event.handover, self.project)
                self._progress(event.run, event.at, place)
            case StepFinished(receipt=receipt) if "/" not in receipt.step:
                self._progress(receipt.run, receipt.finished)
            case RunFinished(exit_status=ExitStatus.interrupted):  # it goes on or is cancelled
                self._progress(event.run, event.at, stopped=True)
            case RunFinished() | RunCancelled():
                for run in unrecorded_runs(self.project, self.bank, but=event.run):
                    self._catch_up(run)
                self._remember(event)
                write_pages(self.project, event.at)
                if self._refused:
                    raise self._refused[0]

    def _follow(self, event: Event) -> None:
        """Remember what a run did so far; writes nothing."""
        match event:
            case RunStarted():
                self.workflow, self._directory, self._planned = event.workflow, event.directory, event.steps
            case StepSkipped():
                self._steps[event.step] = StepRecord(
                    id=event.step, title=one_line(event.title), verdict=event.verdict, note=one_line(event.reason)
                )
            case StepWaiting():
                self._asked = True
            case StepFinished(receipt=receipt) if "/" not in receipt.step:
                # The steps within a composite step have receipts of their own; it sums them up.
                self._asked = self._asked or receipt.uses.startswith("ask.")
                self._steps[receipt.step] = step_record(receipt)
                self._receipts.pop(receipt.step, None)
                self._receipts[receipt.step] = receipt

    def _catch_up(self, run: RunDirectory) -> None:
        """Write the result of a run whose engine was killed before it did; the code at its end is not known."""
        recorder = MemoryRecorder(self.project)
        events = read_events(run.journal)
        for event in events:
            recorder._follow(event)
        recorder._asked = False
        if isinstance(last := events[-1], RunFinished | RunCancelled):
            recorder._remember(last)

    def _begin(self, event: RunStarted) -> None:
        kept = event.directory / CODE_FILE
        if not kept.exists():  # a run that is resumed began earlier
            write_atomically(kept, json.dumps(self.project.tree().code_files), durable=False)
        self._progress(event.run, event.at)

    def _progress(self, run: str, now: datetime, waiting: Waiting | None = None, *, stopped: bool = False) -> None:
        own = RunningRun(run, self.workflow, len(self._planned), list(self._steps.values()), waiting, stopped)

        def change(old: str) -> str:
            if page := with_region(old, own, BUDGET - SEAL_SIZE):
                return page
            reading, names = self.bank.read_current(), workflow_files(self.project)
            notes = {name: text for name, text in self.bank.notes().items() if name not in names}
            assessed = assess_all(reading.in_force, EvidenceReader(self.project), now)
            others = [other for other in running_runs(self.project) if other.run != run]
            return render_context(reading, assessed, notes=notes, running=[own, *others])

        self.bank.write_page(CONTEXT, change)

    def _remember(self, event: RunFinished | RunCancelled) -> None:
        receipts = list(self._receipts.values())
        order = {step: place for place, step in enumerate(self._planned)}
        directory = self.project.runs_dir / event.run
        code = self._code(directory)
        finished = event if isinstance(event, RunFinished) else None
        record = RunRecord(
            id=event.run,
            workflow=self.workflow,
            verdict=finished.verdict if finished else worst(step.verdict for step in self._steps.values()),
            ended=finished.exit_status.name if finished else CANCELLED,
            seconds=round(self._seconds(directory, is_complete=bool(finished and finished.exit_status in COMPLETE)), 3),
            steps=tuple(sorted(self._steps.values(), key=lambda step: order.get(step.id, len(order)))),
            proposals=tuple(finished.proposals) if finished else (),
            files=tuple(code.changed),
            reads=code.reads,
        )
        ended = EndedRun(record, receipts, event.at, ACTOR, code.digest)
        self.bank.add(lambda bank: self._with_evidence(entries_of(ended, bank)))

    def _seconds(self, directory: Path, *, is_complete: bool) -> float:
        """Return the time of the steps; of a run that was broken off, how long zk0 worked on it."""
        steps = sum(receipt.seconds for receipt in self._receipts.values())
        return steps if is_complete else seconds_worked(directory / JOURNAL) or steps

    def _with_evidence(self, entries: list[Entry]) -> list[Entry]:
        """Copy the receipts of the steps into the bank; before the entries, which say that a run is recorded."""
        for receipt in self._receipts.values():
            try:
                copy_receipt(self.project, receipt.digest, receipt.model_dump_json())
            except SecretError as error:
                self._refused.append(error)
        return entries

    def _code(self, directory: Path) -> CodeOfRun:
        kept = directory / CODE_FILE
        tree = self.project.tree()
        now = tree.code_files
        before = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else now
        changed = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
        reads = files_read(self.project, self.spec, self._receipts) if self.spec else ()
        names_changed = before.keys() != now.keys()
        doubtful = bool(relevant(changed, reads)) or (bool(reads) and names_changed)
        return CodeOfRun(
            None if doubtful and not self._asked else read_digest(tree, reads)[:CODE_LENGTH], changed, reads
        )


def seconds_worked(journal: Path) -> float:
    """Return how long zk0 worked on a run, by its journal: without the time in which it waited or was stopped."""
    total, last = 0.0, None
    for event in read_events(journal):
        at = event.receipt.finished if isinstance(event, StepFinished) else getattr(event, "at", None)
        if at is None or isinstance(event, RunCancelled):
            continue
        if last and at > last and not isinstance(event, RunResumed):
            total += (at - last).total_seconds()
        last = at if isinstance(event, RunResumed) else max(at, last or at)  # a step that is reused ended long ago
    return total


def install(project: Project, now: datetime) -> Iterator[str]:
    """Set up what is missing, and yield a sentence for each thing that was done.

    Raises:
        SpecError: a page is not as zk0 wrote it; nothing is written.
    """
    Bank.of(project).require_own_pages()
    if not (project.memory_dir / ENTRIES).is_dir():
        (project.memory_dir / ENTRIES).mkdir(parents=True)
        yield f"made {project.settings.memory}/"
    write_pages(project, now)
    yield f"rendered {CONTEXT} and {TASKS}"
    pages = [f"{project.settings.memory}/{page}" for page in PAGES]
    if tracked := (read_git(project.root, "ls-files", "--", *pages) or "").splitlines():
        yield f"git keeps rendered pages, in which branches conflict: git rm --cached {' '.join(tracked)}"
