"""The remedy for a set that takes too few tensors fits the set."""

import pytest

from zk0.probes.judging import judge

SET = """\
import torch


def get_parameters(net):
    return [v.cpu().numpy().copy() for k, v in net.state_dict().items() if "bn" not in k]


def set_parameters(net, parameters):
    keys = {keys}
    net.load_state_dict({{k: torch.tensor(v) for k, v in zip(keys, parameters)}}, strict=False)
"""


@pytest.mark.parametrize(
    ("keys", "loads"), [("list(net.state_dict())", True), ('[k for k in net.state_dict() if "bn" not in k]', False)]
)
def test_a_set_that_leaves_names_out_can_t_load_strictly(tmp_path, keys, loads):
    (tmp_path / "code.py").write_text(SET.format(keys=keys))

    target = "code.py:get_parameters,set_parameters"
    [found] = [each for each in judge("exchange", target, tmp_path) if each.check.endswith("strict")]

    assert found.fault == "exchange-incomplete"
    assert found.remedy.startswith("zip(")
    assert ("and load_state_dict(..., strict=True)" in found.remedy) is loads
