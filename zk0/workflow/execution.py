"""A workflow's steps while they go on: which run, which are skipped, which were done before."""

from collections.abc import Mapping
from itertools import count
from typing import Any

from zk0.errors import ExitStatus, SpecError
from zk0.receipts import Receipt
from zk0.verdicts import Verdict
from zk0.workflow.actions import Progress
from zk0.workflow.asking import hand_over, judge
from zk0.workflow.events import StepFinished, StepPlanned, StepProgressed, StepRetried, StepSkipped, StepStarted
from zk0.workflow.expressions import Template, as_json, fill
from zk0.workflow.performing import Attempt, Surroundings
from zk0.workflow.plan import Plan, PlannedStep, decided
from zk0.workflow.resuming import scope_of
from zk0.workflow.scope import Scope, StepScope
from zk0.workflow.state import StepState, StepStatus
from zk0.workflow.telling import Telling


class Execution:
    """One plan's steps, in order.

    Args:
        plan: what to do.
        around: what is the same for every step.
        telling: where events go.
        known: how the steps stand that were begun before a resumption, by path.
    """

    def __init__(self, plan: Plan, around: Surroundings, telling: Telling, known: Mapping[str, StepState]) -> None:
        self.plan = plan
        self.around = around
        self.telling = telling
        self.effects = telling.effects
        self.known = known
        self.steps: dict[str, StepScope] = {}
        self.stopped: list[str] = []
        self.repairs: list[str] = []
        self.exit_status = ExitStatus.done

    def go(self) -> None:
        """Take every step."""
        for step in self.plan.steps:
            if not self._recall(step):
                self._take(step)

    def _recall(self, step: PlannedStep) -> bool:
        """Take over a step that ended before the run was resumed; return whether it had."""
        before = self.known.get(step.path)
        if before is None or before.verdict is None or before.status not in (StepStatus.finished, StepStatus.skipped):
            return False
        self.steps[step.id] = scope_of(step, before)
        if self.stopped and before.status is StepStatus.finished:
            self.repairs.append(step.id)
        if before.status is StepStatus.finished:
            self._count(step.id, before.verdict, before.exit_status)
        return True

    def _take(self, step: PlannedStep) -> None:
        try:
            skip = self._reason_to_skip(step)
        except SpecError as error:
            self.telling.record(self._begin(step, 1))
            attempt = self._attempt(step, 1)
            self._finish(attempt, attempt.refuse(error))
            return
        if self.stopped and not skip:
            self.repairs.append(step.id)
        if skip:
            verdict, reason = skip
            self.steps[step.id] = StepScope(verdict)
            self.telling.record(
                StepSkipped(self.around.run.id, step.path, step.title, reason, self.effects.now(), verdict)
            )
        elif self.effects.rehearsing:
            self.telling.publish(StepPlanned(self.around.run.id, step.path, step.title, self._filled(step)))
        elif step.kind == "ask":
            self._ask(step)
        else:
            self._perform(step)

    def _reason_to_skip(self, step: PlannedStep) -> tuple[Verdict, str] | None:
        if not self._may_run(step):
            return Verdict.not_available, f"step {self.stopped[0]} did not do its work"
        # In a dry run no step has a verdict, so a `when` that reads one stays a template: the step may run.
        if decided(fill(step.when, self._scope()), step.id) is False:
            source = step.when.source if isinstance(step.when, Template) else "its inputs"
            return Verdict.not_applicable, f"its when is false: {source}"
        return None

    def _may_run(self, step: PlannedStep) -> bool:
        """Whether a step runs though one before it failed: its `when` reads that one, or one that ran for it."""
        return not self.stopped or any(map(step.asks_for, (*self.stopped, *self.repairs)))

    def _perform(self, step: PlannedStep) -> None:
        for number in count(self._first_attempt(step)):
            self.telling.record(self._begin(step, number))
            attempt = self._attempt(step, number)
            receipt = attempt.perform(self._scope(), self._progress(step))
            if number >= step.retry.attempts or receipt.verdict not in step.retry.on:
                self._finish(attempt, receipt)
                return
            reason = _reason(receipt)
            at = self.effects.now()
            self.telling.record(StepRetried(self.around.run.id, step.path, number, receipt.verdict, reason, at))

    def _ask(self, step: PlannedStep) -> None:
        before = self.known.get(step.path)
        attempt = self._attempt(step, 1)
        if before and before.status is StepStatus.waiting:
            receipt = judge(attempt, self._scope(), self.telling, before)
        else:
            self.telling.record(self._begin(step, 1))
            try:
                hand_over(attempt, self.plan, self._scope(), self.telling)
            except SpecError as error:
                receipt = attempt.refuse(error)
        self._finish(attempt, receipt)

    def _first_attempt(self, step: PlannedStep) -> int:
        """Return the attempt to begin with: the one that was in flight when the run was killed."""
        before = self.known.get(step.path)
        return max(1, before.attempt) if before else 1

    def _begin(self, step: PlannedStep, number: int) -> StepStarted:
        return StepStarted(self.around.run.id, step.path, step.title, number, self.effects.now())

    def _attempt(self, step: PlannedStep, number: int) -> Attempt:
        return Attempt(step, number, self.around, self.effects)

    def _finish(self, attempt: Attempt, receipt: Receipt) -> None:
        step = attempt.step
        self.steps[step.id] = StepScope(receipt.verdict, attempt.outputs)
        self._count(step.id, receipt.verdict, attempt.exit_status)
        self.telling.record(StepFinished(receipt, attempt.exit_status, attempt.proposals()))

    def _count(self, step: str, verdict: Verdict, exit_status: ExitStatus) -> None:
        if verdict.stops:
            self.stopped.append(step)
        self.exit_status = max(self.exit_status, exit_status)

    def _scope(self) -> Scope:
        run = {"id": self.around.run.id, "directory": self.around.run.path}
        return Scope(self.plan.inputs, run, self.steps)

    def _filled(self, step: PlannedStep) -> dict[str, Any]:
        return step.as_json() | {"with": as_json(fill(step.arguments, self._scope()))}

    def _progress(self, step: PlannedStep) -> Progress:
        def progress(done: int, total: int, note: str = "") -> None:
            self.telling.publish(StepProgressed(self.around.run.id, step.path, done, total, note))

        return progress


def _reason(receipt: Receipt) -> str:
    """Return why an attempt was not good enough, in one sentence."""
    if receipt.failure:
        return receipt.failure.message
    return next((finding.message for finding in receipt.findings if finding.verdict == receipt.verdict), "")
