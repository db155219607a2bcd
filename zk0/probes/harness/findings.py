"""Findings of a contract's points; `zk0.probes.harness.contracts` adds the check's id, the place and the workflow."""

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zk0.core.faults import Fault
from zk0.core.verdicts import Evidence, Finding, Verdict

type Shown = Mapping[str, float | str | None]  # evidence: each value by its name
type Points = Iterator[tuple[str, Finding]]  # each point of a contract with what was found


def passed(message: str, evidence: Shown | None = None) -> Finding:
    """Report that a point holds."""
    return Finding(verdict=Verdict.passed, message=message, evidence=_as_evidence(evidence))


def failed(
    message: str, fault: str | None, cause: str | None, remedy: str | None, evidence: Shown | None = None
) -> Finding:
    """Report that a point does not hold."""
    reasons = {"fault": fault, "cause": cause, "remedy": remedy}
    return Finding(verdict=Verdict.failed, message=message, evidence=_as_evidence(evidence), **reasons)


def warned(message: str, fault: Fault, cause: str, remedy: str, evidence: Shown | None = None) -> Finding:
    """Report that it works now and will not in a case that can occur."""
    return failed(message, fault, cause, remedy, evidence).model_copy(update={"verdict": Verdict.warned})


def _as_evidence(shown: Shown | None) -> tuple[Evidence, ...]:
    """Return values as evidence; numbers that JSON lacks, as NaN, become text."""
    return tuple(
        Evidence(name=name, value=str(float(value)) if isinstance(value, float) and not isfinite(value) else value)
        for name, value in (shown or {}).items()
    )


def largest_gap(name: str, values: NDArray[Any], others: NDArray[Any], *, labels: tuple[str, str]) -> Shown:
    """Return the two numbers of a tensor that differ most; `labels` have a `{}` for their place."""
    gaps = np.abs(np.nan_to_num(np.asarray(values, dtype=np.float64), nan=np.inf) - others)
    place = np.unravel_index(int(np.argmax(gaps)), gaps.shape)
    where = f"{name}[{', '.join(str(int(index)) for index in place)}]"
    return {labels[0].format(where): float(values[place]), labels[1].format(where): float(others[place])}
