"""Keep the memory bank true while a workflow runs and after it.

While a run goes on, `context.md` shows it in progress. When it ends, its result and its faults become entries, and
both pages are rendered from them. Entries come first: whatever happens to a page, nothing learned is lost.
"""

from datetime import datetime
from typing import Protocol

import zk0
from zk0.memory.bank import Bank
from zk0.memory.context import RunningRun
from zk0.memory.entries import StepRecord, one_line
from zk0.memory.rendering import CONTEXT, TASKS, render_context, render_tasks
from zk0.memory.results import EndedRun, entries_of, step_records
from zk0.memory.workflows import workflow_pages
from zk0.project import Project
from zk0.receipts import Receipt, ReceiptStore
from zk0.workflow.events import Event, RunFinished, RunStarted, StepFinished, StepSkipped

ACTOR = f"process:zk0 {zk0.__version__}"


class Named(Protocol):
    """The part of a workflow's specification that names it."""

    @property
    def name(self) -> str:
        """The workflow's name."""


def write_pages(project: Project, now: datetime) -> None:
    """Render both pages of a project's bank from its entries and workflows.

    Raises:
        SpecError: a kept paragraph of a page is not closed, or all of them take the page's budget alone.
    """
    _write_pages(Bank.of(project), project, now)


def _write_pages(bank: Bank, project: Project, now: datetime) -> None:
    workflows = workflow_pages(project)
    bank.rewrite(TASKS, lambda entries, old: render_tasks(entries, workflows, old=old))
    bank.rewrite(CONTEXT, lambda entries, old: render_context(entries, old=old, now=now))


class MemoryRecorder:
    """Subscribes to a run and writes what it teaches to the memory bank.

    Args:
        project: where the bank and the runs are.
        spec: the workflow that runs.
    """

    def __init__(self, project: Project, spec: Named) -> None:
        self.project = project
        self.workflow = spec.name
        self.bank = Bank.of(project)
        self._planned: tuple[str, ...] = ()
        self._skipped: dict[str, StepRecord] = {}

    def __call__(self, event: Event) -> None:
        """Follow a run.

        Raises:
            SpecError: a kept paragraph of a page is not closed. The engine reports it and the run goes on; at the
                run's end the entries are written before it is raised.
        """
        match event:
            case RunStarted():
                self._planned = event.steps
                self._show(event.run, [], event.at)
            case StepSkipped():
                note = one_line(event.reason)
                record = StepRecord(id=event.step, title=event.title, verdict=event.verdict, note=note)
                self._skipped[event.step] = record
            case StepFinished(receipt=receipt):
                self._skipped.pop(receipt.step, None)
                self._progress(receipt)
            case RunFinished():
                self._remember(event)

    def _progress(self, latest: Receipt) -> None:
        # The store may or may not hold the latest receipt yet: subscribers have no order.
        earlier = [receipt for receipt in self._receipts(latest.run) if receipt.step != latest.step]
        self._show(latest.run, [*earlier, latest], latest.finished)

    def _show(self, run: str, receipts: list[Receipt], now: datetime) -> None:
        running = RunningRun(run, self.workflow, len(self._planned), step_records(receipts))
        self.bank.rewrite(CONTEXT, lambda bank, old: render_context(bank, old=old, now=now, running=running))

    def _remember(self, event: RunFinished) -> None:
        receipts = self._receipts(event.run)
        order = {step: place for place, step in enumerate(self._planned)}
        steps = [*step_records(receipts), *self._skipped.values()]
        ended = EndedRun(
            run=event.run,
            workflow=event.workflow,
            verdict=event.verdict,
            exit_status=event.exit_status,
            at=event.at,
            by=ACTOR,
            receipts=receipts,
            steps=sorted(steps, key=lambda step: order.get(step.id, len(order))),
            proposals=event.proposals,
        )
        self.bank.add(lambda bank: entries_of(ended, bank))
        _write_pages(self.bank, self.project, event.at)

    def _receipts(self, run: str) -> list[Receipt]:
        # Steps of a step made of others have receipts of their own, and are told by it.
        return [found for found in ReceiptStore(self.project.runs_dir).of_run(run) if "/" not in found.step]
