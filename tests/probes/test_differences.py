"""A reference that moves with the weights is named by what the code subtracts, whatever its variables are called."""

import pytest

from zk0.core.verdicts import Verdict
from zk0.probes.judging import judge

LOOP = """\
import copy

import torch
from torch.nn import functional as F


def distance(net, other):
    return sum(((p - q) ** 2).sum() for p, q in zip(net.parameters(), other.parameters()))


def drift(net):
    start = net
    return distance(net, start)


class Client:
    def __init__(self, net, trainloader):
        self.net, self.trainloader = net, trainloader
        self.server_model = net

    def train(self, mu):
        optimizer = torch.optim.SGD(self.net.parameters(), lr=0.1)
        for x, y in self.trainloader:
            optimizer.zero_grad()
            loss = F.cross_entropy(self.net(x), y)
            for p, q in zip(self.net.parameters(), self.server_model.parameters()):
                loss = loss + mu / 2 * F.mse_loss(p, q, reduction="sum")
            loss.backward()
            optimizer.step()


def train(net, trainloader, mu):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    {before}
    for x, y in trainloader:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss = loss + {strength} * {term}
        loss.backward()
        optimizer.step()
"""
MODEL = "the reference is the model that is trained"
MOVING = {
    "the model has two names": ("server = net", "distance(net, server)", f"{MODEL} (other in distance,"),
    "a helper gives it another name": ("pass", "drift(net)", f"{MODEL} (other in distance,"),
    "a helper is given it twice": ("pass", "distance(net, net)", f"{MODEL} (other in distance,"),
    "a list of the parameters": (
        "server = list(net.parameters())",
        "sum((p - q).norm() ** 2 for p, q in zip(net.parameters(), server))",
        "what is kept are the weights themselves (server in train,",
    ),
    "a state": (
        "server = net.state_dict()",
        "sum(((p - server[name]) ** 2).sum() for name, p in net.named_parameters())",
        "the reference shares its storage with the weights (server in train,",
    ),
    "a copy at each step": (
        "pass",
        "distance(net, copy.deepcopy(net))",
        "the reference is taken again at each step (other in distance,",
    ),
}


def points(tmp_path, before="pass", term="0", name="train", strength="mu / 2"):
    (tmp_path / "code.py").write_text(LOOP.format(before=before, term=term, strength=strength))
    return {each.check.rpartition(".")[2]: each for each in judge("proximal", f"code.py:{name}", tmp_path)}


@pytest.mark.parametrize("kind", MOVING)
def test_a_reference_that_moves_with_the_weights_is_named(tmp_path, kind):
    before, term, named = MOVING[kind]

    found = points(tmp_path, before, term)

    assert found["gradient"].fault == "proximal-reference"
    assert named in found["gradient"].message
    assert found["gradient"].remedy.startswith("snapshot it once a round")
    assert found["reference"].verdict is Verdict.failed


def test_a_client_whose_server_model_is_its_own_model_is_told_so(tmp_path):
    found = points(tmp_path, name="Client.train")

    assert f"{MODEL} (self.server_model in train," in found["gradient"].message


def test_a_term_whose_mu_is_fixed_is_a_term(tmp_path):
    found = points(tmp_path, term="distance(net, net)", strength="0.05")

    assert found["gradient"].fault == "setting-not-delivered"
    assert found["gradient"].message.startswith("mu does not arrive")


ONLY_LOADED = """\
def step(net, sent, trainloader, mu):
    net.load_state_dict(sent)
    start = copy.deepcopy(net)
    for x, y in trainloader:
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        (F.cross_entropy(net(x), y) + mu / 2 * distance(net, start)).backward()
        optimizer.step()
        break


def probe(net, trainloader, mu):
    return step(net, net.state_dict(), trainloader, mu)
"""


def test_what_is_only_loaded_is_not_called_the_reference(tmp_path):
    (tmp_path / "code.py").write_text(f"{LOOP.format(before='pass', term='0', strength='mu')}\n\n{ONLY_LOADED}")

    found = [each for each in judge("proximal", "code.py:probe", tmp_path) if each.verdict is Verdict.failed]

    assert "is taken again at each step (other in distance," in found[0].message
