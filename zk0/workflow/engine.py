"""The engine: one step after another, each told to the journal before and after, and to whoever listens.

It owns no domain and touches nothing itself: what it does to the world goes through `Effects`, what comes of it goes
out as events. Receipts, checklists, the memory bank and progress are subscribers, and the engine knows none of them.
"""

import traceback
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

from zk0.errors import ExitStatus, SpecError, StorageError
from zk0.project import Project
from zk0.receipts import Receipt
from zk0.verdicts import Verdict
from zk0.workflow.actions import Progress
from zk0.workflow.effects import Effects
from zk0.workflow.events import (
    Event,
    JournalEvent,
    RunFinished,
    RunStarted,
    StepFinished,
    StepPlanned,
    StepProgressed,
    StepRetried,
    StepSkipped,
    StepStarted,
    Subscriber,
)
from zk0.workflow.expressions import Template, as_json, fill
from zk0.workflow.performing import Attempt, Surroundings
from zk0.workflow.plan import Plan, PlannedStep, decided
from zk0.workflow.run import RunDirectory
from zk0.workflow.scope import Scope, StepScope
from zk0.workflow.state import RunState, fold

SUBSCRIBER_LOG = "subscribers"


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
    """

    def __init__(self, project: Project, effects: Effects, subscribers: Iterable[Subscriber] = ()) -> None:
        self.project = project
        self.effects = effects
        self.subscribers = tuple(subscribers)

    def run(self, plan: Plan, *, source: str = "", seed: int = 0) -> Outcome:
        """Run a plan from its first step.

        Args:
            plan: what to do.
            source: the workflow file's text, kept with the run.
            seed: what all randomness of the run derives from.

        Raises:
            RequestError: a step's inputs can't work; nothing was done and nothing left behind.
            MissingError: the same, for want of something.
            StorageError: the journal can't be written; what is in it stays true.
        """
        for step in plan.steps:
            if step.inputs is not None and step.when is True:
                self.effects.preflight(step.inputs)
        code, environment = self.effects.code(), self.effects.versions()  # these can fail, so before there is a run
        around = Surroundings(
            project=self.project,
            workflow=plan.spec.name,
            run=self.effects.open_run(plan, source),
            seed=seed,
            code=code,
            environment=environment,
        )
        return _Execution(self, plan, around).go()


class _Execution:
    """One run while it goes on."""

    def __init__(self, engine: Engine, plan: Plan, around: Surroundings) -> None:
        self.plan = plan
        self.around = around
        self.effects = engine.effects
        self.subscribers = engine.subscribers
        self.events: list[JournalEvent] = []
        self.complaints: dict[str, None] = {}
        self.steps: dict[str, StepScope] = {}
        self.stopped: list[str] = []
        self.exit_status = ExitStatus.done

    def go(self) -> Outcome:
        """Take every step and end the run, also when it is interrupted."""
        self._record(self._start())
        try:
            for step in self.plan.steps:
                self._take(step)
        except KeyboardInterrupt:
            self.exit_status = ExitStatus.interrupted
        state = fold(self.events)
        end = RunFinished(
            run=state.run,
            workflow=state.workflow,
            directory=self.around.run.path,
            verdict=state.verdict,
            exit_status=self.exit_status,
            proposals=state.proposals,
            at=self.effects.now(),
        )
        self._record(end)
        return Outcome(fold(self.events), self.around.run, tuple(self.complaints))

    def _start(self) -> RunStarted:
        return RunStarted(
            run=self.around.run.id,
            workflow=self.plan.spec.name,
            directory=self.around.run.path,
            steps=tuple(step.id for step in self.plan.steps),
            at=self.effects.now(),
            title=self.plan.spec.title,
            seed=self.around.seed,
            inputs=self.plan.inputs_as_json(),
            code=self.around.code,
            environment=dict(self.around.environment),
        )

    def _take(self, step: PlannedStep) -> None:
        try:
            skip = self._reason_to_skip(step)
        except SpecError as error:
            self._record(self._begin(step, 1))
            attempt = self._attempt(step, 1)
            self._finish(attempt, attempt.refuse(error))
            return
        if skip:
            verdict, reason = skip
            self.steps[step.id] = StepScope(verdict)
            self._record(StepSkipped(self.around.run.id, step.id, step.title, reason, self.effects.now(), verdict))
        elif self.effects.rehearsing:
            self._publish(StepPlanned(self.around.run.id, step.id, step.title, self._filled(step)))
        else:
            self._perform(step)

    def _reason_to_skip(self, step: PlannedStep) -> tuple[Verdict, str] | None:
        if self.stopped and not any(map(step.asks_for, self.stopped)):
            return Verdict.not_available, f"step {self.stopped[0]} did not do its work"
        # In a dry run no step has a verdict, so a `when` that reads one stays a template: the step may run.
        if decided(fill(step.when, self._scope()), step.id) is False:
            source = step.when.source if isinstance(step.when, Template) else "its inputs"
            return Verdict.not_applicable, f"its when is false: {source}"
        return None

    def _perform(self, step: PlannedStep) -> None:
        for number in count(1):
            self._record(self._begin(step, number))
            attempt = self._attempt(step, number)
            receipt = attempt.perform(self._scope(), self._progress(step))
            if number >= step.retry.attempts or receipt.verdict not in step.retry.on:
                self._finish(attempt, receipt)
                return
            reason = _reason(receipt)
            at = self.effects.now()
            self._record(StepRetried(self.around.run.id, step.id, number, receipt.verdict, reason, at))

    def _begin(self, step: PlannedStep, number: int) -> StepStarted:
        return StepStarted(self.around.run.id, step.id, step.title, number, self.effects.now())

    def _attempt(self, step: PlannedStep, number: int) -> Attempt:
        return Attempt(step, number, self.around, self.effects)

    def _finish(self, attempt: Attempt, receipt: Receipt) -> None:
        self.steps[receipt.step] = StepScope(receipt.verdict, attempt.outputs)
        if receipt.verdict.stops:
            self.stopped.append(receipt.step)
        self.exit_status = max(self.exit_status, attempt.exit_status)
        self._record(StepFinished(receipt, attempt.exit_status, attempt.proposals()))

    def _scope(self) -> Scope:
        run = {"id": self.around.run.id, "directory": self.around.run.path}
        return Scope(self.plan.inputs, run, self.steps)

    def _filled(self, step: PlannedStep) -> dict[str, Any]:
        return step.as_json() | {"with": as_json(fill(step.arguments, self._scope()))}

    def _progress(self, step: PlannedStep) -> Progress:
        def progress(done: int, total: int, note: str = "") -> None:
            self._publish(StepProgressed(self.around.run.id, step.id, done, total, note))

        return progress

    def _record(self, event: JournalEvent) -> None:
        """Write an event down, then tell it: whoever hears of it may rely on its being recorded."""
        self.effects.append(self.around.run, event)
        self.events.append(event)
        self._publish(event)

    def _publish(self, event: Event) -> None:
        for subscriber in self.subscribers:
            try:
                subscriber(event)
            except Exception as error:  # noqa: BLE001  a subscriber's fault must not lose the run; it is reported
                name = getattr(subscriber, "__name__", type(subscriber).__name__)
                self.complaints[f"{name}: {error or type(error).__name__}"] = None
                with suppress(StorageError):  # where the log can't be written, the complaint itself remains
                    log = self.around.run.log(SUBSCRIBER_LOG)
                    self.effects.note(log, "".join(traceback.format_exception(error)))


def _reason(receipt: Receipt) -> str:
    """Return why an attempt was not good enough, in one sentence."""
    if receipt.failure:
        return receipt.failure.message
    return next((finding.message for finding in receipt.findings if finding.verdict == receipt.verdict), "")
