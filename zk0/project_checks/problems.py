"""Findings of one shape: one for each problem or one pass, a share that is large enough, a condition that holds."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Unpack

from zk0.core.verdicts import Evidence, Finding, Reasons, failed, passed, warned

MOST = 20  # findings of one check; the rest is counted


@dataclass(frozen=True, order=True)
class Problem:
    """What is wrong, and where: `file:line`, relative to the project's root."""

    at: str
    message: str


def judge(
    holds: bool,  # noqa: FBT001  a call begins with the condition
    good: str,
    bad: str | None = None,
    *,
    at: object = "",
    evidence: Sequence[Evidence] = (),
    doubtful: bool = False,
    **reasons: Unpack[Reasons],
) -> Finding:
    """Return a pass where something holds, else a failure, or a warning if that is `doubtful`.

    `bad` is the message of the failure, if it is another; the reasons, such as a remedy, belong to the failure alone.
    """
    if holds:
        return passed(good, at=at, evidence=evidence)
    report = warned if doubtful else failed
    return report(good if bad is None else bad, at=at, evidence=evidence, **reasons)


def report_problems(
    problems: Iterable[Problem],
    good: str,
    *,
    remedy: str | None = None,
    doubtful: bool = False,
    evidence: Sequence[Evidence] = (),
) -> Iterator[Finding]:
    """Yield a failure for each problem, or a warning if they are `doubtful`; one pass where there is none.

    The evidence is the numbers behind the pass.
    """
    everything = sorted(set(problems))
    if not everything:
        yield passed(good, evidence=evidence)
        return
    report = warned if doubtful else failed
    for problem in everything[:MOST]:
        yield report(problem.message, at=problem.at, remedy=remedy)
    if len(everything) > MOST:
        yield report(f"{len(everything) - MOST} more of the same kind", remedy=remedy)


def report_share(
    bad: Sequence[str], total: int, *, what: str, percent: float, name: str, remedy: str, doubtful: bool = False
) -> Finding:
    """Return a pass if at least `percent` of some things are good; `bad` are the others, each with its place."""
    share = 100 * (total - len(bad)) / total if total else 100.0
    evidence = [Evidence(name=name, value=round(share, 1), unit="%")]
    message = f"{share:.1f} % of {total} {what}, {percent:g} % wanted"
    first = f"; the first without: {bad[0]}" if bad else ""
    return judge(share >= percent, message, message + first, evidence=evidence, remedy=remedy, doubtful=doubtful)
