"""Every fault in the samples is found first, by its name; nothing that is right is called wrong."""

import ast
import gc
import logging
from collections import Counter
from pathlib import Path

import pytest

from zk0.core.faults import Fault
from zk0.core.verdicts import Finding, Verdict
from zk0.probes.judging import judge

from .catalogue import SAMPLES, samples_of

KINDS = ("proximal", "aggregation")
WRONG = [(kind, target, fault) for kind in KINDS for target, fault in samples_of(f"{kind}_wrong.py")]
RIGHT = [(kind, target) for kind in KINDS for target, _ in samples_of(f"{kind}_right.py")]


def pairs_of(file: str):
    [value] = [
        node.value
        for node in ast.parse((SAMPLES / file).read_text()).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PAIRS"
    ]
    return ast.literal_eval(value)


WRONG += [("exchange", f"exchange_wrong.py:{pair}", fault) for pair, fault in pairs_of("exchange_wrong.py").items()]
RIGHT += [("exchange", f"exchange_right.py:{pair}") for pair in pairs_of("exchange_right.py")]


def found(kind: str, target: str, *, strict: bool, root: Path = SAMPLES) -> list[Finding]:
    gc.freeze()  # Flower's QFedAvg collects garbage at each client
    logging.getLogger("flwr").setLevel(logging.ERROR)
    return list(judge(kind, target, root, strict=strict))


@pytest.mark.parametrize(("kind", "target", "fault"), WRONG, ids=[target for _, target, _ in WRONG])
def test_what_is_wrong_is_found_first_and_by_name(kind, target, fault):
    broken = [finding for finding in found(kind, target, strict=True) if finding.verdict is Verdict.failed]

    assert broken, "nothing was found"
    assert broken[0].fault == fault, broken[0].message
    assert broken[0].cause
    assert broken[0].remedy
    assert broken[0].workflow == {"proximal": "fedprox-debug"}.get(kind, "aggregation-fix")
    assert broken[0].at.startswith(target.partition(":")[0])


@pytest.mark.parametrize(("kind", "target"), RIGHT, ids=[target for _, target in RIGHT])
def test_what_is_right_is_not_called_wrong(kind, target):
    findings = found(kind, target, strict=False)

    assert [finding.message for finding in findings if finding.verdict.stops] == []
    assert any(finding.verdict is Verdict.passed for finding in findings)


def test_the_samples_are_many_and_of_many_kinds():
    faults = Counter(fault for _, _, fault in WRONG)

    assert len(WRONG) >= 80
    assert len(RIGHT) >= 50
    assert len(faults) >= 15
    assert set(faults) <= set(Fault)


@pytest.mark.slow  # it imports LeRobot
@pytest.mark.parametrize(
    ("kind", "target"),
    [
        ("proximal", "zk0.training.fedprox:ProximalTerm"),
        ("proximal", "zk0_own.py:Loop"),
        ("aggregation", "zk0_own.py:fedavg"),
        ("aggregation", "zk0_own.py:fedprox"),
        ("exchange", "zk0_own.py"),
    ],
)
def test_zk0_s_own_code_keeps_its_contracts(kind, target):
    findings = found(kind, target, strict=False)

    wrong = [finding for finding in findings if finding.verdict.stops or finding.verdict is Verdict.warned]
    # Only trained tensors travel, on purpose: batch norm's statistics stay, and so does bfloat16.
    assert [finding.check for finding in wrong if not finding.check.endswith((".complete", ".bfloat16"))] == []


@pytest.mark.parametrize(
    "name", ["FedAvg", "FedProx", "FedAdam", "FedYogi", "FedAdagrad", "FedAvgM", "FedMedian", "Krum"]
)
@pytest.mark.parametrize("package", ["flwr.server.strategy", "flwr.serverapp.strategy"])
def test_flower_s_strategies_are_right_or_not_a_mean_on_purpose(package, name):
    findings = found("aggregation", f"{package}:{name}", strict=False)

    points = {finding.check.rpartition(".")[2]: finding for finding in findings}
    assert [finding.message for finding in findings if finding.verdict.stops] == []
    mean = Verdict.passed if name in ("FedAvg", "FedProx") else Verdict.not_applicable
    assert points["mean"].verdict in (mean, Verdict.passed)
    if name in ("FedAvg", "FedProx"):
        assert points["finite"].fault == "aggregate-not-finite"
    if name == "FedAdam":
        assert "a server optimizer" in points["mean"].message
