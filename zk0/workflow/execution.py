"""Executes the steps of a plan: runs, skips or reuses each, as soon as those it follows have ended."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from zk0.core.errors import ExitStatus, SpecError, Zk0Error
from zk0.core.receipts import Receipt
from zk0.core.verdicts import Verdict, worst
from zk0.workflow.actions import Outputs, Progress
from zk0.workflow.agent import work_and_judge
from zk0.workflow.ask import Paused, approval_holds, asks_person, hand_over, judge
from zk0.workflow.attempt import Attempt, RunContext
from zk0.workflow.composite import NestedOutputs, each_outputs, members_of, workflow_outputs
from zk0.workflow.event_log import EventLog
from zk0.workflow.events import StepFinished, StepPlanned, StepProgressed, StepRepairing, StepSkipped, StepStarted
from zk0.workflow.expressions import Scope, StepScope, Template, arguments_as_json, explain_condition, fill
from zk0.workflow.plan import Plan, PlannedStep, decide_when
from zk0.workflow.resume import scope_of
from zk0.workflow.retry import run_attempts
from zk0.workflow.reuse import confirm, decide_reuse
from zk0.workflow.run import relocate_receipt
from zk0.workflow.scheduler import Slot
from zk0.workflow.state import StepState, StepStatus
from zk0.workflow.step_graph import StepGraph
from zk0.workflow.timeouts import Deadline, TimeLimit, timeout_error


class Execution:
    """The execution of one plan.

    Args:
        plan: the plan.
        context: what all steps of the run share.
        log: gets the events.
        known: the steps that began before a resumption, by path.
        deadline: when all steps must be done.
        steps: steps outside of the plan that its expressions may read.
    """

    def __init__(
        self,
        plan: Plan,
        context: RunContext,
        log: EventLog,
        known: Mapping[str, StepState],
        deadline: Deadline | None = None,
        steps: Mapping[str, StepScope] | None = None,
    ) -> None:
        self.plan = plan
        self.context = context
        self.log = log
        self.effects = log.effects
        self.known = known
        self.deadline = deadline
        self.graph = StepGraph(plan, steps)
        self.waits = False

    def run(self) -> None:
        """Execute all steps.

        Raises:
            Paused: a step waits for an agent or a person, and all that does not depend on it is done.
        """
        left = self._restore_all()
        self.context.scheduler.run_all(left, self._run_step, self.graph.may_begin, _slot_of)
        if services := [step.path for step in self.plan.steps if step.is_service]:
            with self.context.scheduler.unlocked():
                self.effects.end_services(services)
        if self.waits:
            raise Paused

    def scope(self) -> Scope:
        """Return what expressions may read now."""
        run = {"id": self.context.run.id, "directory": self.context.run.path}
        return Scope(self.plan.inputs, run, self.graph.steps)

    def _restore_all(self) -> list[PlannedStep]:
        """Restore the steps that ended before the run was resumed; return those that are left to do.

        What a person approved may have changed since. If a step behind the approval is left, they are asked again.
        """
        ended = [self._has_ended(step) for step in self.plan.steps]
        last = max((number for number, done in enumerate(ended) if not done), default=-1)
        left = []
        for number, step in enumerate(self.plan.steps):
            is_before_others = number < last or "/" in step.path  # of a nested workflow, the steps behind are elsewhere
            if not ended[number] or (is_before_others and not self._approval_holds(step)):
                left.append(step)
            else:
                self._restore(step, self.known[step.path])
        return left

    def _has_ended(self, step: PlannedStep) -> bool:
        before = self.known.get(step.path)
        if before is None or before.verdict is None or before.status not in (StepStatus.finished, StepStatus.skipped):
            return False
        return not (step.is_service and before.did_its_work and not self.effects.is_serving(step.path))

    def _approval_holds(self, step: PlannedStep) -> bool:
        """Return whether all is as a person approved it; of a step that consists of others, they say so."""
        if step.kind == "workflow" or step.each is not None:
            within = (known for path, known in self.known.items() if path.startswith(f"{step.path}/"))
            return not any(known.receipt and known.receipt.uses == "ask.person" for known in within)
        if not asks_person(step):
            return True
        return approval_holds(step, self.known[step.path], self.scope(), self.log, self.effects)

    def _restore(self, step: PlannedStep, before: StepState) -> None:
        if before.verdict is None:
            return
        if before.status is StepStatus.skipped:
            self.graph.skip(step, before.verdict)
        else:
            self.graph.end(step, scope_of(step, before, self.context.project.root), before.exit_status)

    def _run_step(self, step: PlannedStep) -> None:
        try:
            skip = self._reason_to_skip(step)
        except SpecError as error:
            attempt = self._start(step, 1)
            self._finish(attempt, attempt.refuse(error))
            return
        if earlier := self._selected_outcome(step):
            self._reuse(step, earlier, f"was left out, and what it gave is taken from run {earlier.receipt.run}")
        elif skip:
            verdict, reason = skip
            self.graph.skip(step, verdict)
            at = self.effects.now()
            self.log.append(StepSkipped(self.context.run.id, step.path, step.title, reason, at, verdict))
        else:
            try:
                self._perform(step)
            except Paused:
                self.waits = True

    def _reason_to_skip(self, step: PlannedStep) -> tuple[Verdict, str] | None:
        selection = self.context.selection
        if selection and "/" not in step.path and step.id not in selection.steps:
            return Verdict.not_applicable, f"{selection.requested} leaves it out"
        if blocking := self.graph.blocked_by(step):
            return Verdict.not_available, f"step {blocking} did not do its work"
        if (deadline := self._deadline(step)) and self.effects.ticks().seconds >= deadline.at:
            return Verdict.not_available, f"step {deadline.step} had no time left"
        # In a dry run no step has a verdict, so a `when` that reads one stays a template: the step may run.
        scope = self.scope()
        if decide_when(fill(step.when, scope), step.id) is False and isinstance(step.spec.when, Template):
            return Verdict.not_applicable, f"it runs only if {explain_condition(step.spec.when, scope)}"
        return None

    def _selected_outcome(self, step: PlannedStep) -> StepFinished | None:
        """Return the outcome of an earlier run that the selection reuses for a step."""
        reused = self.context.selection.reused if self.context.selection else ()
        return next((event for event in reused if event.receipt.step == step.path), None)

    def _perform(self, step: PlannedStep) -> None:
        if self.effects.dry_run:
            self._plan_dry(step)
        elif step.each is not None or step.kind == "workflow":
            self._perform_composite(step)
        elif step.kind == "ask":
            self._ask(step)
        else:
            self._perform_one(step)

    def _perform_one(self, step: PlannedStep) -> None:
        scope = self.scope()
        basis, decision = decide_reuse(step, scope, self.context, self.effects)
        if decision.reused:
            self._reuse(step, decision.reused, decision.reason)
            return
        before = self.known.get(step.path)
        number = max(1, before.attempt) if before else 1  # the attempt that was running when the run was killed
        failed = before.failed if before else None
        if failed is None:
            attempt, receipt = run_attempts(number, lambda number: self._start(step, number), self._attempt, self.log)
            if not (step.repair and receipt.verdict.stops):
                self._finish(attempt, receipt, confirm(basis, step, scope, attempt, self.effects), decision.reason)
                return
            number, failed = attempt.number + 1, attempt.ended(receipt, reason=decision.reason)
            self.log.append(StepRepairing(failed, step.repair.uses.removeprefix("workflow."), self.effects.now()))
        if self._repair(step, failed):
            # Without a basis, hence not reusable: the code has changed since the basis was computed.
            attempt = self._start(step, number)
            reason = f"ran again because {step.path}/on-fail repaired what had made it fail"
            self._finish(attempt, self._attempt(attempt), reason=reason)
        else:
            self._end(step, failed, scope_of(step, _state_of(failed), self.context.project.root))

    def _attempt(self, attempt: Attempt) -> Receipt:
        return attempt.perform(self.scope(), self._progress(attempt.step))

    def _repair(self, step: PlannedStep, failed: StepFinished) -> bool:
        """Run the workflow that repairs a step, and return whether it succeeded."""
        if step.repair is None:  # the run was begun by a zk0 that read its workflow otherwise
            return False
        steps = {**self.graph.steps, step.id: scope_of(step, _state_of(failed), self.context.project.root)}
        plan = replace(self.plan, steps=(step.repair,))
        repair = Execution(plan, self.context, self.log, self.known, self._deadline(step), steps)
        repair.run()
        return not repair.graph.stopped

    def _perform_composite(self, step: PlannedStep) -> None:
        """Perform a step that consists of others: a workflow, or the same step for each item."""
        attempt = self._start(step, 1)
        attempt.begin()
        try:
            members = members_of(step, self.plan, self.scope())
        except Zk0Error as error:
            self._finish(attempt, attempt.refuse(error))
            return
        attempt.inputs, deadline = members.inputs, self._inner_deadline(step)
        parts = [Execution(plan, self.context, self.log, self.known, deadline) for plan in members.plans]
        self.context.scheduler.run_all(parts, _run_part, lambda _: True)
        if any(part.waits for part in parts):
            raise Paused
        if deadline and deadline.step == step.path and self.effects.ticks().seconds >= deadline.at:
            attempt.fail(timeout_error(step.title, TimeLimit(step.timeout or 0.0), attempt.log))
        receipt = attempt.aggregate(
            lambda: _outputs_of(step, parts),
            worst(part.graph.verdict for part in parts),
            max((part.graph.exit_status for part in parts), default=ExitStatus.done),
            self.scope(),
        )
        self._finish(attempt, receipt, reason="ran because it consists of others; each of them has a reason of its own")

    def _deadline(self, step: PlannedStep) -> Deadline | None:
        """Return the deadline of the step that this one is part of; a `finally` step has none."""
        return None if step.always else self.deadline

    def _inner_deadline(self, step: PlannedStep) -> Deadline | None:
        """Return the deadline of the steps within one that begins now."""
        outer = self._deadline(step)
        if step.timeout is None or step.each is not None:  # the timeout of a step with items is for each
            return outer
        own = Deadline(step.path, self.effects.ticks().seconds + step.timeout)
        return outer if outer and outer.at <= own.at else own

    def _plan_dry(self, step: PlannedStep) -> None:
        planned = step.as_json() | {"with": arguments_as_json(fill(step.arguments, self.scope()))}
        self.log.emit(StepPlanned(self.context.run.id, step.path, step.title, planned))
        self.graph.mark_dry(step)
        if step.nested:
            Execution(step.nested, self.context, self.log, {}).run()

    def _ask(self, step: PlannedStep) -> None:
        before = self.known.get(step.path)
        if before and before.status is StepStatus.waiting:
            attempt = Attempt(step, 1, self.context, self.effects, self._deadline(step))
            if self.context.for_agent not in ("", step.path):
                raise Paused  # it was judged a moment ago
            decide = work_and_judge if self.context.for_agent else judge
            receipt = decide(attempt, self.plan, self.scope(), self.log, before)
        else:
            attempt, scope = self._start(step, 1), self.scope()
            try:
                fill(step.arguments, scope)
            except SpecError as error:
                receipt = attempt.refuse(error)
            else:
                self.context.handovers.append(partial(hand_over, attempt, self.plan, scope, self.log, before))
                raise Paused
        self._finish(attempt, receipt, reason=f"ran because only {step.uses.removeprefix('ask.')}s can do it")

    def _start(self, step: PlannedStep, number: int) -> Attempt:
        """Record that an attempt begins, and return it."""
        self.log.append(StepStarted(self.context.run.id, step.path, step.title, number, self.effects.now()))
        return Attempt(step, number, self.context, self.effects, self._deadline(step))

    def _reuse(self, step: PlannedStep, event: StepFinished, reason: str) -> None:
        """End a step with the outcome of an earlier run."""
        receipt = relocate_receipt(event.receipt, self.context.run.id, self.context.project)
        reused = replace(event, receipt=receipt.changed(step=step.path, title=step.title), reason=reason)
        self._end(step, reused, scope_of(step, _state_of(reused), self.context.project.root))

    def _finish(
        self, attempt: Attempt, receipt: Receipt, basis: dict[str, str] | None = None, reason: str = ""
    ) -> None:
        self._end(attempt.step, attempt.ended(receipt, basis, reason), StepScope(receipt.verdict, attempt.outputs))

    def _end(self, step: PlannedStep, event: StepFinished, scope: StepScope) -> None:
        self.graph.end(step, scope, event.exit_status)
        self.log.append(event)

    def _progress(self, step: PlannedStep) -> Progress:
        def progress(done: int, total: int, note: str = "") -> None:
            with self.context.scheduler.locked():
                self.log.emit(StepProgressed(self.context.run.id, step.path, done, total, note))

        return progress


def _slot_of(step: PlannedStep) -> Slot:
    if step.each is not None or step.kind == "workflow":
        return Slot.none
    return Slot.main_thread if step.kind == "uses" else Slot.worker


def _run_part(part: Execution) -> None:
    with suppress(Paused):  # `part.waits` is read when all parts have ended
        part.run()


def _outputs_of(step: PlannedStep, parts: Sequence[Execution]) -> Outputs:
    if step.each is None:
        [part] = parts
        return NestedOutputs.model_validate(workflow_outputs(part.plan, part.scope()))
    return each_outputs([part.graph.steps[str(number)] for number, part in enumerate(parts)])


def _state_of(event: StepFinished) -> StepState:
    return StepState(id=event.receipt.step, verdict=event.receipt.verdict, receipt=event.receipt)
