"""The dependency graph of a plan's steps: which have ended, which may begin, which are blocked. Pure.

A step may begin when all steps that it follows have ended. It is blocked if a step that it needs failed or was blocked,
unless it has `finally: true`, or its `when` reads a step that failed or one that ran for that reason (a repair).
"""

from collections.abc import Mapping

from zk0.core.errors import ExitStatus
from zk0.core.verdicts import Verdict, worst
from zk0.workflow.expressions import StepScope
from zk0.workflow.plan import Plan, PlannedStep


class StepGraph:
    """The steps of one plan, and how those that have ended did so.

    Args:
        plan: the plan.
        known: steps outside of the plan that its expressions may read.
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
        """The worst verdict of the steps that ended."""
        return worst(self.steps[step].verdict for step in self._ended)

    def may_begin(self, step: PlannedStep) -> bool:
        """Return whether all steps that a step follows have ended."""
        return self._follows[step.id] <= self._ended

    def blocked_by(self, step: PlannedStep) -> str | None:
        """Return the first step in the file whose failure blocks a step."""
        if step.always or self._reads_failure(step):
            return None
        missing = step.needs & (self.stopped | self._blocked)
        return next((other.id for other in self.plan.steps if other.id in missing), None)

    def skip(self, step: PlannedStep, verdict: Verdict) -> None:
        """Mark a step as skipped: `not-available` if it is blocked, `not-applicable` if it is not wanted."""
        if verdict is Verdict.not_available:
            self._blocked.add(step.id)
        self.steps[step.id] = StepScope(verdict)
        self._ended.add(step.id)

    def end(self, step: PlannedStep, scope: StepScope, exit_status: ExitStatus) -> None:
        """Mark a step as ended, after it ran or was reused."""
        if self._reads_failure(step):
            self._repairs.add(step.id)
        if scope.verdict.stops:
            self.stopped.add(step.id)
        self.steps[step.id] = scope
        self._ended.add(step.id)
        self.exit_status = max(self.exit_status, exit_status)

    def mark_dry(self, step: PlannedStep) -> None:
        """Mark a step as ended in a dry run: its outputs stay unknown."""
        self._ended.add(step.id)

    def _reads_failure(self, step: PlannedStep) -> bool:
        return any(map(step.when_reads, self.stopped | self._repairs))
