"""Findings of a contract: each with its check id, place, cause and repair workflow."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
        return self._named(point, failed(message, **self._details(fault, cause, remedy, evidence)))

    def warned(
        self, point: str, message: str, fault: Fault, cause: str, remedy: str, evidence: Iterable[Evidence] = ()
    ) -> Finding:
        """Say that it works now and will not in a case that can occur."""
        return self._named(point, warned(message, **self._details(fault, cause, remedy, evidence)))

    def not_available(self, point: str, reason: str) -> Finding:
        """Say what is missing for a verdict."""
        return self._named(point, not_available(reason, at=self.at))

    def not_applicable(self, point: str, reason: str) -> Finding:
        """Say why the point does not apply."""
        return self._named(point, not_applicable(reason, at=self.at))

    def _details(self, fault: Fault, cause: str, remedy: str, evidence: Iterable[Evidence]) -> dict[str, Any]:
        details = {"fault": fault, "cause": cause, "remedy": remedy, "evidence": evidence}
        return {**details, "at": self.at, "workflow": self.workflow}

    def _named(self, point: str, finding: Finding) -> Finding:
        return finding.model_copy(update={"check": f"{self.contract}.{point}"})


def evidence_of(values: Mapping[str, float | str | None]) -> tuple[Evidence, ...]:
    """Return named values as evidence."""
    return tuple(Evidence(name=name, value=value) for name, value in values.items())


def largest_gap(
    name: str, values: NDArray[Any], others: NDArray[Any], *, labels: tuple[str, str]
) -> tuple[Evidence, ...]:
    """Return the two numbers of a tensor that differ most; `labels` have a `{}` for their place."""
    gaps = np.abs(np.nan_to_num(np.asarray(values, dtype=np.float64), nan=np.inf) - others)
    place = np.unravel_index(int(np.argmax(gaps)), gaps.shape)
    where = f"{name}[{', '.join(str(int(index)) for index in place)}]"
    first, second = (label.format(where) for label in labels)
    return evidence_of({first: finite_or_none(values[place]), second: finite_or_none(others[place])})


def finite_or_none(value: float) -> float | None:
    """Return a number as JSON can hold it."""
    return float(value) if np.isfinite(value) else None
