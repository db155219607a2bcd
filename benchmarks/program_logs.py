"""Diagnosis of logs that other programs wrote: Hugging Face's Trainer, Lightning, NVFlare's simulator, Flower 0.19.

The programs were installed from PyPI and run by us, well and with a fault; `tests/resources/logs/programs` has
their output with paths shortened. Each is read as it is and behind two wrappers. A healthy log must have no finding; of
a faulty one the first finding must be the expected one.
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from zk0.diagnostics.diagnosis import diagnose
from zk0.ledger.importers import import_ledgers

LOGS = Path(__file__).parents[1] / "tests" / "resources" / "logs" / "programs"
# The first finding of each; None where nothing is wrong.
EXPECTED = {
    "hf-healthy": None,
    "hf-diverges": "loss.finite",
    "hf-nan": "loss.finite",
    "hf-raises": "exceptions.raised",
    "lightning-healthy": None,
    "lightning-nan": "loss.finite",
    "lightning-raises": "exceptions.raised",
    "nvflare-healthy": None,
    "nvflare-raises": "exceptions.raised",
    "flower-old-healthy": None,
    "flower-old-evaluation-fails": "scores.replies",
    "flower-old-nan": "scores.finite",
    "flower-old-wrong-return": "clients.participation",
}
WRAPPERS = {"plain": "{}", "docker compose": "trainer-1  | {}", "kubectl": "2025-11-28T10:00:00.123456789Z {}"}


def measure() -> Iterator[tuple[str, str]]:
    """Yield how many logs are judged right first, by wrapper, and those that are not."""
    for wrapper, form in WRAPPERS.items():
        wrong = [f"{name}: {found}" for name, found in _first_findings(form) if found != EXPECTED[name]]
        right = len(EXPECTED) - len(wrong)
        shown = f" ({'; '.join(wrong)})" if wrong else ""
        yield f"logs of other programs, {wrapper}", f"{right} of {len(EXPECTED)} right first{shown}"
    healthy = sum(check is None for check in EXPECTED.values())
    yield "healthy among them", f"{healthy} of {len(EXPECTED)}"


def _first_findings(form: str) -> Iterator[tuple[str, str | None]]:
    with TemporaryDirectory() as folder:
        for name in EXPECTED:
            path = Path(folder) / f"{name}.log"
            lines = (LOGS / path.name).read_text().split("\n")
            path.write_text("\n".join(form.format(line) for line in lines))
            [found] = import_ledgers([path])
            root = diagnose(found.ledger).root
            yield name, root.check if root else None
