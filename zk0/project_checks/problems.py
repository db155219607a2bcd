"""From problems with their places to findings: one a problem, or one pass."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from zk0.core.verdicts import Evidence, Finding, failed, passed, warned

MOST = 20  # findings of one check: who has more problems than that begins with these


@dataclass(frozen=True, order=True)
class Problem:
    """What is wrong, and where: `file:line`, relative to the project's root."""

    at: str
    message: str


def found(
    problems: Iterable[Problem],
    *,
    good: str,
    remedy: str | None = None,
    doubtful: bool = False,
    evidence: Sequence[Evidence] = (),
) -> Iterator[Finding]:
    """Yield a finding for each problem, or that there is none.

    Args:
        problems: what is wrong.
        good: what to say where there is none.
        remedy: what to do.
        doubtful: the problems make the answer doubtful rather than bad.
        evidence: the numbers behind a good answer.
    """
    everything = sorted(set(problems))
    if not everything:
        yield passed(good, evidence=evidence)
        return
    say = warned if doubtful else failed
    for problem in everything[:MOST]:
        yield say(problem.message, at=problem.at, remedy=remedy)
    if len(everything) > MOST:
        yield say(f"{len(everything) - MOST} more of the same kind", remedy=remedy)
