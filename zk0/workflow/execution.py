"""A workflow's steps while they go on: which run, which are skipped, which were done before."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from zk0.core.errors import ExitStatus, SpecError, Zk0Error
from zk0.core.receipts import Receipt
from zk0.core.verdicts import Verdict, worst
from zk0.workflow.actions import Outputs, Progress
from zk0.workflow.ask import Paused, hand_over, judge
from zk0.workflow.attempt import Attempt, Surroundings
from zk0.workflow.composite import each_outputs, members_of, workflow_outputs
from zk0.workflow.event_log import Telling
from zk0.workflow.events import (
    StepFinished,
    StepPlanned,
    StepProgressed,
    StepRepairing,
    StepRetried,
    StepSkipped,
    StepStarted,
)
from zk0.workflow.expressions import Scope, StepScope, Template, as_json, fill
from zk0.workflow.plan import Plan, PlannedStep, decided
from zk0.workflow.resume import scope_of
from zk0.workflow.reuse import considered
from zk0.workflow.run import moved
from zk0.workflow.scheduler import Takes
from zk0.workflow.state import StepState, StepStatus
from zk0.workflow.step_graph import Course
from zk0.workflow.timeouts import Deadline, TimeLimit, overdue


class Execution:
    """One plan's steps, each as soon as those it follows have ended.

    Args:
        plan: what to do.
        around: what is the same for every step.
        telling: where events go.
        known: how the steps stand that were begun before a resumption, by path.
        deadline: when all of it has to be done.
        steps: what is known of steps that are not in the plan.
    """

    def __init__(
        self,
        plan: Plan,
        around: Surroundings,
        telling: Telling,
        known: Mapping[str, StepState],
        deadline: Deadline | None = None,
        steps: Mapping[str, StepScope] | None = None,
    ) -> None:
        self.plan = plan
        self.around = around
        self.telling = telling
        self.effects = telling.effects
        self.known = known
        self.deadline = deadline
        self.course = Course(plan, steps)
        self.waits = False

    def go(self) -> None:
        """Take every step.

        Raises:
            Paused: one waits for somebody, and all that does not wait for it is done.
        """
        left = [step for step in self.plan.steps if not self._recall(step)]
        self.around.crew.each(left, self._take, self.course.may_begin, _takes)
        if self.waits:
            raise Paused

    def _recall(self, step: PlannedStep) -> bool:
        """Take over a step that ended before the run was resumed; return whether it had."""
        before = self.known.get(step.path)
        if before is None or before.verdict is None or before.status not in (StepStatus.finished, StepStatus.skipped):
            return False
        if before.status is StepStatus.skipped:
            self.course.skip(step, before.verdict)
        else:
            self.course.end(step, scope_of(step, before), before.exit_status)
        return True

    def _take(self, step: PlannedStep) -> None:
        try:
            skip = self._reason_to_skip(step)
        except SpecError as error:
            attempt = self._begun(step, 1)
            self._finish(attempt, attempt.refuse(error))
            return
        if given := self._given(step):
            self._take_over(step, given, f"was left out, and what it gave is taken from run {given.receipt.run}")
        elif skip:
            verdict, reason = skip
            self.course.skip(step, verdict)
            at = self.effects.now()
            self.telling.record(StepSkipped(self.around.run.id, step.path, step.title, reason, at, verdict))
        else:
            try:
                self._perform(step)
            except Paused:
                self.waits = True

    def _reason_to_skip(self, step: PlannedStep) -> tuple[Verdict, str] | None:
        selection = self.around.selection
        if selection and "/" not in step.path and step.id not in selection.steps:
            return Verdict.not_applicable, f"{selection.asked} leaves it out"
        if blocking := self.course.blocking(step):
            return Verdict.not_available, f"step {blocking} did not do its work"
        if (deadline := self._deadline(step)) and self.effects.now() >= deadline.at:
            return Verdict.not_available, f"step {deadline.step} had no time left"
        # In a dry run no step has a verdict, so a `when` that reads one stays a template: the step may run.
        if decided(fill(step.when, self.scope()), step.id) is False:
            source = step.when.source if isinstance(step.when, Template) else "its inputs"
            return Verdict.not_applicable, f"its when is false: {source}"
        return None

    def _given(self, step: PlannedStep) -> StepFinished | None:
        """Return what an earlier run gave in place of a step that this one leaves out."""
        selection = self.around.selection
        if selection is None:
            return None
        return next((event for event in selection.given if event.receipt.step == step.path), None)

    def _perform(self, step: PlannedStep) -> None:
        if self.effects.rehearsing:
            self._rehearse(step)
        elif step.each is not None or step.kind == "workflow":
            self._perform_group(step)
        elif step.kind == "ask":
            self._ask(step)
        else:
            self._perform_one(step)

    def _perform_one(self, step: PlannedStep) -> None:
        basis, decision = considered(step, self.scope(), self.around, self.effects)
        if decision.reused:
            self._take_over(step, decision.reused, decision.reason)
            return
        before = self.known.get(step.path)
        number = max(1, before.attempt) if before else 1  # the one that was in flight when the run was killed
        failed = before.failed if before else None
        if failed is None:
            attempt, receipt = self._tried(step, number)
            if not (step.repair and receipt.verdict.stops):
                self._finish(attempt, receipt, basis, decision.reason)
                return
            number, failed = attempt.number + 1, attempt.ended(receipt, reason=decision.reason)
            self.telling.record(StepRepairing(failed, step.repair.uses.removeprefix("workflow."), self.effects.now()))
        if self._repaired(step, failed):
            # Not to be reused: the code changed since it was asked what the outcome rests on.
            attempt = self._begun(step, number)
            receipt = attempt.perform(self.scope(), self._progress(step))
            self._finish(
                attempt, receipt, reason=f"ran again because {step.path}/on-fail repaired what had made it fail"
            )
        else:
            self._end(step, failed, scope_of(step, _state_of(failed)))

    def _tried(self, step: PlannedStep, first: int) -> tuple[Attempt, Receipt]:
        """Try a step, from an attempt on, until it is good or may be tried no more."""
        for number in count(first):
            attempt = self._begun(step, number)
            receipt = attempt.perform(self.scope(), self._progress(step))
            wait, at, deadline = step.retry.pause(number), self.effects.now(), self._deadline(step)
            too_late = deadline is not None and at + timedelta(seconds=wait) >= deadline.at
            if too_late or not attempt.may_be_tried_again(receipt):
                return attempt, receipt
            again = StepRetried(self.around.run.id, step.path, number, receipt.verdict, _reason(receipt), at, wait)
            self.telling.record(again)
            if wait:
                with self.around.crew.waiting():
                    self.effects.pause(wait)
        raise AssertionError("a count does not end")

    def _repaired(self, step: PlannedStep, failed: StepFinished) -> bool:
        """Run the workflow that repairs a step, and return whether it went well."""
        if step.repair is None:  # the run was begun by a zk0 that read its workflow otherwise
            return False
        steps = {**self.course.steps, step.id: scope_of(step, _state_of(failed))}
        plan = replace(self.plan, steps=(step.repair,))
        repair = Execution(plan, self.around, self.telling, self.known, self._deadline(step), steps)
        repair.go()
        return not repair.course.stopped

    def _perform_group(self, step: PlannedStep) -> None:
        """Perform a step that consists of others: a workflow, or the same step for each item."""
        attempt = self._begun(step, 1)
        attempt.started = self.effects.now()
        try:
            members = members_of(step, self.plan, self.scope())
        except Zk0Error as error:
            self._finish(attempt, attempt.refuse(error))
            return
        attempt.inputs, deadline = members.inputs, self._deadline_within(step, attempt.started)
        parts = [Execution(plan, self.around, self.telling, self.known, deadline) for plan in members.plans]
        self.around.crew.each(parts, _go, lambda _: True)
        if any(part.waits for part in parts):
            raise Paused
        if deadline and deadline.step == step.path and self.effects.now() >= deadline.at:
            attempt.fail(overdue(step.title, TimeLimit(step.timeout or 0.0), attempt.log))
        receipt = attempt.sum_up(
            lambda: _outputs_of(step, parts),
            worst(part.course.verdict for part in parts),
            max((part.course.exit_status for part in parts), default=ExitStatus.done),
            self.scope(),
        )
        self._finish(attempt, receipt, reason="ran because it consists of others; each of them has a reason of its own")

    def _deadline(self, step: PlannedStep) -> Deadline | None:
        """Return when a step has to be done because of what it is part of; what cleans up has its own time."""
        return None if step.always else self.deadline

    def _deadline_within(self, step: PlannedStep, begun: datetime) -> Deadline | None:
        """Return when the steps within one have to be done."""
        around = self._deadline(step)
        if step.timeout is None or step.each is not None:  # the timeout of a step with items is for each
            return around
        own = Deadline(step.path, begun + timedelta(seconds=step.timeout))
        return around if around and around.at <= own.at else own

    def _rehearse(self, step: PlannedStep) -> None:
        self.telling.publish(StepPlanned(self.around.run.id, step.path, step.title, self._filled(step)))
        self.course.rehearse(step)
        if step.nested:
            Execution(step.nested, self.around, self.telling, {}).go()

    def _ask(self, step: PlannedStep) -> None:
        before = self.known.get(step.path)
        if before and before.status is StepStatus.waiting:
            attempt = self._attempt(step, 1)
            receipt = judge(attempt, self.scope(), self.telling, before)
        else:
            attempt = self._begun(step, 1)
            try:
                hand_over(attempt, self.plan, self.scope(), self.telling)
            except SpecError as error:
                receipt = attempt.refuse(error)
        self._finish(attempt, receipt, reason=f"ran because only {step.uses.removeprefix('ask.')}s can do it")

    def _begun(self, step: PlannedStep, number: int) -> Attempt:
        """Record that an attempt begins, and return it."""
        self.telling.record(StepStarted(self.around.run.id, step.path, step.title, number, self.effects.now()))
        return self._attempt(step, number)

    def _attempt(self, step: PlannedStep, number: int) -> Attempt:
        return Attempt(step, number, self.around, self.effects, self._deadline(step))

    def _take_over(self, step: PlannedStep, event: StepFinished, reason: str) -> None:
        """Let what an earlier run gave stand for a step."""
        receipt = moved(event.receipt, self.around.run.id, self.around.project)
        receipt = receipt.changed(step=step.path, title=step.title)
        here = replace(event, receipt=receipt, reason=reason)
        self._end(step, here, scope_of(step, _state_of(here)))

    def _finish(
        self, attempt: Attempt, receipt: Receipt, basis: dict[str, str] | None = None, reason: str = ""
    ) -> None:
        self._end(attempt.step, attempt.ended(receipt, basis, reason), StepScope(receipt.verdict, attempt.outputs))

    def _end(self, step: PlannedStep, event: StepFinished, scope: StepScope) -> None:
        self.course.end(step, scope, event.exit_status)
        self.telling.record(event)

    def scope(self) -> Scope:
        """Return what expressions may read now."""
        run = {"id": self.around.run.id, "directory": self.around.run.path}
        return Scope(self.plan.inputs, run, self.course.steps)

    def _filled(self, step: PlannedStep) -> dict[str, Any]:
        return step.as_json() | {"with": as_json(fill(step.arguments, self.scope()))}

    def _progress(self, step: PlannedStep) -> Progress:
        def progress(done: int, total: int, note: str = "") -> None:
            with self.around.crew.turn():
                self.telling.publish(StepProgressed(self.around.run.id, step.path, done, total, note))

        return progress


def _takes(step: PlannedStep) -> Takes:
    if step.each is not None or step.kind == "workflow":
        return Takes.nothing
    return Takes.home if step.kind == "uses" else Takes.job


def _go(part: Execution) -> None:
    with suppress(Paused):  # whoever asked for it asks whether it waits, when all parts have come to their end
        part.go()


def _outputs_of(step: PlannedStep, parts: Sequence[Execution]) -> Outputs:
    if step.each is None:
        [part] = parts
        return workflow_outputs(part.plan, part.scope())
    return each_outputs([part.course.steps[str(number)] for number, part in enumerate(parts)])


def _state_of(event: StepFinished) -> StepState:
    return StepState(id=event.receipt.step, verdict=event.receipt.verdict, receipt=event.receipt)


def _reason(receipt: Receipt) -> str:
    """Return why an attempt was not good enough, in one sentence."""
    if receipt.failure:
        return receipt.failure.message
    return next((finding.message for finding in receipt.findings if finding.verdict == receipt.verdict), "")
