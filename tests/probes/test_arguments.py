"""What training code is given has what such code reads of it."""

import pytest

from zk0.core.verdicts import Verdict
from zk0.probes.judging import judge

LOOP = """\
import torch


def train(net, trainloader, {criterion}, proximal_mu=0.0):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
    start = {start}
    total = {total}
    for inputs, labels in trainloader:
        optimizer.zero_grad()
        term = sum(((p - s) ** 2).sum() for p, s in zip(net.parameters(), start))
        ({criterion}(net(inputs), labels) * len(labels) / total + proximal_mu / 2 * term).backward()
        optimizer.step()
"""


def points(tmp_path, criterion="criterion", total="1", start="[p.detach().clone() for p in net.parameters()]"):
    (tmp_path / "code.py").write_text(LOOP.format(criterion=criterion, total=total, start=start))
    return {each.check.rpartition(".")[2]: each for each in judge("proximal", "code.py:train", tmp_path)}


@pytest.mark.parametrize(
    "total",
    [
        "len(trainloader.sampler)",
        "len(trainloader.dataset)",
        "trainloader.batch_size",
        "len(trainloader.batch_sampler) + trainloader.num_workers",
        "len(iter(trainloader))",
    ],
)
def test_a_loader_has_what_is_asked_of_pytorch_s(tmp_path, total):
    assert points(tmp_path, total=total)["gradient"].verdict is Verdict.passed


def test_a_generator_beside_a_loader_s_sampler_is_found(tmp_path):
    found = points(tmp_path, total="len(trainloader.sampler)", start="(p.detach().clone() for p in net.parameters())")

    assert found["gradient"].fault == "proximal-reference"


@pytest.mark.parametrize("criterion", ["loss_fun", "loss_fn", "lossFunction", "crit", "loss_criterion"])
def test_a_criterion_has_many_names(tmp_path, criterion):
    assert points(tmp_path, criterion=criterion)["gradient"].verdict is Verdict.passed
