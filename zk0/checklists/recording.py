"""Render a workflow's checklist into its run's directory after every step and at the end of the run."""

from datetime import datetime
from typing import Protocol

from zk0.checklists.evaluation import evaluate
from zk0.checklists.judging import answers_for
from zk0.checklists.loading import load_checklist
from zk0.checklists.rendering import render
from zk0.checklists.signatures import read_signatures
from zk0.checklists.snapshot import parts_of, take_snapshot
from zk0.core.project import Project
from zk0.core.receipts import Receipt, ReceiptStore, write_atomically
from zk0.workflow.events import Event, RunFinished, StepFinished

FILE_NAME = "checklist.md"
TEMPLATE = "templates/checklist.md.j2"


class Checked(Protocol):
    """The part of a workflow's specification that names its checklist."""

    @property
    def checklist(self) -> str | None:
        """The checklist's name; None where the workflow has none."""


class ChecklistRecorder:
    """Subscribes to a run and keeps `<run directory>/checklist.md` true.

    Args:
        project: where checklists, runs and the git repository are.
        spec: the workflow that runs; with no checklist, nothing is written.

    Raises:
        UnknownNameError: the workflow names a checklist that does not exist.
        SpecError: that checklist's file is not valid.
    """

    def __init__(self, project: Project, spec: Checked) -> None:
        self.project = project
        self.checklist = load_checklist(project, spec.checklist) if spec.checklist else None

    def __call__(self, event: Event) -> None:
        """Render on each step's end, and on the run's."""
        match event:
            case StepFinished(receipt=receipt):
                self._record(receipt.run, self._receipts(receipt.run, receipt), receipt.finished)
            case RunFinished(run=run, at=at):
                self._record(run, self._receipts(run), at)

    def _receipts(self, run: str, latest: Receipt | None = None) -> list[Receipt]:
        # The store may or may not hold the latest receipt yet: subscribers have no order.
        stored = ReceiptStore(self.project.runs_dir).of_run(run)
        if latest is None:
            return stored
        return [receipt for receipt in stored if receipt.step != latest.step] + [latest]

    def _record(self, run: str, receipts: list[Receipt], now: datetime) -> None:
        if self.checklist is None:
            return
        template = self.project.resource("checklists", TEMPLATE)
        kept = answers_for(self.project, self.checklist)
        snapshot = take_snapshot(self.project, now=now, parts=parts_of(kept))
        evaluated = evaluate(self.checklist, [*receipts, *kept], snapshot, read_signatures(self.project))
        text = render(evaluated, template.read_text(encoding="utf-8"), name=str(template))
        write_atomically(self.project.runs_dir / run / FILE_NAME, text)
