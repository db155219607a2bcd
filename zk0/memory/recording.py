"""Keep the memory bank up to date while a workflow runs and after it.

While a run goes on it touches one file, `context.md`: each step that ends is written to the run's region of it. A run
that waits or was interrupted has not ended; its region says how it goes on. When the run is done, failed or cancelled,
the receipts it cites are copied into the bank, its result and its faults become entries, and both pages are rendered.
Entries come before pages: whatever happens to a page, nothing learned is lost. If the engine is killed in between, the
next run that ends writes them.

A result names the digest of the code it was measured on: the code at the begin of the run. If the code changed
meanwhile, it is the code at the end where the run asked an agent or a person to change it; otherwise it is unknown
what the steps ran on, and the result names no digest.
"""

import json
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import zk0
from zk0.core.errors import ExitStatus
from zk0.core.git import read_git
from zk0.core.project import Project
from zk0.core.receipts import Receipt, write_atomically
from zk0.core.verdicts import worst
from zk0.memory.bank import ENTRIES, Bank, read_page
from zk0.memory.context import BUDGET
from zk0.memory.entries import Entry, RunRecord, StepRecord, one_line
from zk0.memory.evidence import CODE_LENGTH, copy_receipt
from zk0.memory.rendering import CONTEXT, TASKS, render_context, render_tasks, workflow_pages
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
from zk0.workflow.events import Event, RunCancelled, RunFinished, RunStarted, StepFinished, StepSkipped, StepWaiting
from zk0.workflow.journal import read_events
from zk0.workflow.run import RunDirectory
from zk0.workflow.spec import WorkflowSpec

ACTOR = f"process:zk0 {zk0.__version__}"
DRIVER = "zk0-memory"
ATTRIBUTES = ".gitattributes"


def write_pages(project: Project, now: datetime) -> None:
    """Render both pages of a project's bank from its entries, workflows and unfinished runs.

    Raises:
        SpecError: a kept paragraph of a page is not closed, or all of them take the page's budget alone.
    """
    workflows, running, bank = workflow_pages(project), list(running_runs(project)), Bank.of(project)
    bank.rewrite(TASKS, lambda entries, old: render_tasks(entries, workflows, old=old))
    bank.rewrite(CONTEXT, lambda entries, old: render_context(entries, old=old, now=now, running=running))


def outdated_pages(project: Project, now: datetime) -> list[str]:
    """Return the pages that rendering would change."""
    reading = Bank.of(project).read()
    old = {name: read_page(project.memory_dir / name) for name in (TASKS, CONTEXT)}
    new = {
        TASKS: render_tasks(reading, workflow_pages(project), old=old[TASKS]),
        CONTEXT: render_context(reading, old=old[CONTEXT], now=now, running=list(running_runs(project))),
    }
    return [name for name in old if new[name] != old[name]]


