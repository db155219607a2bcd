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
        self._places = {step.id: place for place, step in enumerate(plan.steps)}
        self._done_from_top = 0  # of the plan's steps from the first on, how many have ended
        self._first_lacking: PlannedStep | None = None  # that stopped or was blocked, in the order of the file

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of the steps that ended."""
        return worst(self.steps[step].verdict for step in self._ended)

    def may_begin(self, step: PlannedStep) -> bool:
        """Return whether all steps that a step follows have ended."""
        if step.needs is None:
            return self._places[step.id] <= self._done_from_top
        return all(name in self._ended for name in step.needs | step.reads if name in self._places)

    def blocked_by(self, step: PlannedStep) -> str | None:
        """Return the first step in the file whose failure blocks a step."""
        if step.always or self._reads_failure(step):
            return None
        if step.needs is None:
            first = self._first_lacking
            return first.id if first and self._places[first.id] < self._places[step.id] else None
        lacking = [name for name in step.needs if name in self.stopped or name in self._blocked]
        return min(lacking, key=self._places.__getitem__, default=None)

    def skip(self, step: PlannedStep, verdict: Verdict) -> None:
        """Mark a step as skipped: `not-available` if it is blocked, `not-applicable` if it is not wanted."""
        if verdict is Verdict.not_available:
            self._blocked.add(step.id)
            self._lack(step)
        self.steps[step.id] = StepScope(verdict)
        self._end(step)

    def end(self, step: PlannedStep, scope: StepScope, exit_status: ExitStatus) -> None:
        """Mark a step as ended, after it ran or was reused."""
        if self._reads_failure(step):
            self._repairs.add(step.id)
        if scope.verdict.stops:
            self.stopped.add(step.id)
            self._lack(step)
        self.steps[step.id] = scope
        self._end(step)
        self.exit_status = max(self.exit_status, exit_status)

    def mark_dry(self, step: PlannedStep) -> None:
        """Mark a step as ended in a dry run: its outputs stay unknown."""
        self._end(step)

    def _lack(self, step: PlannedStep) -> None:
        first = self._first_lacking
        if first is None or self._places[step.id] < self._places[first.id]:
            self._first_lacking = step

    def _end(self, step: PlannedStep) -> None:
        self._ended.add(step.id)
        steps = self.plan.steps
        while self._done_from_top < len(steps) and steps[self._done_from_top].id in self._ended:
            self._done_from_top += 1

    def _reads_failure(self, step: PlannedStep) -> bool:
        return any(name in self.stopped or name in self._repairs for name in step.condition_reads)
