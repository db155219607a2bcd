"""A workflow's steps while they go on: which run, which are skipped, which were done before."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count
from types import SimpleNamespace
from typing import Any

from pydantic import BaseModel

from zk0.errors import ExitStatus, SpecError, Zk0Error
from zk0.receipts import Receipt
from zk0.verdicts import Verdict, worst
from zk0.workflow.actions import Outputs, Progress
from zk0.workflow.asking import hand_over, judge
from zk0.workflow.events import StepFinished, StepPlanned, StepProgressed, StepRetried, StepSkipped, StepStarted
from zk0.workflow.expressions import Template, as_json, fill
from zk0.workflow.fingerprints import moved
from zk0.workflow.nesting import EachOutputs, NestedOutputs
from zk0.workflow.performing import Attempt, Surroundings
from zk0.workflow.plan import Plan, PlannedStep, decided, items_of, plan_nested, planned_step
from zk0.workflow.resuming import scope_of
from zk0.workflow.reuse import Decision, basis_of, decide
from zk0.workflow.scope import Scope, StepScope
from zk0.workflow.spec import ReusableStep, WorkflowStep
from zk0.workflow.steps import StepState, StepStatus
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
        self.blocked: list[str] = []
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
        if any(map(step.asks_for, (*self.stopped, *self.repairs))):
            self.repairs.append(step.id)
        if before.status is StepStatus.skipped and before.verdict is Verdict.not_available:
            self.blocked.append(step.id)
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
        if not skip and any(map(step.asks_for, (*self.stopped, *self.repairs))):
            self.repairs.append(step.id)
        if skip:
            verdict, reason = skip
            if verdict is Verdict.not_available:
                self.blocked.append(step.id)
            self.steps[step.id] = StepScope(verdict)
            self.telling.record(
                StepSkipped(self.around.run.id, step.path, step.title, reason, self.effects.now(), verdict)
            )
        elif self.effects.rehearsing:
            self._rehearse(step)
        elif step.each is not None or step.kind == "workflow":
            self._perform_group(step)
        elif step.kind == "ask":
            self._ask(step)
        else:
            self._perform(step)

    def _reason_to_skip(self, step: PlannedStep) -> tuple[Verdict, str] | None:
        if blocking := self._blocking(step):
            return Verdict.not_available, f"step {blocking} did not do its work"
        # In a dry run no step has a verdict, so a `when` that reads one stays a template: the step may run.
        if decided(fill(step.when, self.scope()), step.id) is False:
            source = step.when.source if isinstance(step.when, Template) else "its inputs"
            return Verdict.not_applicable, f"its when is false: {source}"
        return None

    def _blocking(self, step: PlannedStep) -> str | None:
        """Return the step for whose failure one can't run.

        One runs all the same if it is for the end in any case, if its `when` reads a step that failed, or if it reads
        one that ran for that reason.
        """
        if step.always or any(map(step.asks_for, (*self.stopped, *self.repairs))):
            return None
        return next(filter(step.waits_for, (*self.stopped, *self.blocked)), None)

    def _perform(self, step: PlannedStep) -> None:
        basis, decision = self._considered(step)
        if decision.reused:
            event = decision.reused
            receipt = moved(event.receipt, self.around.run.id, self.around.project)
            self.steps[step.id] = scope_of(step, StepState(id=step.path, verdict=receipt.verdict, receipt=receipt))
            self._count(step.id, receipt.verdict, event.exit_status)
            done = replace(event, receipt=receipt, reason=decision.reason)
            self.telling.record(done)
            return
        for number in count(self._first_attempt(step)):
            self.telling.record(self._begin(step, number))
            attempt = self._attempt(step, number)
            receipt = attempt.perform(self.scope(), self._progress(step))
            if number >= step.retry.attempts or receipt.verdict not in step.retry.on:
                self._finish(attempt, receipt, basis, decision.reason)
                return
            reason = _reason(receipt)
            at = self.effects.now()
            self.telling.record(StepRetried(self.around.run.id, step.path, number, receipt.verdict, reason, at))

    def _considered(self, step: PlannedStep) -> tuple[dict[str, str], Decision]:
        """Return what a step's outcome will rest on, and whether an earlier outcome stands for it."""
        if not (isinstance(step.spec, ReusableStep) and step.spec.reuse):
            return {}, Decision("")
        try:
            arguments = as_json(fill(step.arguments, self.scope()))
            checks = {planned.check.id: as_json(fill(planned.options, self.scope())) for planned in step.checks}
        except SpecError:
            return {}, Decision("")  # performing it will say so
        parts = {
            "action": step.uses,
            "inputs": self.effects.by_content(arguments),
            "seed": self.around.seed,
            "code": self.effects.code_digest(),
            "environment": dict(self.around.environment),
            "checks": checks,
        }
        basis = basis_of(parts)
        if not self.around.reuse:
            return basis, Decision("ran because it was asked to run anew")
        earlier = self.effects.earlier(self.around.run, self.around.workflow, step.path)
        return basis, decide(basis, arguments, earlier, self.effects.is_intact)

    def _perform_group(self, step: PlannedStep) -> None:
        """Perform a step that consists of others: a workflow, or the same step for each item."""
        self.telling.record(self._begin(step, 1))
        attempt = self._attempt(step, 1)
        attempt.started = self.effects.now()
        try:
            attempt.inputs, parts = self._parts(step)
        except Zk0Error as error:
            self._finish(attempt, attempt.refuse(error))
            return
        for part in parts:
            part.go()
        verdict = worst(scope.verdict for part in parts for scope in part.steps.values())
        exit_status = max((part.exit_status for part in parts), default=ExitStatus.done)
        receipt = attempt.sum_up(lambda: self._outputs(step, parts), verdict, exit_status, self.scope())
        self._finish(attempt, receipt, reason="ran because it consists of others; each of them has a reason of its own")

    def _parts(self, step: PlannedStep) -> tuple[object, list["Execution"]]:
        """Return what a step consists of: its inputs, and an execution for the workflow, or for each item."""
        scope, library = self.scope(), self.plan.library
        if step.each is None and isinstance(step.spec, WorkflowStep):
            arguments = fill(step.arguments, scope)
            nested = plan_nested(step.spec, arguments, library, step.path)
            return as_json(arguments), [Execution(nested, self.around, self.telling, self.known)]
        items = items_of(fill(step.each, scope))
        if not isinstance(items, Sequence):
            raise SpecError(f"{step.path}: its items are not known")
        one = step.spec.model_copy(update={"foreach": None, "when": None, "on_fail": None})
        parts = []
        for number, item in enumerate(items):
            inner = planned_step(one, replace(scope, item=item), library, f"{step.path}/{number}")
            inner = replace(inner, id=str(number), title=f"{step.title} ({number + 1} of {len(items)})")
            parts.append(Execution(replace(self.plan, steps=(inner,)), self.around, self.telling, self.known))
        return {"foreach": as_json(items)}, parts

    def _outputs(self, step: PlannedStep, parts: Sequence["Execution"]) -> Outputs:
        if step.each is None:
            [part] = parts
            return NestedOutputs.model_validate(as_json(fill(part.plan.spec.outputs, part.scope())))
        ends = [part.steps[str(number)] for number, part in enumerate(parts)]
        return EachOutputs(each=[_plain(end.outputs) for end in ends], verdicts=[end.verdict.value for end in ends])

    def _rehearse(self, step: PlannedStep) -> None:
        self.telling.publish(StepPlanned(self.around.run.id, step.path, step.title, self._filled(step)))
        if step.nested:
            Execution(step.nested, self.around, self.telling, {}).go()

    def _ask(self, step: PlannedStep) -> None:
        before = self.known.get(step.path)
        attempt = self._attempt(step, 1)
        if before and before.status is StepStatus.waiting:
            receipt = judge(attempt, self.scope(), self.telling, before)
        else:
            self.telling.record(self._begin(step, 1))
            try:
                hand_over(attempt, self.plan, self.scope(), self.telling)
            except SpecError as error:
                receipt = attempt.refuse(error)
        self._finish(attempt, receipt, reason=f"ran because only {step.uses.removeprefix('ask.')}s can do it")

    def _first_attempt(self, step: PlannedStep) -> int:
        """Return the attempt to begin with: the one that was in flight when the run was killed."""
        before = self.known.get(step.path)
        return max(1, before.attempt) if before else 1

    def _begin(self, step: PlannedStep, number: int) -> StepStarted:
        return StepStarted(self.around.run.id, step.path, step.title, number, self.effects.now())

    def _attempt(self, step: PlannedStep, number: int) -> Attempt:
        return Attempt(step, number, self.around, self.effects)

    def _finish(
        self, attempt: Attempt, receipt: Receipt, basis: dict[str, str] | None = None, reason: str = ""
    ) -> None:
        step = attempt.step
        self.steps[step.id] = StepScope(receipt.verdict, attempt.outputs)
        self._count(step.id, receipt.verdict, attempt.exit_status)
        self.telling.record(StepFinished(receipt, attempt.exit_status, attempt.proposals(), basis or {}, reason))

    def _count(self, step: str, verdict: Verdict, exit_status: ExitStatus) -> None:
        if verdict.stops:
            self.stopped.append(step)
        self.exit_status = max(self.exit_status, exit_status)

    def scope(self) -> Scope:
        """Return what expressions may read now."""
        run = {"id": self.around.run.id, "directory": self.around.run.path}
        return Scope(self.plan.inputs, run, self.steps)

    def _filled(self, step: PlannedStep) -> dict[str, Any]:
        return step.as_json() | {"with": as_json(fill(step.arguments, self.scope()))}

    def _progress(self, step: PlannedStep) -> Progress:
        def progress(done: int, total: int, note: str = "") -> None:
            self.telling.publish(StepProgressed(self.around.run.id, step.path, done, total, note))

        return progress


def _reason(receipt: Receipt) -> str:
    """Return why an attempt was not good enough, in one sentence."""
    if receipt.failure:
        return receipt.failure.message
    return next((finding.message for finding in receipt.findings if finding.verdict == receipt.verdict), "")


def _plain(outputs: object) -> object:
    """Return a step's outputs as a receipt holds them."""
    if isinstance(outputs, BaseModel):
        return outputs.model_dump(mode="json")
    return vars(outputs) if isinstance(outputs, SimpleNamespace) else outputs
