"""The accuracy and speed of probes on faulty and right code: the samples of the tests and kinds from public code.

A faulty sample counts as found where a point fails, and as named where the first failing point names its fault. Right
code counts as a false alarm where any point fails.
"""

import logging
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from zk0.core.project import Project
from zk0.core.verdicts import Finding
from zk0.probes import Probe, judge, probe

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # the samples are the tests'

from probes.test_confusion import RIGHT, SAMPLES, WRONG
from probes.test_servers import HEAD as SERVER
from probes.test_servers import REPLIES
from probes.test_wild import COPIES, EARLY, HEAD, OPTIMIZERS
from probes.test_wild import WRONG as WILD

TIMED = (
    (Probe.proximal, "proximal_right.py:train_step"),
    (Probe.aggregation, "aggregation_right.py"),
    (Probe.exchange, "exchange_right.py"),
)


def measure(*_: str) -> Iterator[tuple[str, str]]:
    """Yield what is missed or misnamed, then the rates, then seconds per probe."""
    logging.disable(logging.WARNING)  # Flower tells of each round
    found: Counter[str] = Counter()
    with TemporaryDirectory() as folder:
        wrong = [(kind, target, fault, SAMPLES) for kind, target, fault in WRONG] + list(_wild_wrong(Path(folder)))
        right = [(kind, target, SAMPLES) for kind, target in RIGHT] + list(_wild_right(Path(folder)))
        for kind, target, fault, root in wrong:
            broken = _broken(kind, target, root, strict=True)
            found["found"] += bool(broken)
            found["named"] += bool(broken) and broken[0].fault == fault
            if not broken or broken[0].fault != fault:
                yield f"not named: {target} ({fault})", str(broken[0].fault if broken else "nothing")
        alarms = [target for kind, target, root in right if _broken(kind, target, root, strict=False)]
    yield from (("false alarm", target) for target in alarms)
    yield "faulty samples, and the faults they are", f"{len(wrong)}, {len({fault for _, _, fault, _ in wrong})}"
    yield "faults found", f"{found['found']} of {len(wrong)}"
    yield "faults named first", f"{found['named']} of {len(wrong)}"
    yield "false alarms on right code", f"{len(alarms)} of {len(right)}"
    for kind, target in TIMED:
        yield f"a probe of {kind}, in its own process", f"{_seconds(kind, target):.1f} s"


def _broken(kind: str, target: str, root: Path, *, strict: bool) -> list[Finding]:
    return [finding for finding in judge(kind, target, root, strict=strict) if finding.verdict.stops]


def _wild_wrong(folder: Path) -> Iterator[tuple[str, str, str, Path]]:
    for number, (source, (fault, _)) in enumerate(WILD.values()):
        (folder / f"wrong{number}.py").write_text(HEAD + source)
        name = "term" if "def term" in source else "train"
        yield "proximal", f"wrong{number}.py:{name}", fault, folder


def _wild_right(folder: Path) -> Iterator[tuple[str, str, Path]]:
    sources = [EARLY.format(nothing=nothing) for nothing in ("0.0", "None", "torch.zeros(())")]
    for number, source in enumerate([*sources, *COPIES.values()]):
        (folder / f"right{number}.py").write_text(HEAD + source)
        yield "proximal", f"right{number}.py:{'term' if 'def term' in source else 'train'}", folder
    for number, source in enumerate(REPLIES.values()):
        (folder / f"server{number}.py").write_text(SERVER + source)
        yield "aggregation", f"server{number}.py:Server.aggregate", folder
    (folder / "optimizers.py").write_text(HEAD + OPTIMIZERS)
    yield from (("proximal", f"optimizers.py:{name}", folder) for name in ("Plain", "InAdam", "AfterAdam"))


def _seconds(kind: Probe, file: str) -> float:
    target = file if ":" in file else next(target for each, target in RIGHT if each == kind and target.startswith(file))
    taken = []
    for _ in range(3):
        started = time.perf_counter()
        probe(kind, target, Project(SAMPLES))
        taken.append(time.perf_counter() - started)
    return median(taken)
