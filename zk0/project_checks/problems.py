"""Findings of one shape: one for each problem or one pass, and a share that is large enough."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from zk0.core.verdicts import Evidence, Finding, failed, passed, passed_if, warned

MOST = 20  # findings of one check; the rest is counted


@dataclass(frozen=True, order=True)
class Problem:
    """What is wrong, and where: `file:line`, relative to the project's root."""

    at: str
    message: str


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
    return passed_if(share >= percent, message, message + first, evidence=evidence, remedy=remedy, doubtful=doubtful)
