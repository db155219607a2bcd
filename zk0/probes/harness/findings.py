"""Findings of a contract's points; `contracts` adds the check's id, the place and the workflow.

The fields and words are those of `zk0.core.verdicts`; `zk0.probes.running` reads them back as such.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any, Optional, Union

import numpy as np

Shown = Mapping[str, Optional[Union[float, str]]]  # evidence: each value by its name


@dataclass(frozen=True)
class PointFinding:
    """A verdict on one point of a contract, with its reasons."""

    verdict: str
    message: str
    evidence: tuple[Mapping[str, Any], ...] = ()
    fault: str | None = None
    cause: str | None = None
    remedy: str | None = None
    check: str = ""
    at: str = ""
    workflow: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


Points = Iterator[tuple[str, PointFinding]]  # each point of a contract with what was found


def passed(message: str, evidence: Shown | None = None) -> PointFinding:
    """Report that a point holds."""
    return PointFinding("pass", message, _as_evidence(evidence))


def failed(
    message: str, fault: str | None, cause: str | None, remedy: str | None, evidence: Shown | None = None
) -> PointFinding:
    """Report that a point does not hold."""
    return PointFinding("fail", message, _as_evidence(evidence), fault, cause, remedy)


def warned(message: str, fault: str, cause: str | None, remedy: str, evidence: Shown | None = None) -> PointFinding:
    """Report that it works now and will not in a case that can occur."""
    return PointFinding("warn", message, _as_evidence(evidence), fault, cause, remedy)


def not_applicable(reason: str) -> PointFinding:
    """Report that the question does not arise."""
    return PointFinding("not-applicable", reason)


def not_available(reason: str) -> PointFinding:
    """Report that the evidence to answer the question is missing."""
    return PointFinding("not-available", reason)


def _as_evidence(shown: Shown | None) -> tuple[Mapping[str, Any], ...]:
    """Return values as evidence; numbers that JSON lacks, as NaN, become text."""
    return tuple(
        {"name": name, "value": str(float(value)) if isinstance(value, float) and not isfinite(value) else value}
        for name, value in (shown or {}).items()
    )


def largest_gap(name: str, values: Any, others: Any, *, labels: tuple[str, str]) -> Shown:
    """Return the two numbers of a tensor that differ most; `labels` have a `{}` for their place."""
    gaps = np.abs(np.nan_to_num(np.asarray(values, dtype=np.float64), nan=np.inf) - others)
    place = np.unravel_index(int(np.argmax(gaps)), gaps.shape)
    where = f"{name}[{', '.join(str(int(index)) for index in place)}]"
    return {labels[0].format(where): float(values[place]), labels[1].format(where): float(others[place])}
