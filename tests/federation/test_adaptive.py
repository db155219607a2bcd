"""mu is adapted by losses that exceed noise, decided once for all clients, and every decision is in the ledger."""

import numpy as np
import pytest

from zk0.core.errors import ConfigurationError
from zk0.diagnostics.diagnosis import diagnose
from zk0.federation.adaptive import AdaptiveMu
from zk0.federation.configuration import resolve
from zk0.federation.strategy import Federation, strategy_of
from zk0.ledger import LedgerWriter


def batches(loss, spread=0.1):
    return [loss - spread, loss, loss + spread, loss]


def after(*losses, spread=0.1):
    rule = AdaptiveMu(0.5)
    for loss in losses:
        rule.observe({"a": batches(loss, spread), "b": batches(loss + 1, spread)})
    return rule


def test_a_rise_raises_mu_by_a_tenth():
    rule = after(2.0, 3.0)

    assert rule.mu == 0.6
    assert rule.reason.startswith("the loss rose by 1,")


def test_five_falls_in_a_row_lower_it_and_four_do_not():
    assert after(9.0, 8.0, 7.0, 6.0, 5.0).mu == 0.5
    assert after(9.0, 8.0, 7.0, 6.0, 5.0, 4.0).mu == 0.4
    assert after(9.0, 8.0, 7.0, 9.0, 8.0, 7.0, 6.0, 5.0).mu == 0.6  # the rise broke the row


def test_changes_within_noise_do_nothing_until_they_add_up():
    noisy = [2.0, 2.1, 1.9, 2.1, 2.0] * 6

    assert after(*noisy, spread=0.5).mu == 0.5
    assert after(2.0, 2.3, 2.6, 2.9, spread=0.3).mu == 0.6


def test_mu_never_falls_below_zero():
    rule = AdaptiveMu(0.05)
    for loss in range(20, 0, -1):
        rule.observe({"a": batches(float(loss))})

    assert rule.mu == 0.0


def test_a_round_with_other_clients_is_no_rise():
    rule = AdaptiveMu(0.5)
    rule.observe({"a": batches(1.0)})
    rule.observe({"b": batches(9.0)})
    rule.observe({"a": batches(1.0)})

    assert rule.mu == 0.5


def test_steps_without_a_loss_are_left_out():
    rule = AdaptiveMu(0.5)
    rule.observe({"a": [1.0, None, 1.1], "b": [None, None]})
    rule.observe({"a": [3.0, 3.1, None], "b": [1.0, 1.1]})

    assert rule.mu == 0.6


def training_of(losses):
    """Return a change of a client's report: the losses of round 1, 2, …."""

    def lie(training):
        return training.model_copy(
            update={
                "steps": 4,
                **{name: [None] * 4 for name in ("proximal_loss", "total_loss", "gradient_norm", "proximal_ratio")},
                **{name: [None] * 4 for name in ("learning_rate", "drift")},
                "policy_loss": batches(losses[training.round - 1]),
            }
        )

    return lie


def still(partition, number, arrays):
    return {name: value + np.float32(1) for name, value in arrays.items()}, 1.0


def test_every_client_gets_the_decision_once_and_the_ledger_has_it(federation):
    small = federation(clients=3, rounds=4, proximal_mu=0.5, adaptive_mu=True)

    small.run(still, lie=training_of([1.0, 2.0, 3.0, 3.0]))

    sent = {number: {mu for (round_, _), mu in zip(small.asked, small.received_mu, strict=True) if round_ == number}
            for number in range(1, 5)}  # fmt: skip
    assert sent == {1: {0.5}, 2: {0.5}, 3: {0.6}, 4: {0.7}}
    decisions = small.ledger.decisions
    assert [(one.round, one.client, one.settings["proximal-mu"]) for one in decisions] == [
        (1, None, 0.5),
        (2, None, 0.5),
        (3, None, 0.6),
        (4, None, 0.7),
    ]
    assert decisions[0].reason == "the configured value"
    assert decisions[2].reason.startswith("the loss rose")


def test_a_resumed_run_goes_on_with_the_mu_it_had(federation):
    small = federation(clients=2, rounds=3, proximal_mu=0.5, adaptive_mu=True)
    small.run(still, lie=training_of([1.0, 2.0, 3.0]))

    writer = LedgerWriter(small.directory / "ledger.jsonl")
    resumed = strategy_of(Federation({1: "client-0"}, small.config, writer, statistics={}, completed=2))

    assert resumed.rule.mu == 0.6


def test_a_client_whose_reply_is_refused_moves_no_mu(federation):
    small = federation(clients=2, rounds=3, proximal_mu=0.5, adaptive_mu=True)
    losses = training_of([1.0, 1.0, 1.0]), training_of([1.0, 9.0, 9.0])

    small.run(
        lambda partition, number, arrays: (still(partition, number, arrays)[0], -1.0 if partition else 1.0),
        lie=lambda training: losses[training.partition](training),
    )

    assert set(small.received_mu) == {0.5}
    writer = LedgerWriter(small.directory / "ledger.jsonl")
    resumed = strategy_of(Federation({1: "client-0"}, small.config, writer, statistics={}, completed=2))
    assert resumed.rule.mu == 0.5


def test_a_decision_that_does_not_arrive_is_diagnosed(federation):
    small = federation(clients=2, rounds=3, proximal_mu=0.5, adaptive_mu=True)
    small.run(still, lie=lambda training: training_of([1.0, 2.0, 3.0])(training).model_copy(
        update={"settings": {"proximal-mu": 0.5}}))  # fmt: skip

    found = diagnose(small.ledger, only=["configuration.delivered"])

    assert found.root.fault == "setting-not-delivered"
    assert {one.name: one.value for one in found.root.evidence} == {
        "configured proximal-mu": 0.6,
        "used proximal-mu": 0.5,
    }


def test_without_the_option_nothing_is_decided(federation):
    small = federation(clients=2, rounds=2, proximal_mu=0.5)
    small.run(still, lie=training_of([1.0, 3.0]))

    assert small.ledger.decisions == ()
    assert set(small.received_mu) == {0.5}


def test_fedavg_has_no_mu_to_adapt():
    with pytest.raises(ConfigurationError, match="adaptive-mu needs strategy fedprox"):
        resolve({"adaptive-mu": True, "strategy": "fedavg"})
