"""Render a workflow's checklist into its run's directory while the run goes on.

It is rendered when a step ends that an item of it rests on, and when the run ends or waits. The receipts of other steps
are not kept, so a step costs the same however many there were before it.
"""

from datetime import datetime

from zk0.checklists.evaluation import evaluate, lines_of
from zk0.checklists.judging import kept_answers
from zk0.checklists.loading import load_checklist
from zk0.checklists.rendering import TEMPLATE, render
from zk0.checklists.signatures import read_signatures
from zk0.checklists.snapshot import parts_of, take_snapshot
from zk0.core.project import Project
from zk0.core.receipts import Receipt, write_atomically
from zk0.workflow.events import Event, RunFinished, StepFinished, StepWaiting
from zk0.workflow.spec import WorkflowSpec

FILE_NAME = "checklist.md"


class ChecklistRecorder:
    """Subscribes to a run and keeps `<run directory>/checklist.md` up to date.

    Args:
        project: where checklists, runs and the git repository are.
        spec: the workflow that runs; with no checklist, nothing is written.

    Raises:
        UnknownNameError: the workflow names a checklist that does not exist.
        SpecError: that checklist's file is not valid.
    """

    def __init__(self, project: Project, spec: WorkflowSpec) -> None:
        self.project = project
        self.checklist = load_checklist(project, spec.checklist) if spec.checklist else None
        self._proofs = tuple(self.checklist.evidence()) if self.checklist else ()
        self._receipts: dict[str, Receipt] = {}  # those that items rest on, by step, in the order they were finished
        self._rendered = False

    def __call__(self, event: Event) -> None:
        """Render when evidence came, and when the run ends or waits."""
        match event:
            case StepFinished(receipt=receipt) if self._is_evidence(receipt):
                self._receipts.pop(receipt.step, None)
                self._receipts[receipt.step] = receipt
                self._record(receipt.run, receipt.finished)
            case StepFinished(receipt=receipt) if not self._rendered:
                self._record(receipt.run, receipt.finished)
            case RunFinished(run=run, at=at) | StepWaiting(run=run, at=at):
                self._record(run, at)

    def _is_evidence(self, receipt: Receipt) -> bool:
        """Return whether an item rests on a receipt, or on the one that it replaces."""
        return receipt.step in self._receipts or any(any(lines_of(proof, receipt)) for proof in self._proofs)

    def _record(self, run: str, now: datetime) -> None:
        if self.checklist is None:
            return
        self._rendered = True
        template = self.project.resource("checklists", TEMPLATE)
        kept = kept_answers(self.project, self.checklist).receipts
        snapshot = take_snapshot(self.project, now=now, parts=parts_of(kept))
        receipts = [*self._receipts.values(), *kept]
        evaluated = evaluate(self.checklist, receipts, snapshot, read_signatures(self.project))
        text = render(evaluated, template.read_text(encoding="utf-8"), name=str(template))
        write_atomically(self.project.runs_dir / run / FILE_NAME, text)
