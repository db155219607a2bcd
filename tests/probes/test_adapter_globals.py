"""A global that a script's main block assigns is a line of the adapter."""

import pytest

from zk0.core.verdicts import Verdict
from zk0.probes.harness.adapter_conventions import MARK
from zk0.probes.harness.adapters import adapter_of
from zk0.probes.judging import judge

CODE = """\
import torch
from torch.nn import functional as F


def penalty(net):
    return sum(((p - q.detach()) ** 2).sum() for p, q in zip(net.parameters(), {reference}.parameters()))


def train(net, trainloader, mu):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for x, y in trainloader:
        optimizer.zero_grad()
        (F.cross_entropy(net(x), y) + mu / 2 * penalty(net)).backward()
        optimizer.step()


if __name__ == "__main__":
    {reference} = torch.nn.Linear(4, 4)
"""


@pytest.mark.parametrize(("reference", "marks"), [("server_model", 0), ("first_of_all", 1)])
def test_a_global_that_only_the_main_block_sets_is_a_line(tmp_path, reference, marks):
    (tmp_path / "code.py").write_text(CODE.format(reference=reference))

    text = adapter_of("proximal", "code.py:train", tmp_path)["text"]

    assert text.count(MARK) == marks
    begin = f'train.__globals__["{reference}"] = '
    assert begin + ("..." if marks else "global_model") in text
    whole = text.replace("global_params, mu", "global_params, global_model, mu").replace(
        f"{begin}...", f"{begin}global_model"
    )
    (tmp_path / "adapter.py").write_text(whole if marks else text)
    assert next(judge("proximal", "adapter.py:probe", tmp_path)).verdict is Verdict.passed
