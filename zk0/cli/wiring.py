"""Connect the engine with its subscribers: recorders of receipts, checklists and memory, and the progress display."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from zk0.core.project import Project
from zk0.reports.github import is_active
from zk0.reports.github_report import github_report
from zk0.reports.progress import progress_report
from zk0.workflow.approval import ApprovalAnswer
from zk0.workflow.effects import DryEffects
from zk0.workflow.engine import Engine, Outcome
from zk0.workflow.event_log import ReceiptRecorder
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

type DryRunEvent = StepPlanned | StepSkipped | StepFinished


def recorders(project: Project, spec: WorkflowSpec) -> list[Subscriber]:
    """Return the subscribers that record a run; each works from the events alone, so their order does not matter.

    Raises:
        RequestError: one cannot record this workflow, for example because its checklist does not exist.
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
    """Run a plan with all subscribers; `subscribers` replace the recorders.

    Raises:
        Zk0Error: as `Engine.run`.
    """
    subscribed = recorders(project, loaded.spec) if subscribers is None else list(subscribers)
    with _progress(project, quiet=quiet) as live_subscribers:
        engine = Engine(project, LiveEffects(project), subscribed, live_subscribers, jobs)
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
    """Resume a run with all subscribers; `answers` maps steps to a person's answers in this terminal.

    Raises:
        Zk0Error: as `Engine.resume`.
    """
    loaded = load_performed(run)
    spec = loaded.spec

    def replan(state: RunState) -> Plan:
        given = {name: value for name, value in state.inputs.items() if value is not None}
        return plan(spec, resolve_inputs(spec, given), loaded.library)

    with _progress(project, quiet=quiet) as live_subscribers:
        engine = Engine(project, LiveEffects(project, answers), recorders(project, spec), live_subscribers, jobs)
        return engine.resume(run, replan, from_step=since)


def cancel(project: Project, run: RunDirectory) -> Outcome:
    """Cancel a run: end its engine and every process the engine started.

    Raises:
        Zk0Error: as `Engine.cancel`.
    """
    end_engine(run)
    return Engine(project, LiveEffects(project), recorders(project, load_performed(run).spec)).cancel(run)


@contextmanager
def _progress(project: Project, *, quiet: bool) -> Iterator[list[Subscriber]]:
    if quiet:
        yield []
    else:
        with github_report(project.runs_dir) if is_active() else progress_report() as report:
            yield [report]


def select(
    project: Project, planned: Plan, only: Sequence[str] = (), since: str | None = None, *, seed: int = 0
) -> Selection | None:
    """Return the steps to run and the earlier outcomes of the rest, or None to run the whole plan; reads only.

    Raises:
        UnknownNameError: the workflow has no such step.
        RequestError: a step needs an outcome that no earlier run has.
    """
    effects = LiveEffects(project)
    outcomes = effects.earlier_outcomes(planned.spec.name)
    return select_steps(planned, only, since, seed, outcomes, effects.is_intact, project.root)


def dry_run(project: Project, planned: Plan, selection: Selection | None = None) -> list[DryRunEvent]:
    """Return what each step of a plan would do, without doing it."""
    events: list[Event] = []
    Engine(project, DryEffects(project), [events.append]).run(planned, selection=selection)
    return [event for event in events if isinstance(event, StepPlanned | StepSkipped | StepFinished)]
