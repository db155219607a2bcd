"""Settings that the code reads, and that zk0's configuration does not have, are lines of the adapter."""

import pytest

from zk0.core.verdicts import Verdict
from zk0.probes.harness.adapter_settings import KNOWN
from zk0.probes.harness.adapters import adapter_of
from zk0.probes.harness.bench import Bench
from zk0.probes.judging import judge

BODY = """\
        start = [p.detach().clone() for p in {net}.parameters()]
        optimizer = torch.optim.SGD({net}.parameters(), lr={config}.local_lr)
        for x, y in {loader}:
            optimizer.zero_grad()
            loss = F.cross_entropy({net}(x), y)
            if {asked}:
                loss += {config}.mu / 2 * sum(((p - s) ** 2).sum() for p, s in zip({net}.parameters(), start))
            loss.backward()
            optimizer.step()
"""
HEAD = "import torch\nfrom torch.nn import functional as F\n\n\n"
OF_SELF = {"net": "self.net", "loader": "self.trainloader"}
CODE = {
    "an attribute of args that are kept": (
        "Client.fit",
        "class Client:\n    def __init__(self, args, net, shards):\n        self.args = args\n\n    def fit(self):\n"
        + BODY.format(config="self.args", asked="not self.args.IID", **OF_SELF),
        ('"IID": ...', '"IID": False'),
    ),
    "what a constructor compares": (
        "Client.fit",
        "class Client:\n    def __init__(self, net, trainloader, config):\n"
        "        self.net, self.trainloader, self.config = net, trainloader, config\n"
        "        self.proximal = {'avg': False, 'prox': True}[config.algorithm]\n\n    def fit(self):\n"
        + BODY.format(config="self.config", asked="self.proximal", **OF_SELF),
        ('"algorithm": ...', '"algorithm": "prox"'),
    ),
    "a key that a function reads": (
        "fit",
        "if True:\n    def fit(net, trainloader, config):\n"
        + BODY.format(net="net", loader="trainloader", config="config", asked="config['strategy'] == 'prox'"),
        ('"strategy": ...', '"strategy": "prox"'),
    ),
}


@pytest.mark.parametrize("kind", CODE)
def test_a_setting_that_is_read_is_an_open_line(tmp_path, kind):
    name, source, (left, given) = CODE[kind]
    (tmp_path / "code.py").write_text(HEAD + source)

    text = adapter_of("proximal", f"code.py:{name}", tmp_path)["text"]

    assert "config.update({" in text
    assert '"local_lr": 0.05' in text  # its name says what it is
    assert '"mu"' not in text  # zk0's has it
    assert text.count(left) == 1
    (tmp_path / "adapter.py").write_text(text.replace(left, given))
    assert next(judge("proximal", "adapter.py:probe", tmp_path)).verdict is Verdict.passed


def test_the_settings_that_are_known_are_those_of_the_bench():
    assert set(Bench(0.0).settings) == KNOWN
