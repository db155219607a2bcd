"""Problems with their places, and the findings they make: one for each problem, or one pass."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from zk0.core.verdicts import Evidence, Finding, failed, passed, warned

MOST = 20  # findings of one check; the rest is counted


@dataclass(frozen=True, order=True)
class Problem:
    """What is wrong, and where: `file:line`, relative to the project's root."""

    at: str
    message: str


def report_problems(
    problems: Iterable[Problem],
    *,
    good: str,
    remedy: str | None = None,
    doubtful: bool = False,
    evidence: Sequence[Evidence] = (),
) -> Iterator[Finding]:
    """Yield a finding for each problem, or one pass if there is none.

    Args:
        problems: what is wrong.
        good: the message of the pass.
        remedy: how to correct it.
        doubtful: the problems are warnings, not failures.
        evidence: the numbers behind the pass.
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


found = report_problems  # for documentation.py, until it uses the new name
