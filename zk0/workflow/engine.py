"""The engine: begins a run, goes on with one, gives one up.

It owns no domain and touches nothing itself: what it does to the world goes through `Effects`, what comes of it goes
out as events. Receipts, checklists, the memory bank and progress are subscribers, and the engine knows none of them.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from zk0.core.errors import ExitStatus, JournalError, RequestError
from zk0.core.project import Project
from zk0.workflow.ask import Paused
from zk0.workflow.attempt import Surroundings
from zk0.workflow.effects import Effects
from zk0.workflow.event_log import Telling
from zk0.workflow.events import RunCancelled, RunFinished, RunResumed, RunStarted, Selection, Subscriber
from zk0.workflow.execution import Execution
from zk0.workflow.plan import Plan
from zk0.workflow.resume import Redone, first_to_redo, to_redo
from zk0.workflow.run import RunDirectory
from zk0.workflow.scheduler import Crew
from zk0.workflow.state import RunState, RunStatus, fold


@dataclass(frozen=True)
class Outcome:
    """How a run ended, where it is, and which subscribers could not follow it."""

    state: RunState
    directory: RunDirectory
    complaints: tuple[str, ...] = ()

    @property
    def exit_status(self) -> ExitStatus:
        """What the process ends with: the worst of the run's, and at least 1 where a subscriber failed."""
        own = self.state.exit_status or ExitStatus.done
        return max(own, ExitStatus.failed) if self.complaints else own


class Engine:
    """Runs plans in a project.

    Args:
        project: where the runs are.
        effects: what does things; `DryEffects` for a dry run.
        subscribers: who is told; one that fails is reported in the outcome and goes on being told.
        spectators: who is told only what happens now, not what happened before a resumption.
        jobs: how many things are done at the same time.
    """

    def __init__(
        self,
        project: Project,
        effects: Effects,
        subscribers: Iterable[Subscriber] = (),
        spectators: Iterable[Subscriber] = (),
        jobs: int = 1,
    ) -> None:
        self.project = project
        self.effects = effects
        self.subscribers = tuple(subscribers)
        self.spectators = tuple(spectators)
        self.jobs = jobs

    def run(
        self,
        plan: Plan,
        *,
        source: str = "",
        nested: Mapping[str, str] | None = None,
        seed: int = 0,
        selection: Selection | None = None,
    ) -> Outcome:
        """Run a plan from its first step.

        Args:
            plan: what to do.
            source: the workflow file's text, kept with the run.
            nested: the same of the workflows it performs.
            seed: what all randomness of the run derives from.
            selection: which of its steps to perform, and what earlier runs gave for others; None for all.

        Raises:
            RequestError: a step's inputs can't work; nothing was done and nothing left behind.
            MissingError: the same, for want of something.
            StorageError: the journal can't be written; what is in it stays true.
        """
        only = selection.steps if selection else None
        self.effects.open_secrets(plan, only)
        for inputs in plan.known_inputs(only, self.effects.revealed):
            self.effects.preflight(inputs)
        code, environment = self.effects.code(), self.effects.versions()  # these can fail, so before there is a run
        run = self.effects.open_run(plan, source, nested or {})
        around = Surroundings(
            self.project, plan.spec.name, run, seed, code, environment, self._crew(), selection=selection
        )
        telling = self._telling(run)
        with self.effects.hold(run):
            telling.record(
                RunStarted(
                    run=run.id,
                    workflow=plan.spec.name,
                    directory=run.path,
                    steps=tuple(step.path for step in plan.steps),
                    at=self.effects.now(),
                    title=plan.spec.title,
                    seed=seed,
                    inputs=plan.inputs_as_json(),
                    code=code,
                    environment=dict(environment),
                    selection=selection,
                )
            )
            return self._go(Execution(plan, around, telling, {}))

    def resume(self, run: RunDirectory, replan: Callable[[RunState], Plan], *, since: str | None = None) -> Outcome:
        """Go on with a run that was killed, interrupted or failed; finished steps are not done again.

        Args:
            run: which.
            replan: makes the run's plan, from what its journal says.
            since: the step from which on all is done anew.

        Raises:
            RunBusyError: another engine performs it.
            RequestError: there is nothing to go on with, or the run has no step `since`.
            JournalError: its journal can't be read.
            StorageError: its journal can't be written; what is in it stays true.
        """
        code, environment = self.effects.code(), self.effects.versions()
        telling = self._telling(run)
        with self.effects.hold(run):
            before = self.effects.recorded(run)
            if not before:
                raise JournalError(f"run {run.id} was killed before it recorded anything", remedy="zk0 run WORKFLOW")
            state = fold(before)
            redone = first_to_redo(state, since)
            plan = replan(state)
            self.effects.open_secrets(plan, state.selection.steps if state.selection else None)
            again = to_redo(state, plan) if since is None and redone else Redone()
            telling.recall(before)
            now, whole = self.effects.now(), redone == since
            telling.record(
                RunResumed(
                    run.id, now, redone, whole, again.steps, again.partly, code=code, environment=dict(environment)
                )
            )
            around = Surroundings(
                self.project,
                plan.spec.name,
                run,
                state.seed,
                code,
                environment,
                self._crew(),
                state.selection,
                reuse=since is None,
            )
            known = {step.id: step for step in fold(telling.events).steps}
            return self._go(Execution(plan, around, telling, known))

    def cancel(self, run: RunDirectory) -> Outcome:
        """Give up a run that nobody performs.

        Raises:
            RunBusyError: another engine performs it.
            RequestError: it has come to its end.
            JournalError: its journal can't be read.
        """
        telling = self._telling(run)
        with self.effects.hold(run):
            telling.recall(self.effects.recorded(run))
            state = fold(telling.events)
            if state.status in (RunStatus.done, RunStatus.failed, RunStatus.cancelled):
                raise RequestError(f"run {run.id} can't be cancelled: it is {state.status}")
            if state.status is not RunStatus.interrupted:
                telling.record(self._end(run, state, ExitStatus.interrupted))
            telling.record(RunCancelled(run.id, self.effects.now()))
        return Outcome(fold(telling.events), run, telling.complaints)

    def _crew(self) -> Crew:
        return Crew(self.jobs, self.effects.end)

    def _telling(self, run: RunDirectory) -> Telling:
        return Telling(run, self.effects, self.subscribers, self.spectators)

    def _go(self, execution: Execution) -> Outcome:
        """Take every step and end the run, also when it is interrupted."""
        telling = execution.telling
        try:
            with execution.around.crew.at_work():
                execution.go()
            status = execution.course.exit_status
        except KeyboardInterrupt:
            status = ExitStatus.interrupted
        except Paused:
            return Outcome(fold(telling.events), telling.run, telling.complaints)
        telling.record(self._end(telling.run, fold(telling.events), status))
        return Outcome(fold(telling.events), telling.run, telling.complaints)

    def _end(self, run: RunDirectory, state: RunState, status: ExitStatus) -> RunFinished:
        return RunFinished(
            run=run.id,
            workflow=state.workflow,
            directory=run.path,
            verdict=state.verdict,
            exit_status=status,
            proposals=state.proposals,
            at=self.effects.now(),
        )
