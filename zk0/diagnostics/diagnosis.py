"""All diagnostics over one ledger, as one answer: what is wrong first, what follows from it, what can't be answered.

Findings of one diagnostic about the same thing (every round of every client) are reported once, with their number.
They are ranked by severity, confidence and their place in the chain of causes; what another finding explains
(`zk0.diagnostics.causes`) is among the suppressed, with the reason.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from zk0.core.checks import CHECKS, Check
from zk0.core.faults import Fault
from zk0.core.verdicts import SEVERITY, Finding, Verdict
from zk0.diagnostics.causes import SURE_ENOUGH, causal_rank, explained_by
from zk0.diagnostics.outcome import WholeVerdict, judge_whole
from zk0.ledger import Ledger

PROBLEMS = (Verdict.warned, Verdict.failed, Verdict.error)

# A warning that is certain ranks behind a failure that is likely, and before one that is a guess.
WEIGHT = {Verdict.error: 1.0, Verdict.failed: 1.0, Verdict.warned: 0.4}
USUAL_CONFIDENCE = 0.8  # of a finding that states none
TIER_DISCOUNT = 0.1  # per tier: one step down the chain of causes weighs as much as a tenth of confidence


@dataclass(frozen=True)
class Suppressed:
    """A finding that another one explains, and why."""

    finding: Finding
    by: str
    reason: str


@dataclass(frozen=True)
class Diagnosis:
    """The answer of all diagnostics to a ledger.

    `findings` are the problems that nothing explains, the first cause first, and behind them what passed; `unanswered`
    are the questions that could not be answered, with what they lack; `not_applicable` those that do not arise.
    """

    findings: tuple[Finding, ...]
    suppressed: tuple[Suppressed, ...]
    unanswered: tuple[Finding, ...]
    not_applicable: tuple[Finding, ...] = ()
    partial: bool = False  # only some diagnostics were asked

    @cached_property
    def whole(self) -> WholeVerdict:
        """The verdict of the whole; what another finding explains counts as well."""
        explained = (one.finding for one in self.suppressed)
        return judge_whole((*self.findings, *explained, *self.unanswered), partial=self.partial)

    @property
    def problems(self) -> tuple[Finding, ...]:
        """Warnings and failures that nothing else explains, the first cause first."""
        return tuple(finding for finding in self.findings if finding.verdict in PROBLEMS)

    @property
    def root(self) -> Finding | None:
        """The finding to begin with; None where nothing is wrong that can be seen."""
        return next(iter(self.problems), None)

    @property
    def faults(self) -> frozenset[str]:
        """Every fault that was named, explained or not."""
        found = (*self.problems, *(one.finding for one in self.suppressed))
        return frozenset(finding.fault for finding in found if finding.fault)


def diagnose(ledger: Ledger, *, only: Sequence[str] = ()) -> Diagnosis:
    """Run every diagnostic, or only those named, with its default options.

    Args:
        ledger: of this program or imported from another one's log.
        only: ids of diagnostics.

    Raises:
        UnknownNameError: a name in `only` is not a diagnostic.
    """
    found: list[Finding] = []
    for name in only or diagnostics():
        # Deduplicated right here: a long run gives thousands of findings a diagnostic, and one of them is kept.
        found += _deduplicate(run_check(CHECKS.get(name), ledger))
    return replace(conclude(found), partial=bool(only))


def diagnostics() -> list[str]:
    """Return the ids of all checks that judge a ledger, without aliases."""
    by_function: dict[object, str] = {}
    for name in sorted(CHECKS.names(), key=_is_in_own_module):  # of a check's ids the last one stays
        check = CHECKS.get(name)
        if all("ledger" in subject.fields for subject in check.subjects):
            by_function[check.function] = name
    return sorted(by_function.values())


def _is_in_own_module(name: str) -> bool:
    """Return whether a check's module is named as its id begins, which is not so for an alias."""
    return CHECKS.get(name).function.__module__.rpartition(".")[2] == name.partition(".")[0].replace("-", "_")


def run_check(check: Check, ledger: Ledger, **options: Any) -> Iterable[Finding]:
    """Run one diagnostic on a ledger in memory; what it judges is the ledger, or is made `from_ledger`."""
    types: list[Any] = [subject.type for subject in check.subjects]
    return check.judge(*(ledger if kind is Ledger else kind.from_ledger(ledger) for kind in types), **options)


def conclude(found: Iterable[Finding]) -> Diagnosis:
    """Rank findings, and separate those that another one explains."""
    findings = _deduplicate(found)
    problems = sorted((finding for finding in findings if finding.verdict in PROBLEMS), key=_rank)
    kept: list[Finding] = []
    suppressed: list[Suppressed] = []
    for finding in problems:
        explanation = _explain(finding, problems, kept)
        if explanation is None:
            kept.append(finding)
        else:
            suppressed.append(Suppressed(finding, *explanation))
    return Diagnosis(
        findings=(*kept, *(one for one in findings if one.verdict is Verdict.passed)),
        suppressed=tuple(suppressed),
        unanswered=tuple(one for one in findings if one.verdict is Verdict.not_available),
        not_applicable=tuple(one for one in findings if one.verdict is Verdict.not_applicable),
    )


def _rank(finding: Finding) -> tuple[float, int, int, str, str]:
    place = causal_rank(finding.fault)
    score = WEIGHT[finding.verdict] * _confidence(finding) * (1 - TIER_DISCOUNT * place)
    return -score, -SEVERITY.index(finding.verdict), place, finding.check, finding.at


def _confidence(finding: Finding) -> float:
    return USUAL_CONFIDENCE if finding.confidence is None else finding.confidence


def _explain(finding: Finding, problems: Sequence[Finding], kept: Sequence[Finding]) -> tuple[str, str] | None:
    """Return (fault, reason) of the best-ranked problem that explains this one, or that is kept for the same fault."""
    for other in problems:
        reasons = explained_by(other.fault) if _confidence(other) >= SURE_ENOUGH else {}
        if other.fault and finding.fault and finding.fault in reasons:
            return other.fault, reasons[Fault(finding.fault)]
    for other in kept:
        # Of one check, what has the same fault and another cause is another case of it.
        if other.fault and other.fault == finding.fault and other.check != finding.check:
            return other.fault, f"{other.check} names the same fault"
    return None


def _deduplicate(found: Iterable[Finding]) -> list[Finding]:
    """Return one finding for all of a diagnostic's that say the same of other rounds or clients, the surest first."""
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for finding in found:
        # Passes and silences of one diagnostic are one answer; problems differ by what they blame.
        kind = (finding.fault, finding.cause) if finding.verdict in PROBLEMS else ()
        said = (finding.message,) if finding.verdict is Verdict.not_available else ()
        groups.setdefault((finding.check, finding.verdict, *kind, *said), []).append(finding)
    return [_one_of(group) for group in groups.values()]


def _one_of(group: list[Finding]) -> Finding:
    first = max(group, key=lambda finding: finding.confidence or 0.0)  # the first of equals
    others = len(group) - 1
    if not others:
        return first
    return first.model_copy(update={"at": f"{first.at} and {others} other{'s' * (others > 1)}".strip()})
