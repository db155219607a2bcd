"""Who listens to a run: the one place where the engine meets its subscribers."""

from collections.abc import Iterable
from contextlib import ExitStack

from zk0.project import Project
from zk0.receipts import ReceiptStore
from zk0.reports.progress import progress_report
from zk0.workflow.effects import DryEffects, LiveEffects
from zk0.workflow.engine import Engine, Outcome
from zk0.workflow.events import Event, StepFinished, StepPlanned, StepSkipped, Subscriber
from zk0.workflow.loading import Loaded
from zk0.workflow.plan import Plan
from zk0.workflow.spec import WorkflowSpec


class ReceiptRecorder:
    """Keeps the receipt of every step."""

    def __init__(self, project: Project) -> None:
        self.store = ReceiptStore(project.runs_dir)

    def __call__(self, event: Event) -> None:
        """Save a finished step's receipt."""
        if isinstance(event, StepFinished):
            self.store.save(event.receipt)


def recorders(project: Project, spec: WorkflowSpec) -> list[Subscriber]:
    """Return what writes a run down, receipts first: the others may look them up.

    Raises:
        RequestError: one of them can't follow this workflow, such as for a checklist that does not exist.
    """
    from zk0.checklists.recording import ChecklistRecorder
    from zk0.memory.recording import MemoryRecorder

    return [ReceiptRecorder(project), ChecklistRecorder(project, spec), MemoryRecorder(project, spec)]


def perform(
    project: Project,
    loaded: Loaded,
    planned: Plan,
    *,
    seed: int = 0,
    quiet: bool = False,
    subscribers: Iterable[Subscriber] | None = None,
) -> Outcome:
    """Run a plan, with everyone listening; `subscribers` replace the recorders.

    Raises:
        Zk0Error: what `Engine.run` raises.
    """
    listening: list[Subscriber] = recorders(project, loaded.spec) if subscribers is None else list(subscribers)
    with ExitStack() as stack:
        if not quiet:
            listening.append(stack.enter_context(progress_report()))
        return Engine(project, LiveEffects(project), listening).run(planned, source=loaded.text, seed=seed)


def rehearse(project: Project, planned: Plan) -> list[StepPlanned | StepSkipped]:
    """Return what a run of a plan would do, step by step, without doing any of it."""
    told: list[Event] = []
    Engine(project, DryEffects(project), [told.append]).run(planned)
    return [event for event in told if isinstance(event, StepPlanned | StepSkipped)]
