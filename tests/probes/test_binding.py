"""Arguments are given by name, and what can't be given is said with the signature and an adapter that works."""

import pytest

from zk0.core.errors import ProbeError
from zk0.core.verdicts import Verdict
from zk0.probes.harness.arguments import PROXIMAL
from zk0.probes.harness.binding import roles_of
from zk0.probes.harness.contracts import findings_of
from zk0.probes.harness.replies import AGGREGATION


def roles(function, vocabulary=PROXIMAL):
    return roles_of(function, vocabulary, what="it", at="here")


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
        list(findings_of("proximal", "losses.py:penalty", tmp_path))

    assert "def term(model, global_params, mu):" in raised.value.remedy
    adapter = (
        "from losses import penalty\n\n\ndef term(model, global_params, mu):\n"
        "    return penalty({'w0': global_params}, model, mu)\n"
    )
    (tmp_path / "adapter.py").write_text(adapter)
    assert not any(finding.verdict.stops for finding in findings_of("proximal", "adapter.py:term", tmp_path))


def test_an_error_of_the_code_is_told_with_its_line(tmp_path):
    (tmp_path / "step.py").write_text("def term(model, global_params, mu):\n    return model.layers[0]\n")

    with pytest.raises(ProbeError, match=r"can't be called: AttributeError: .*layers.* \(step.py:2\)"):
        list(findings_of("proximal", "step.py:term", tmp_path))


def test_a_strategy_is_no_proximal_term(tmp_path):
    with pytest.raises(ProbeError, match="is a strategy; the proximal term is the client's"):
        list(findings_of("proximal", "flwr.server.strategy:FedProx", tmp_path))


def test_a_term_without_mu_is_not_said_to_obey_it(tmp_path):
    (tmp_path / "bare.py").write_text(
        "def distance(model, global_params):\n"
        "    return sum(((p - q) ** 2).sum() for p, q in zip(model.parameters(), global_params, strict=True))\n"
    )

    points = {finding.check: finding for finding in findings_of("proximal", "bare.py:distance", tmp_path)}

    assert points["probe.proximal.gradient"].verdict is Verdict.passed
    assert points["probe.proximal.mu"].verdict is Verdict.not_available
    assert "multiply it by mu/2" in points["probe.proximal.mu"].message
