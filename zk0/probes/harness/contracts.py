"""Test code against a contract; importing this module imports PyTorch."""

from collections.abc import Callable, Iterator
from pathlib import Path

from zk0.core.verdicts import Finding, Verdict
from zk0.probes.harness.aggregation import aggregation_points
from zk0.probes.harness.exchange import exchange_points
from zk0.probes.harness.findings import Points
from zk0.probes.harness.proximal import proximal_points

# Of each contract: what finds a target's place and tests its points, and the workflow that repairs what is wrong.
CONTRACTS: dict[str, tuple[Callable[[str, Path], tuple[str, Points]], str]] = {
    "proximal": (proximal_points, "fedprox-debug"),
    "aggregation": (aggregation_points, "aggregation-fix"),
    "exchange": (exchange_points, "aggregation-fix"),
}


def findings_of(contract: str, target: str, root: Path, *, strict: bool = False) -> Iterator[Finding]:
    """Yield a finding for each point of a contract; `strict` makes failures of warnings."""
    points_of, workflow = CONTRACTS[contract]
    at, points = points_of(target, root)
    for point, finding in points:
        verdict = Verdict.failed if strict and finding.verdict is Verdict.warned else finding.verdict
        placed = {"check": f"probe.{contract}.{point}", "at": at, "verdict": verdict}
        yield finding.model_copy(update=placed | ({"workflow": workflow} if finding.fault else {}))
