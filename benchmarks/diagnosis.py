"""The accuracy of diagnosis on healthy and faulty runs of the real federation, over several seeds.

Each fault is put into a part of the product (term, loop, exchange, strategy, evaluation) while a small federation runs;
what the ledger shows is diagnosed with default options. Thresholds were tuned on one set of seeds, and are reported on
another: `--seeds=tune` or `--seeds=report` (the default). `--quick` runs one seed. `--policy=smolvla` puts the smallest
real SmolVLA in the small policy's place; it needs ten times as long.
"""

import logging
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import program_logs
from zk0.diagnostics.diagnosis import Diagnosis, diagnose

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # the catalogue of faults is the tests'

from faults.catalogue import KINDS, Kind
from faults.federation import run, sane_settings_of, settings_of

SEEDS = {"tune": 0, "report": 1000}  # where each set begins
FAULTY, HEALTHY = 4, 30  # seeds of each fault, and of healthy runs


@dataclass
class Score:
    """The diagnoses of one kind of fault, by seed."""

    kind: Kind
    roots: Counter[str] = field(default_factory=Counter)
    named: int = 0

    @property
    def runs(self) -> int:
        """The number of runs."""
        return self.roots.total()

    @property
    def first(self) -> int:
        """The number of runs in which it was the root."""
        return self.roots[self.kind.fault]

    def add(self, found: Diagnosis) -> None:
        """Count one diagnosis."""
        self.named += self.kind.fault in found.faults
        self.roots[(found.root.fault or found.root.check) if found.root else "nothing"] += 1


def measure(*options: str) -> Iterator[tuple[str, str]]:
    """Yield a line per fault, the confusions, and the rates."""
    given = dict(option.removeprefix("--").partition("=")[::2] for option in options)
    begin = SEEDS[given.get("seeds", "report")]
    faulty, healthy = (1, 4) if "quick" in given else (FAULTY, HEALTHY)
    smolvla = given.get("policy") == "smolvla"
    logging.getLogger("zk0").setLevel(logging.CRITICAL)  # a client that fails is what some faults are
    scores = []
    for kind in KINDS.values():
        score = Score(kind)
        for seed in range(begin, begin + faulty):
            score.add(_diagnosed(settings_of(seed, smolvla=smolvla), kind, smolvla=smolvla))
        scores.append(score)
        yield f"{kind.name} ({kind.fault})", f"named {score.named}/{score.runs}, first {score.first}/{score.runs}"
    alarms: Counter[str] = Counter()
    judged = 0
    for seed in range(begin, begin + healthy):
        found = _diagnosed(sane_settings_of(seed, smolvla=smolvla), None, smolvla=smolvla)
        problems = {finding.check for finding in (*found.problems, *(one.finding for one in found.suppressed))}
        alarms.update(problems)
        others = (*found.findings, *found.unanswered, *found.not_applicable)
        judged += len(problems | {finding.check for finding in others})
    yield from _summary(scores, alarms, judged, healthy)
    yield from program_logs.measure()


def _diagnosed(values: dict[str, object], kind: Kind | None, *, smolvla: bool) -> Diagnosis:
    with TemporaryDirectory() as folder:
        inject = {} if kind is None else {"inject": kind.inject}
        return diagnose(run(Path(folder), values, smolvla=smolvla, **inject))


def _summary(scores: list[Score], alarms: Counter[str], judged: int, healthy: int) -> Iterator[tuple[str, str]]:
    for score in scores:
        for root, count in score.roots.items():
            if root != score.kind.fault:
                yield f"taken for {root}", f"{score.kind.name}, {count} of {score.runs}"
    for check, count in alarms.items():
        yield f"false alarm of {check}", f"{count} of {healthy}"
    runs = sum(score.runs for score in scores)
    faults = {score.kind.fault for score in scores}
    yield "kinds of fault, and the faults they are", f"{len(scores)}, {len(faults)}"
    yield (
        "kinds that are named at every seed",
        f"{sum(score.named == score.runs for score in scores) / len(scores):.3f}",
    )
    yield "recall: faulty runs whose fault is named", f"{sum(score.named for score in scores) / runs:.3f} of {runs}"
    yield "faulty runs whose fault is told first", f"{sum(score.first for score in scores) / runs:.3f}"
    yield "false alarms, of healthy run x diagnostic", f"{alarms.total() / judged:.4f} of {judged}"
