"""Findings of a contract: each with its check id, place, cause and repair workflow."""

from collections.abc import Iterable
from dataclasses import dataclass

from zk0.core.faults import Fault
from zk0.core.verdicts import Evidence, Finding, failed, not_applicable, not_available, passed, warned


@dataclass(frozen=True)
class Cause:
    """One cause with the sentence that says what was seen."""

    fault: Fault
    message: str
    cause: str
    remedy: str
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True)
class FindingFactory:
    """Make the findings about one target.

    Args:
        contract: the family of the ids, as `probe.proximal`.
        at: `file:line` of the code.
        workflow: what repairs it.
    """

    contract: str
    at: str
    workflow: str

    def passed(self, point: str, message: str, evidence: Iterable[Evidence] = ()) -> Finding:
        """Say that a point holds."""
        return self._named(point, passed(message, at=self.at, evidence=evidence))

    def broken(self, point: str, cause: Cause) -> Finding:
        """Say that a point does not hold, and why."""
        return self.failed(point, cause.message, cause.fault, cause.cause, cause.remedy, cause.evidence)

    def failed(
        self, point: str, message: str, fault: Fault, cause: str, remedy: str, evidence: Iterable[Evidence] = ()
    ) -> Finding:
        """Say that a point does not hold."""
        return self._named(
            point,
            failed(
                message, at=self.at, evidence=evidence, cause=cause, remedy=remedy, workflow=self.workflow, fault=fault
            ),
        )

    def warned(
        self, point: str, message: str, fault: Fault, cause: str, remedy: str, evidence: Iterable[Evidence] = ()
    ) -> Finding:
        """Say that it works as it is, and will not in a case that can come."""
        return self._named(
            point,
            warned(
                message, at=self.at, evidence=evidence, cause=cause, remedy=remedy, workflow=self.workflow, fault=fault
            ),
        )

    def not_available(self, point: str, reason: str) -> Finding:
        """Say what is missing to tell."""
        return self._named(point, not_available(reason, at=self.at))

    def not_applicable(self, point: str, reason: str) -> Finding:
        """Say why the question does not arise."""
        return self._named(point, not_applicable(reason, at=self.at))

    def _named(self, point: str, finding: Finding) -> Finding:
        return finding.model_copy(update={"check": f"{self.contract}.{point}"})
