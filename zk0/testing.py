"""Keep the contracts of federated code in a project's own tests, in three lines and without the CLI.

    from zk0.testing import assert_proximal
    from client import train

    def test_the_proximal_term_acts():
        assert_proximal(train)

Each function takes the code itself, or a text that names it (`"client.py:train"`). Code itself is called in the test's
process; what a text names runs in a process of its own, limited in time and memory. See `docs/probes.md`.
"""

from collections.abc import Iterable

from zk0.core.project import Project
from zk0.core.verdicts import Finding, Verdict
from zk0.probes import Probe, judge, probe
from zk0.probes.running import MAIN_POINTS

__all__ = ["assert_exchange", "assert_proximal", "assert_weighted_mean"]


def assert_proximal(target: object, *, strict: bool = False, allow: Iterable[str] = ()) -> None:
    """Assert that a FedProx term, a training or a client gives the optimizer mu * (w - w_round).

    Args:
        target: a function, a class, a client, a ClientApp, or a text that names one.
        strict: count warnings as failures.
        allow: points of the contract that may fail, such as `"frozen"`.

    Raises:
        AssertionError: a point fails, or the main point can't be judged.
        Zk0Error: the code can't be found or called; `zk0 probe proximal TARGET --adapter` helps.
    """
    _assert(Probe.proximal, target, strict=strict, allow=allow)


def assert_weighted_mean(target: object, *, strict: bool = False, allow: Iterable[str] = ()) -> None:
    """Assert that a strategy or a function returns the mean weighted by numbers of examples; see `assert_proximal`."""
    _assert(Probe.aggregation, target, strict=strict, allow=allow)


def assert_exchange(get: object, set_: object = None, *, strict: bool = False, allow: Iterable[str] = ()) -> None:
    """Assert that what leaves one model arrives in another, bit for bit; see `assert_proximal`.

    Args:
        get: a function that returns a model's weights; or a class or module with both.
        set_: a function that sets them.
        strict: count warnings as failures.
        allow: points of the contract that may fail, such as `"bfloat16"`.
    """
    _assert(Probe.exchange, get if set_ is None else (get, set_), strict=strict, allow=allow)


def _assert(kind: Probe, target: object, *, strict: bool, allow: Iterable[str]) -> None:
    project = Project.find()
    if isinstance(target, str):
        findings = probe(kind, target, project, strict=strict)
    else:
        findings = list(judge(kind, target, project.root, strict=strict))
    allowed = {f"probe.{kind}.{point}" for point in allow}
    wrong = [finding for finding in findings if finding.verdict.stops and finding.check not in allowed]
    unknown = [
        finding
        for finding in findings
        if finding.verdict is Verdict.not_available and finding.check == f"probe.{kind}.{MAIN_POINTS[kind]}"
    ]
    reached = any(finding.check.rpartition(".")[2] == MAIN_POINTS[kind] for finding in findings)
    if not wrong and not unknown and not reached:
        raise AssertionError(f"{kind}: the point {MAIN_POINTS[kind]!r} was not reached")
    if wrong or unknown:
        raise AssertionError("\n".join(_lines(kind, wrong or unknown)))


def _lines(kind: Probe, findings: list[Finding]) -> Iterable[str]:
    """Yield what is wrong, with the numbers, the cause and the remedy."""
    yield f"the {kind} contract is broken at {findings[0].at}:"
    for finding in findings:
        yield f"  {finding.check.rpartition('.')[2]}: {finding.message}"
        yield from (f"    {each.name} = {each.amount}" for each in finding.evidence)
        yield from (f"    {mark} {text}" for mark, text in (("because", finding.cause), ("->", finding.remedy)) if text)
