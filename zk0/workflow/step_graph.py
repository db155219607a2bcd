"""How far the steps of a plan are, and what follows from that for the others: which may begin, which can't run. Pure.

A step may begin when all that it follows have ended. It can't do its work where a step that it needs did not, unless it
is for the end in any case, or its `when` reads a step that failed, or one that ran for that reason.
"""

from collections.abc import Mapping

from zk0.core.errors import ExitStatus
from zk0.core.verdicts import Verdict, worst
from zk0.workflow.expressions import StepScope
from zk0.workflow.plan import Plan, PlannedStep


class Course:
    """The steps of one plan that have ended, and how.

    Args:
        plan: whose steps these are.
        known: what is known of steps that are not in the plan.
    """

    def __init__(self, plan: Plan, known: Mapping[str, StepScope] | None = None) -> None:
        self.plan = plan
        self.steps = dict(known or {})
        self.exit_status = ExitStatus.done
        self.stopped: set[str] = set()
        self._ended: set[str] = set()
        self._blocked: set[str] = set()
        self._repairs: set[str] = set()
        ids = {step.id for step in plan.steps}
        self._follows = {step.id: (step.needs | step.reads) & ids for step in plan.steps}

    @property
    def verdict(self) -> Verdict:
        """The worst of what ended."""
        return worst(self.steps[step].verdict for step in self._ended)

    def may_begin(self, step: PlannedStep) -> bool:
        """Tell whether all that a step follows have ended."""
        return self._follows[step.id] <= self._ended

    def blocking(self, step: PlannedStep) -> str | None:
        """Return the step for whose failure one can't do its work; the first in the file where there are several."""
        if step.always or self._asks_for_what_failed(step):
            return None
        missing = step.needs & (self.stopped | self._blocked)
        return next((other.id for other in self.plan.steps if other.id in missing), None)

    def skip(self, step: PlannedStep, verdict: Verdict) -> None:
        """Take note that a step did not run: `not-available` if it could not, `not-applicable` if it was not to."""
        if verdict is Verdict.not_available:
            self._blocked.add(step.id)
        self.steps[step.id] = StepScope(verdict)
        self._ended.add(step.id)

    def end(self, step: PlannedStep, scope: StepScope, exit_status: ExitStatus) -> None:
        """Take note of how a step ended that ran, or for which an earlier outcome stands."""
        if self._asks_for_what_failed(step):
            self._repairs.add(step.id)
        if scope.verdict.stops:
            self.stopped.add(step.id)
        self.steps[step.id] = scope
        self._ended.add(step.id)
        self.exit_status = max(self.exit_status, exit_status)

    def rehearse(self, step: PlannedStep) -> None:
        """Take note that a dry run came by a step: what it would give is not known."""
        self._ended.add(step.id)

    def _asks_for_what_failed(self, step: PlannedStep) -> bool:
        return any(map(step.asks_for, self.stopped | self._repairs))
