"""Of a training that can't be compared with itself, nothing is said."""

from zk0.core.verdicts import Verdict
from zk0.probes.judging import judge

STEP = """\
import os

import torch
from torch.nn import functional as F


def train(net, trainloader, mu):
    optimizer = torch.optim.SGD(net.parameters(), lr={rate})
    start = [p.detach().clone() for p in net.parameters()]
    for x, y in trainloader:
        x = x{noise}
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x.float().to(x.dtype){cast}), y)
        loss = loss + mu / 2 * sum(((p - s) ** 2).sum() for p, s in zip(net.parameters(), start))
        loss.backward()
        optimizer.step()
"""


def gradient_of(tmp_path, **parts):
    (tmp_path / "step.py").write_text(STEP.format(**{"rate": 0.1, "noise": "", "cast": ""} | parts))
    findings = list(judge("proximal", "step.py:train", tmp_path))
    return next(finding for finding in findings if finding.check == "probe.proximal.gradient")


def test_a_training_that_draws_anew_each_time_can_t_be_judged(tmp_path):
    finding = gradient_of(tmp_path, noise=" + int.from_bytes(os.urandom(2)) / 65536 * torch.randn_like(x)")

    assert finding.verdict is Verdict.not_available
    assert finding.message.startswith("run twice it does not do the same")


def test_steps_that_are_lost_in_rounding_are_not_called_inert(tmp_path):
    finding = gradient_of(tmp_path, rate=1e-9, cast=".float()")

    assert finding.verdict is Verdict.not_available
    assert "too little" in finding.message


def test_the_same_training_with_larger_steps_conforms(tmp_path):
    assert gradient_of(tmp_path, cast=".float()").verdict is Verdict.passed
