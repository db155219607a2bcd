"""The engine: runs, resumes and cancels workflows.

It knows no domain and has no side effects of its own: it acts through `Effects` and reports through events. Receipts,
checklists, the memory bank and progress are subscribers, none of which it knows.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from zk0.core.errors import ExitStatus, JournalError, RequestError, SpecError, Zk0Error
from zk0.core.project import Project
from zk0.core.receipts import Failure
from zk0.core.verdicts import Verdict
from zk0.workflow.ask import Paused
from zk0.workflow.attempt import RunContext
from zk0.workflow.composite import workflow_outputs
from zk0.workflow.effects import Effects
from zk0.workflow.event_log import EventLog
from zk0.workflow.events import RunCancelled, RunFinished, RunResumed, RunStarted, Selection, Subscriber
from zk0.workflow.execution import Execution
from zk0.workflow.integrity import texts_digest
from zk0.workflow.plan import Plan
from zk0.workflow.resume import NewSpec, Redone, first_to_redo, to_redo
from zk0.workflow.run import RunDirectory
from zk0.workflow.scheduler import Scheduler
from zk0.workflow.state import RunState, RunStatus, StepStatus, end_run, fold


@dataclass(frozen=True)
class Outcome:
    """The end of a run: its state, its directory and the errors of subscribers."""

    state: RunState
    directory: RunDirectory
    subscriber_errors: tuple[str, ...] = ()

    @property
    def exit_status(self) -> ExitStatus:
        """The exit status of the process: that of the run, and at least 1 if a subscriber failed."""
        own = self.state.exit_status or ExitStatus.done
        return max(own, ExitStatus.failed) if self.subscriber_errors else own


class Engine:
    """Runs plans in a project.

    Args:
        project: the project of the runs.
        effects: acts; `DryEffects` for a dry run.
        subscribers: get all events; one that fails is reported in the outcome, and still gets the next ones.
        live_subscribers: do not get the events from before a resumption.
        jobs: how many steps run at the same time.
    """

    def __init__(
        self,
        project: Project,
        effects: Effects,
        subscribers: Iterable[Subscriber] = (),
        live_subscribers: Iterable[Subscriber] = (),
        jobs: int = 1,
    ) -> None:
        self.project = project
        self.effects = effects
        self.subscribers = tuple(subscribers)
        self.live_subscribers = tuple(live_subscribers)
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
            plan: the plan.
            source: the text of the workflow file, to keep with the run.
            nested: the texts of the workflows it performs, by name.
            seed: the seed of all randomness in the run.
            selection: the steps to perform, and earlier outcomes to reuse for others; None for all steps.

        Raises:
            RequestError: a step's inputs can't work; nothing was done or written.
            MissingError: something that a step needs is missing; nothing was done or written.
            StorageError: the journal can't be written; what is in it stays true.
        """
        only = selection.steps if selection else None
        self.effects.open_secrets(plan, only)
        for inputs in plan.known_inputs(only, self.effects.reveal, self.effects.is_expected):
            self.effects.preflight(inputs)
        code, environment = self.effects.code(), self.effects.versions()  # these can fail, so before there is a run
        run = self.effects.open_run(plan, source, nested or {})
        context = RunContext(
            self.project,
            plan.spec.name,
            run,
            seed,
            code,
            environment,
            Scheduler(self.jobs, self.effects.end),
            selection=selection,
        )
        log = EventLog(run, self.effects, self.subscribers, self.live_subscribers)
        with self.effects.lock_run(run):
            log.append(
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
                    ticks=self.effects.ticks(),
                    spec=texts_digest(source, nested or {}),
                )
            )
            return self._execute(Execution(plan, context, log, {}))

    def resume(
        self,
        run: RunDirectory,
        replan: Callable[[RunState], Plan],
        *,
        from_step: str | None = None,
        new: NewSpec | None = None,
    ) -> Outcome:
        """Resume a run that was killed, interrupted or failed; finished steps do not run again.

        Args:
            run: the run.
            replan: makes the plan from the state of the run.
            from_step: the step from which on all steps run again.
            new: another workflow file to go on with.

        Raises:
            RunBusyError: another engine performs it.
            RequestError: there is nothing to resume, or the run has no step `from_step`.
            JournalError: its journal can't be read.
            StorageError: its journal can't be written; what is in it stays true.
        """
        code, environment = self.effects.code(), self.effects.versions()
        log = EventLog(run, self.effects, self.subscribers, self.live_subscribers)
        with self.effects.lock_run(run):
            before = self.effects.read_journal(run, replaces_spec=new is not None)
            if not before:
                raise JournalError(f"run {run.id} was killed before it recorded anything", remedy="zk0 run WORKFLOW")
            state = fold(before)
            redone = first_to_redo(state, from_step)
            plan = replan(state)
            self.effects.open_secrets(plan, state.selection.steps if state.selection else None)
            again = Redone()
            if new:
                failed = from_step is None and redone is not None
                again = to_redo(state, plan, failed=failed, changed=new.changed, since=from_step or "")
            elif from_step is None and redone:
                again = to_redo(state, plan, failed=True)
            log.replay(before)
            log.append(
                RunResumed(
                    run.id,
                    self.effects.now(),
                    redone,
                    redone == from_step or new is not None,
                    again.steps,
                    again.partly,
                    code=code,
                    environment=dict(environment),
                    spec=texts_digest(new.text, new.nested) if new else "",
                    steps=tuple(step.path for step in plan.steps) if new else (),
                )
            )
            if new:  # after the event: killed in between, the run asks for it again
                self.effects.replace_spec(run, new.text, new.nested)
            context = RunContext(
                self.project,
                plan.spec.name,
                run,
                state.seed,
                code,
                environment,
                Scheduler(self.jobs, self.effects.end),
                state.selection,
                reuse=from_step is None,
            )
            known = {step.id: step for step in fold(log.events).steps}
            self.effects.end_orphans(run, services=[name for name, step in known.items() if step.did_its_work])
            return self._execute(Execution(plan, context, log, known))

    def cancel(self, run: RunDirectory) -> Outcome:
        """Cancel a run that no engine performs.

        Raises:
            RunBusyError: another engine performs it.
            RequestError: it has ended.
            JournalError: its journal can't be read.
        """
        log = EventLog(run, self.effects, self.subscribers, self.live_subscribers)
        with self.effects.lock_run(run):
            events = self.effects.read_journal(run)
            state = fold(events)
            if state.status in (RunStatus.done, RunStatus.failed, RunStatus.cancelled):
                raise RequestError(f"run {run.id} can't be cancelled: it is {state.status}")
            log.replay(events)  # only now: to a subscriber, a run that is replayed goes on
            self.effects.end_orphans(run)
            if state.status is not RunStatus.interrupted:
                self._end(log, state, ExitStatus.interrupted)
            log.append(RunCancelled(run.id, self.effects.now()))
        return Outcome(fold(log.events), run, log.subscriber_errors)

    def _execute(self, execution: Execution) -> Outcome:
        """Execute all steps and end the run, also when it is interrupted."""
        log = execution.log
        try:
            with execution.context.scheduler.running():
                execution = self._perform(execution)
            status = execution.graph.exit_status
        except KeyboardInterrupt:
            status = ExitStatus.interrupted
        except Paused:
            return Outcome(fold(log.events), log.run, log.subscriber_errors)
        outputs, failure = self._outputs(execution) if status is ExitStatus.done else ({}, None)
        if failure:
            status = ExitStatus.failed
        state = self._end(log, fold(log.events), status, outputs, failure)
        return Outcome(state, log.run, log.subscriber_errors)

    def _perform(self, execution: Execution) -> Execution:
        """Execute all steps; those that wait for an agent are done by the project's own, each in its turn.

        Raises:
            Paused: a step waits.
        """
        done: set[str] = set()
        while True:
            try:
                execution.run()
            except Paused:
                context, log = execution.context, execution.log
                while context.handovers:
                    context.handovers.pop(0)()
                steps = fold(log.events).steps
                waiting = (step.id for step in steps if step.status is StepStatus.waiting and step.ask == "agent")
                turn = next((step for step in waiting if step not in done), None)
                if not self.effects.agent or turn is None:
                    raise
                done.add(turn)
                known = {step.id: step for step in steps}
                execution = Execution(execution.plan, replace(context, for_agent=turn), log, known)
            else:
                return execution

    def _outputs(self, execution: Execution) -> tuple[dict[str, Any], Failure | None]:
        """Return the outputs of a run whose steps succeeded, or why they have no value."""
        if self.effects.dry_run:
            return {}, None
        try:
            partial = execution.context.selection is not None
            return workflow_outputs(execution.plan, execution.scope(), partial=partial), None
        except SpecError as error:
            return {}, Failure(code=error.code, message=error.message, remedy=error.remedy)

    def _approved_files(self, state: RunState) -> str:
        """Return the digest of the files with which a run ends, if a person approved them; empty if not."""
        if self.effects.dry_run or not any(receipt.uses == "ask.person" for receipt in state.receipts):
            return ""
        try:
            return self.effects.file_snapshot().digest
        except Zk0Error:  # the run ends all the same; when it is resumed, the person is asked again
            return ""

    def _end(
        self,
        log: EventLog,
        state: RunState,
        status: ExitStatus,
        outputs: dict[str, Any] | None = None,
        failure: Failure | None = None,
    ) -> RunState:
        """Record that the run ended with an exit status, and return its state."""
        end = RunFinished(
            run=log.run.id,
            workflow=state.workflow,
            directory=log.run.path,
            verdict=Verdict.failed if failure else state.verdict,
            exit_status=status,
            proposals=state.proposals,
            at=self.effects.now(),
            outputs=self.effects.mask_secrets(outputs or {}),
            failure=self.effects.mask_secrets(failure),
            ticks=self.effects.ticks(),
            files=self._approved_files(state),
        )
        ended = end_run(state, end)
        log.append(replace(end, verdict=ended.verdict))
        return ended