class MemoryRecorder:
    """Subscribes to a run of a workflow and writes its results to the project's memory bank."""

    def __init__(self, project: Project, spec: WorkflowSpec) -> None:
        self.project = project
        self.spec = spec
        self.workflow = spec.name
        self._directory = project.runs_dir
        self.bank = Bank.of(project)
        self._planned: tuple[str, ...] = ()
        self._steps: dict[str, StepRecord] = {}
        self._receipts: dict[str, Receipt] = {}  # by step, in the order they were finished
        self._asked = False

    def __call__(self, event: Event) -> None:
        """Follow a run.

        Raises:
            SpecError: a kept paragraph of a page is not closed. The engine reports it and the run goes on; at the
                run's end the entries are written before it is raised.
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
                self._remember(self._end(event))
                write_pages(self.project, event.at)

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
        recorder = MemoryRecorder(self.project, self.spec)
        events = read_events(run.journal)
        for event in events:
            recorder._follow(event)
        recorder._asked = False
        if isinstance(last := events[-1], RunFinished | RunCancelled):
            recorder._remember(recorder._end(last))

    def _begin(self, event: RunStarted) -> None:
        kept = event.directory / CODE_FILE
        if not kept.exists():  # a run that is resumed began earlier
            write_atomically(kept, json.dumps(self.project.tree().code_files), durable=False)
        self._progress(event.run, event.at)

    def _progress(self, run: str, now: datetime, waiting: Waiting | None = None, *, stopped: bool = False) -> None:
        own = RunningRun(run, self.workflow, len(self._planned), list(self._steps.values()), waiting, stopped)

        def change(old: str) -> str:
            if page := with_region(old, own, BUDGET):
                return page
            others = [other for other in running_runs(self.project) if other.run != run]
            return render_context(self.bank.read_current(), old=old, now=now, running=[own, *others])

        self.bank.edit(CONTEXT, change, durable=False)

    def _end(self, event: RunFinished | RunCancelled) -> RunFinished:
        """Return the end of a run; one that is cancelled after an interruption had none."""
        if isinstance(event, RunFinished):
            return event
        verdict = worst(step.verdict for step in self._steps.values())
        return RunFinished(event.run, self.workflow, self._directory, verdict, ExitStatus.interrupted, (), event.at)

    def _remember(self, event: RunFinished) -> None:
        receipts = list(self._receipts.values())
        order = {step: place for place, step in enumerate(self._planned)}
        digest, files = self._code(event.directory)
        record = RunRecord(
            id=event.run,
            workflow=event.workflow,
            verdict=event.verdict,
            ended=event.exit_status.name,
            seconds=round(sum(receipt.seconds for receipt in receipts), 3),
            steps=tuple(sorted(self._steps.values(), key=lambda step: order.get(step.id, len(order)))),
            proposals=tuple(event.proposals),
            files=tuple(files),
        )
        ended = EndedRun(record, receipts, event.at, ACTOR, digest)
        self.bank.add(lambda bank: self._with_evidence(entries_of(ended, bank)))

    def _with_evidence(self, entries: list[Entry]) -> list[Entry]:
        """Copy the receipts that entries cite into the bank; before the entries, which say that a run is recorded."""
        # A result without numbers rests on the verdicts of its steps.
        cited = {source.receipt for entry in entries for source in entry.sources}
        for receipt in self._receipts.values():
            if receipt.digest in cited or not cited:
                copy_receipt(self.project, receipt.digest, receipt.model_dump_json(indent=2) + "\n")
        return entries

    def _code(self, directory: Path) -> tuple[str | None, list[str]]:
        """Return the digest of the code that the run vouches for, and which of its files changed meanwhile."""
        kept = directory / CODE_FILE
        tree = self.project.tree()
        now = tree.code_files
        before = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else now
        changed = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
        return (None if changed and not self._asked else tree.code[:CODE_LENGTH]), changed


def install(project: Project, now: datetime) -> Iterator[str]:
    """Set up what is missing, and yield a sentence for each thing that was done.

    The driver is named in `.gitattributes`, which is committed, and defined in this clone's git config, which is not:
    every clone installs it once. Without it a page that two branches rendered is in conflict until it is rendered.
    """
    if not (project.memory_dir / ENTRIES).is_dir():
        (project.memory_dir / ENTRIES).mkdir(parents=True)
        yield f"made {project.settings.memory}/"
    write_pages(project, now)
    yield f"rendered {CONTEXT} and {TASKS}"
    attributes = project.root / ATTRIBUTES
    known = attributes.read_text(encoding="utf-8") if attributes.is_file() else ""
    wanted = [f"{project.settings.memory}/{page} merge={DRIVER}" for page in (CONTEXT, TASKS)]
    if missing := [line for line in wanted if line not in known.splitlines()]:
        joint = "" if not known or known.endswith("\n") else "\n"
        attributes.write_text(f"{known}{joint}{'\n'.join(missing)}\n", encoding="utf-8")
        yield f"named the merge driver in {ATTRIBUTES}"
    command = f'"{sys.executable}" -m zk0 memory merge-driver %O %A %B'
    is_repository = read_git(project.root, "rev-parse", "--git-dir") is not None
    if is_repository and (read_git(project.root, "config", f"merge.{DRIVER}.driver") or "").strip() != command:
        read_git(project.root, "config", f"merge.{DRIVER}.name", "keeps what people wrote in zk0's rendered pages")
        read_git(project.root, "config", f"merge.{DRIVER}.driver", command)
        yield "defined the merge driver in this clone's git config"
