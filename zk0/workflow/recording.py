"""Save the receipt of every finished step: the subscriber that every front end needs."""

from zk0.core.project import Project
from zk0.core.receipts import ReceiptStore
from zk0.workflow.events import Event, StepFinished


class ReceiptRecorder:
    """Saves each receipt in the project's receipt store."""

    def __init__(self, project: Project) -> None:
        self.store = ReceiptStore(project.runs_dir)

    def __call__(self, event: Event) -> None:
        """Save a finished step's receipt."""
        if isinstance(event, StepFinished):
            self.store.save(event.receipt)
