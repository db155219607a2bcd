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


def report_share(
    bad: Sequence[str], total: int, *, what: str, percent: float, name: str, remedy: str, doubtful: bool = False
) -> Finding:
    """Return a pass if at least `percent` of some things are good; `bad` are the others, each with its place."""
    share = 100 * (total - len(bad)) / total if total else 100.0
    evidence = [Evidence(name=name, value=round(share, 1), unit="%")]
    message = f"{share:.1f} % of {total} {what}, {percent:g} % wanted"
    if share >= percent:
        return passed(message, evidence=evidence)
    report = warned if doubtful else failed
    return report(f"{message}; the first without: {bad[0]}", evidence=evidence, remedy=remedy)
