"""Who listens to a run: the one place where the engine meets its subscribers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from zk0.core.project import Project
from zk0.core.receipts import ReceiptStore
from zk0.reports.progress import progress_report
from zk0.workflow.approval import ApprovalAnswer
from zk0.workflow.effects import DryEffects
from zk0.workflow.engine import Engine, Outcome
from zk0.workflow.events import Event, Selection, StepFinished, StepPlanned, StepSkipped, Subscriber
from zk0.workflow.inputs import resolve_inputs
from zk0.workflow.live_effects import LiveEffects
from zk0.workflow.loading import Loaded, load_performed
from zk0.workflow.lock import end_engine
from zk0.workflow.plan import Plan, plan
from zk0.workflow.run import RunDirectory
from zk0.workflow.selection import select_steps
from zk0.workflow.spec import WorkflowSpec
from zk0.workflow.state import RunState

type Rehearsed = StepPlanned | StepSkipped | StepFinished


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
    selection: Selection | None = None,
    jobs: int = 1,
    quiet: bool = False,
    subscribers: Iterable[Subscriber] | None = None,
) -> Outcome:
    """Run a plan, with everyone listening; `subscribers` replace the recorders.

    Raises:
        Zk0Error: what `Engine.run` raises.
    """
    listening = recorders(project, loaded.spec) if subscribers is None else list(subscribers)
    with _watching(quiet=quiet) as live_subscribers:
        engine = Engine(project, LiveEffects(project), listening, live_subscribers, jobs)
        return engine.run(planned, source=loaded.text, nested=loaded.sources, seed=seed, selection=selection)


def resume(
    project: Project,
    run: RunDirectory,
    *,
    since: str | None = None,
    jobs: int = 1,
    quiet: bool = False,
    answers: Mapping[str, ApprovalAnswer] | None = None,
) -> Outcome:
    """Go on with a run, with everyone listening; `answers` are what a person said in this terminal, by step.

    Raises:
        Zk0Error: what `Engine.resume` raises.
    """
    loaded = load_performed(run)
    spec = loaded.spec

    def replan(state: RunState) -> Plan:
        given = {name: value for name, value in state.inputs.items() if value is not None}
        return plan(spec, resolve_inputs(spec, given), loaded.library)

    with _watching(quiet=quiet) as live_subscribers:
        engine = Engine(project, LiveEffects(project, answers), recorders(project, spec), live_subscribers, jobs)
        return engine.resume(run, replan, from_step=since)


def cancel(project: Project, run: RunDirectory) -> Outcome:
    """Give a run up: end the engine that performs it, and all that it started.

    Raises:
        Zk0Error: what `Engine.cancel` raises.
    """
    end_engine(run)
    return Engine(project, LiveEffects(project), recorders(project, load_performed(run).spec)).cancel(run)


@contextmanager
def _watching(*, quiet: bool) -> Iterator[list[Subscriber]]:
    if quiet:
        yield []
        return
    with progress_report() as report:
        yield [report]


def select(
    project: Project, planned: Plan, only: Sequence[str] = (), since: str | None = None, *, seed: int = 0
) -> Selection | None:
    """Return the part of a plan to perform, with what earlier runs gave for the rest; reads only. None for all of it.

    Raises:
        UnknownNameError: the workflow has no such step.
        RequestError: what a step reads is not to be had.
    """
    effects = LiveEffects(project)
    return select_steps(planned, only, since, seed, effects.earlier_outcomes(planned.spec.name), effects.is_intact)


def rehearse(project: Project, planned: Plan, selection: Selection | None = None) -> list[Rehearsed]:
    """Return what a run of a plan would do, step by step, without doing any of it."""
    told: list[Event] = []
    Engine(project, DryEffects(project), [told.append]).run(planned, selection=selection)
    return [event for event in told if isinstance(event, StepPlanned | StepSkipped | StepFinished)]
