"""Connect the engine with its subscribers: recorders of receipts, checklists and memory, and the progress display."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from zk0.core.errors import SpecError
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
from zk0.workflow.integrity import texts_digest
from zk0.workflow.live_effects import LiveEffects
from zk0.workflow.loading import Loaded, load, load_performed
from zk0.workflow.lock import end_engine
from zk0.workflow.plan import Plan, plan
from zk0.workflow.resume import NewSpec, changed_steps
from zk0.workflow.run import RunDirectory
from zk0.workflow.selection import select_steps
from zk0.workflow.spec import AskStep, WorkflowSpec
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
    new: Loaded | None = None,
) -> Outcome:
    """Resume a run with all subscribers.

    Args:
        project: the project of the run.
        run: the run.
        since: the step from which on all steps run again.
        jobs: how many steps run at the same time.
        quiet: whether no progress is shown.
        answers: a person's answers in this terminal, by step.
        new: the workflow file to go on with; None for the one that the run began with.

    Raises:
        Zk0Error: as `Engine.resume`.
    """
    loaded = new or load_performed(run)
    spec = loaded.spec

    def replan(state: RunState) -> Plan:
        given = {name: value for name, value in state.inputs.items() if value is not None and name in spec.inputs}
        return plan(spec, resolve_inputs(spec, given), loaded.library)

    with _progress(project, quiet=quiet) as live_subscribers:
        engine = Engine(project, LiveEffects(project, answers), recorders(project, spec), live_subscribers, jobs)
        return engine.resume(run, replan, from_step=since, new=_replacement(run, new) if new else None)


def changed_file(project: Project, state: RunState) -> Loaded | None:
    """Return the workflow file of a run if it says something else than what the run performs; None if not.

    Raises:
        UnknownNameError: there is no such file.
        SpecError: it is not valid.
    """
    loaded = load(project, state.workflow)
    return loaded if state.spec and _digest(loaded) != state.spec else None


def asks_somebody(run: RunDirectory) -> bool:
    """Return whether a run has a step that asks an agent or a person, or its workflow file can't be read."""
    try:
        loaded = load_performed(run)
    except SpecError:
        return True
    specs = (loaded.spec, *loaded.library.values())
    return any(isinstance(step, AskStep) for spec in specs for step in spec.steps)


def _replacement(run: RunDirectory, new: Loaded) -> NewSpec:
    try:
        old: Loaded | None = load_performed(run)
    except SpecError:
        old = None
    known = old if old and _digest(old) == run.state().spec else None  # else it was altered, or not yet written
    same = known is not None and known.library == new.library
    changed = changed_steps(known.spec if known else None, new.spec, same_library=same)
    return NewSpec(new.text, new.sources, changed)


def _digest(loaded: Loaded) -> str:
    return texts_digest(loaded.text, loaded.sources)


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
