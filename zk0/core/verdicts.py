"""Verdicts and findings: what a check answers, with a message, evidence, a cause and a remedy.

The six outcomes follow OpenSSF Scorecard's probes: *can't tell* is never *no*. `not-applicable` means the question
does not arise (mu is 0, so there is no proximal term); `not-available` means it arises and the evidence is missing.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import TypedDict, Unpack

from pydantic import BaseModel, ConfigDict


class Verdict(StrEnum):
    """One of six outcomes, from best to worst in `SEVERITY`."""

    passed = "pass"
    warned = "warn"
    failed = "fail"
    error = "error"
    not_applicable = "not-applicable"
    not_available = "not-available"

    @property
    def stops(self) -> bool:
        """Whether a step with this verdict failed, so that the steps that need it can't run."""
        return self in (Verdict.failed, Verdict.error)


SEVERITY = (
    Verdict.not_applicable,
    Verdict.passed,
    Verdict.not_available,
    Verdict.warned,
    Verdict.failed,
    Verdict.error,
)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the most severe verdict; `not-applicable` where there is none."""
    return max(verdicts, key=SEVERITY.index, default=Verdict.not_applicable)


class Evidence(BaseModel):
    """One number (or text) a finding rests on, and where it was read."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    name: str
    value: float | int | str | None
    unit: str = ""
    at: str = ""

    @property
    def amount(self) -> str:
        """The value with its unit, to six significant digits."""
        value = f"{self.value:.6g}" if isinstance(self.value, float) else self.value
        return f"{value} {self.unit}".rstrip()


class Finding(BaseModel):
    """A verdict with its reasons.

    `check` is set by the code that runs the check; `workflow` names the workflow that repairs the fault. `fault` is one
    of `zk0.core.faults`, as text, so that findings of an older or newer zk0 can be read.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    verdict: Verdict
    message: str
    check: str = ""
    at: str = ""
    evidence: tuple[Evidence, ...] = ()
    cause: str | None = None
    remedy: str | None = None
    workflow: str | None = None
    fault: str | None = None
    confidence: float | None = None  # 0 to 1, that the fault is real; None where the evidence gives no estimate


class Reasons(TypedDict, total=False):
    """What a finding that warns or fails may add to its message; see `Finding`."""

    cause: str | None
    remedy: str | None
    workflow: str | None
    fault: str | None
    confidence: float | None


def passed(message: str, *, at: object = "", evidence: Iterable[Evidence] = ()) -> Finding:
    """Report that the evidence is available and good."""
    return Finding(verdict=Verdict.passed, message=message, at=str(at), evidence=tuple(evidence))


def warned(message: str, *, at: object = "", evidence: Iterable[Evidence] = (), **reasons: Unpack[Reasons]) -> Finding:
    """Report that the evidence is doubtful; the step goes on."""
    return Finding(verdict=Verdict.warned, message=message, at=str(at), evidence=tuple(evidence), **reasons)


def failed(message: str, *, at: object = "", evidence: Iterable[Evidence] = (), **reasons: Unpack[Reasons]) -> Finding:
    """Report that the evidence is available and bad."""
    return Finding(verdict=Verdict.failed, message=message, at=str(at), evidence=tuple(evidence), **reasons)


def passed_if(
    holds: bool,  # noqa: FBT001  a call begins with the condition
    good: str,
    bad: str | None = None,
    *,
    at: object = "",
    evidence: Iterable[Evidence] = (),
    doubtful: bool = False,
    **reasons: Unpack[Reasons],
) -> Finding:
    """Report a pass where something holds, else a failure, or a warning if that is `doubtful`.

    `bad` is the message of the failure, if it is another; the reasons, such as a remedy, belong to the failure alone.
    """
    if holds:
        return passed(good, at=at, evidence=evidence)
    report = warned if doubtful else failed
    return report(good if bad is None else bad, at=at, evidence=evidence, **reasons)


def not_applicable(reason: str, *, at: object = "") -> Finding:
    """Report that the question does not arise."""
    return Finding(verdict=Verdict.not_applicable, message=reason, at=str(at))


def not_available(reason: str, *, at: object = "", remedy: str | None = None) -> Finding:
    """Report that the evidence to answer the question is missing."""
    return Finding(verdict=Verdict.not_available, message=reason, at=str(at), remedy=remedy)
