"""The contracts by name; importing this module imports PyTorch."""

from collections.abc import Callable, Iterator
from pathlib import Path

from zk0.core.verdicts import Finding, Verdict
from zk0.probes.harness.aggregation import probe_aggregation
from zk0.probes.harness.exchange import probe_exchange
from zk0.probes.harness.proximal import probe_proximal


def _with_strict(contract: Callable[[str, Path], Iterator[Finding]]) -> Callable[..., Iterator[Finding]]:
    def probe(text: str, root: Path, *, strict: bool = False) -> Iterator[Finding]:
        for finding in contract(text, root):
            if strict and finding.verdict is Verdict.warned:
                yield finding.model_copy(update={"verdict": Verdict.failed})
            else:
                yield finding

    return probe


CONTRACTS = {
    "proximal": _with_strict(probe_proximal),
    "aggregation": _with_strict(probe_aggregation),
    "exchange": _with_strict(probe_exchange),
}
