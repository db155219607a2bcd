"""Arguments are given by name, and what can't be given is said with the signature and the way to an adapter."""

from pathlib import Path

import pytest

from zk0.core.errors import ProbeError
from zk0.core.verdicts import Verdict
from zk0.probes.harness.arguments import PROXIMAL
from zk0.probes.harness.binding import roles_of
from zk0.probes.harness.replies import AGGREGATION
from zk0.probes.harness.targets import find_target
from zk0.probes.judging import judge


def roles(function, vocabulary=PROXIMAL):
    return roles_of(function, vocabulary, what="it", target=find_target(function, Path.cwd()))


def test_names_of_every_style_are_understood():
    def train(localModel, global_params, train_loader, proximal_mu, num_epochs, lr=0.1, callbacks=None, **rest):  # noqa: N803
        """Names as people write them."""

    assert roles(train) == {
        "localModel": "model",
        "global_params": "reference",
        "train_loader": "loader",
        "proximal_mu": "mu",
        "num_epochs": "epochs",
        "lr": "rate",
    }


def test_weights_are_tensors_or_how_much_they_count():
    def one(weights, num_examples): ...

    def other(state_dicts, weights): ...

    assert roles(one, AGGREGATION) == {"weights": "updates", "num_examples": "counts"}
    assert roles(other, AGGREGATION) == {"state_dicts": "updates", "weights": "weights"}


def test_code_that_can_t_be_called_is_shown_with_the_way_out(tmp_path):
    (tmp_path / "losses.py").write_text(
        "def penalty(anchor_bundle, net, strength):\n"
        "    pairs = zip(net.parameters(), anchor_bundle['w0'])\n"
        "    return strength / 2 * sum(((p - q) ** 2).sum() for p, q in pairs)\n"
    )

    with pytest.raises(
        ProbeError, match=r"penalty\(anchor_bundle, net, strength\) at losses.py:1: .* anchor_bundle$"
    ) as raised:
        list(judge("proximal", "losses.py:penalty", tmp_path))

    assert "zk0 probe proximal losses.py:penalty --adapter" in raised.value.remedy


def test_names_that_ask_for_the_same_are_told_from_names_that_ask_for_nothing(tmp_path):
    (tmp_path / "twice.py").write_text("def term(model, net, mu):\n    return 0\n")

    with pytest.raises(ProbeError, match="zk0 has nothing else to give for net"):
        list(judge("proximal", "twice.py:term", tmp_path))


def test_the_error_of_the_attempt_that_came_furthest_is_told(tmp_path):
    (tmp_path / "far.py").write_text(
        "def term(model, global_params, mu):\n    first = global_params['hidden.weight']\n"
        "    return model.missing(first)\n"
    )

    with pytest.raises(ProbeError, match=r"AttributeError: .*missing.* \(far.py:3\)"):
        list(judge("proximal", "far.py:term", tmp_path))


def test_an_error_of_the_code_is_told_with_its_line(tmp_path):
    (tmp_path / "step.py").write_text("def term(model, global_params, mu):\n    return model.layers[0]\n")

    with pytest.raises(ProbeError, match=r"can't be called: AttributeError: .*layers.* \(step.py:2\)"):
        list(judge("proximal", "step.py:term", tmp_path))


def test_a_strategy_is_no_proximal_term(tmp_path):
    with pytest.raises(ProbeError, match="is a strategy; the proximal term is the client's"):
        list(judge("proximal", "flwr.server.strategy:FedProx", tmp_path))


def test_a_term_without_mu_is_not_said_to_obey_it(tmp_path):
    (tmp_path / "bare.py").write_text(
        "def distance(model, global_params):\n"
        "    return sum(((p - q) ** 2).sum() for p, q in zip(model.parameters(), global_params, strict=True))\n"
    )

    points = {finding.check: finding for finding in judge("proximal", "bare.py:distance", tmp_path)}

    assert points["probe.proximal.gradient"].verdict is Verdict.passed
    assert points["probe.proximal.mu"].verdict is Verdict.not_available
    assert "multiply it by mu/2" in points["probe.proximal.mu"].message
