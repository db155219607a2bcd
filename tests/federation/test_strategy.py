"""The strategies on Flower's own loop: what is averaged, what is refused, what is written down."""

import math
import re

import numpy as np
import pytest
from flwr.app import Error, Message

from zk0.core.errors import RoundFailedError
from zk0.core.verdicts import Verdict
from zk0.diagnostics.diagnosis import diagnose
from zk0.federation.engines.grid import InlineGrid
from zk0.training.parameters import digest_of


def step(partition, number, arrays):
    """Move every tensor by the client's number plus one, with that as weight."""
    return {name: value + np.float32(partition + 1) for name, value in arrays.items()}, float(partition + 1)


def faulty(client, fault):
    """Return a client action in which one client's reply has a fault."""

    def act(partition, number, arrays):
        arrays, weight = step(partition, number, arrays)
        return fault(arrays, weight) if partition == client else (arrays, weight)

    return act


def test_the_aggregate_is_the_weighted_mean_and_the_next_round_starts_from_it(federation):
    small = federation(clients=3, rounds=2)

    arrays = small.run(step)

    mean_step = (1 * 1 + 2 * 2 + 3 * 3) / 6
    np.testing.assert_allclose(arrays["a"], 2 * mean_step, rtol=1e-6)
    first, second = small.ledger.aggregations
    assert first.digest_out == second.digest_in
    assert second.digest_out == digest_of(arrays)
    assert [reply.weight for reply in first.accepted] == pytest.approx([1 / 6, 2 / 6, 3 / 6])


def test_with_momentum_the_server_moves_as_flowers_fedavgm_does(federation):
    def towards(partition, number, arrays):
        return {name: value + np.float32(number * (partition + 1)) for name, value in arrays.items()}, 1.0

    arrays = federation(clients=2, rounds=3, server_momentum=0.5).run(towards)

    # Updates are 1.5, 3 and 4.5 on average; v = 0.5 v + update.
    np.testing.assert_allclose(arrays["a"], 1.5 + (0.75 + 3) + (0.5 * 3.75 + 4.5), rtol=1e-6)


def test_the_ledger_has_what_the_next_round_starts_from_and_how_the_mean_was_made(federation):
    small = federation(clients=2, rounds=2, server_momentum=0.5)

    arrays = small.run(step)

    first, second = small.ledger.aggregations
    assert (first.digest_out, second.digest_out) == (second.digest_in, digest_of(arrays))
    assert second.deviation == pytest.approx(0, abs=1e-6)
    assert second.outside == 0


@pytest.mark.parametrize(("strategy", "mu"), [("fedprox", 0.25), ("fedavg", 0.0)])
def test_flowers_strategy_sends_mu_to_the_clients(federation, strategy, mu):
    small = federation(strategy=strategy, proximal_mu=0.25)

    small.run(step)

    assert set(small.received_mu) == {mu}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (lambda arrays, weight: (arrays | {"a": arrays["a"] * np.float32(math.nan)}, weight), "6 values .* not finite"),
        (lambda arrays, weight: (arrays | {"b": arrays["b"] + np.float32(math.inf)}, weight), "4 values .* not finite"),
        (lambda arrays, weight: (arrays | {"b": arrays["b"][:1]}, weight), r"is \(1,\) float32, not \(4,\)"),
        (lambda arrays, weight: ({"a": arrays["a"]}, weight), "tensor b is missing"),
        (lambda arrays, weight: (arrays | {"c": arrays["a"]}, weight), "tensor c is unknown"),
        (lambda arrays, weight: (arrays, 0.0), "weight 0.0 is not a positive"),
        (lambda arrays, weight: (arrays, -3.0), "weight -3.0 is not a positive"),
        (lambda arrays, weight: (arrays, math.nan), "weight nan is not a positive"),
    ],
)
def test_a_reply_that_would_spoil_the_average_is_refused_by_name(federation, fault, reason):
    small = federation(clients=3, rounds=1)

    arrays = small.run(faulty(1, fault))

    [aggregation] = small.ledger.aggregations
    [rejected] = aggregation.rejected
    assert rejected.client == "client-1"
    assert re.search(reason, rejected.reason)
    assert [reply.client for reply in aggregation.accepted] == ["client-0", "client-2"]
    np.testing.assert_allclose(arrays["a"], (1 * 1 + 3 * 3) / 4, rtol=1e-6)


def test_a_client_that_raises_is_left_out_with_its_reason(federation):
    def act(partition, number, arrays):
        if partition == 2:
            raise ValueError("the arm is unplugged")
        return step(partition, number, arrays)

    small = federation(clients=3, rounds=1)
    small.run(act)

    [aggregation] = small.ledger.aggregations
    assert [(one.client, one.reason) for one in aggregation.rejected] == [
        ("client-2", "ValueError: the arm is unplugged")
    ]


def test_a_lost_client_is_named_although_the_superlink_answers_in_its_place(federation, monkeypatch):
    real = InlineGrid._call

    def call(grid, message):
        if message.metadata.dst_node_id != 3:
            return real(grid, message)
        message.metadata.__dict__["_message_id"] = "lost"
        reply = Message(Error(code=3, reason="the node is unavailable"), reply_to=message)
        reply.metadata.__dict__["_src_node_id"] = 1  # the SuperLink's
        return reply

    monkeypatch.setattr(InlineGrid, "_call", call)
    small = federation(clients=3, rounds=2)

    small.run(step)

    for aggregation in small.ledger.aggregations:
        assert [reply.client for reply in aggregation.accepted] == ["client-0", "client-2"]
        assert [(one.client, one.reason) for one in aggregation.rejected] == [("client-1", "the node is unavailable")]


def test_a_client_that_lies_about_its_tensors_is_left_out(federation):
    small = federation(clients=2, rounds=1)

    small.run(
        step,
        lie=lambda training: training.model_copy(update={"digest_out": "0" * 32}) if training.partition else training,
    )

    [aggregation] = small.ledger.aggregations
    assert "states digest 00000000" in aggregation.rejected[0].reason


def test_a_client_that_did_not_start_from_what_was_sent_is_left_out(federation):
    small = federation(clients=2, rounds=1)

    small.run(
        step,
        lie=lambda training: training.model_copy(update={"digest_in": "f" * 32}) if training.partition else training,
    )

    [aggregation] = small.ledger.aggregations
    assert aggregation.rejected[0].reason.startswith("it trained from ffffffff")


def test_a_round_without_a_valid_reply_is_a_failed_round(federation):
    small = federation(clients=2, rounds=3)

    def act(partition, number, arrays):
        arrays, weight = step(partition, number, arrays)
        return arrays, weight if number == 1 else -1.0

    with pytest.raises(RoundFailedError, match=r"round 2 has no valid reply \(client-0: weight -1.0"):
        small.run(act)

    first, second = small.ledger.aggregations
    assert first.digest_out is not None
    assert second.digest_out is None
    assert second.update_norm is None
    assert second.missing["digest_out"] == "no valid reply"


RULES = ("trimmed-mean", "median", "krum", "multi-krum")


def along(partition, number, arrays):
    """Move every number by about 1, in a direction that the clients share."""
    noise = np.random.default_rng((partition, number))
    moved = {name: value + 1 + 0.05 * noise.normal(size=value.shape) for name, value in arrays.items()}
    return {name: value.astype(np.float32) for name, value in moved.items()}, 1.0


def spoilt(factor):
    """Return a client action in which client 1 scales its update, and claims a million times the examples."""

    def act(partition, number, arrays):
        moved, weight = along(partition, number, arrays)
        if partition != 1:
            return moved, weight
        return {name: arrays[name] + np.float32(factor) * (moved[name] - arrays[name]) for name in arrays}, 1e6

    return act


@pytest.mark.parametrize("factor", [1000, -1])
@pytest.mark.parametrize("rule", RULES)
def test_a_robust_rule_survives_a_scaled_and_a_flipped_update_and_the_ledger_says_how(federation, rule, factor):
    small = federation(clients=5, rounds=3, aggregation=rule)

    arrays = small.run(spoilt(factor))

    np.testing.assert_allclose(arrays["a"], 3, atol=0.2)
    for aggregation in small.ledger.aggregations:
        assert (aggregation.rule, aggregation.rejected) == (rule, [])
        assert sum(reply.weight for reply in aggregation.accepted) == pytest.approx(1)
        assert aggregation.deviation < 1e-6
    shares = {reply.client: reply.weight for reply in small.ledger.aggregations[0].accepted}
    assert (shares["client-1"] == 0) is ("krum" in rule)
    found = diagnose(small.ledger)
    about = [one for one in found.findings if one.check.startswith(("aggregation.", "rounds.", "clients.part"))]
    assert [one.message for one in about if one.verdict.stops or one.verdict is Verdict.warned] == []
    assert not any(fault.startswith("aggregate") for fault in found.faults)


@pytest.mark.parametrize("factor", [1000, -1])
def test_the_mean_follows_the_spoilt_update(federation, factor):
    small = federation(clients=5, rounds=1)

    arrays = small.run(spoilt(factor))

    assert abs(arrays["a"] - 1).max() > 1


@pytest.mark.parametrize("bound", [{"update_norm_factor": 10}, {"update_norm_bound": 30}])
@pytest.mark.parametrize("rule", ["mean", "trimmed-mean"])
def test_a_scaled_update_is_refused_by_name_with_its_norm(federation, rule, bound):
    small = federation(clients=3, rounds=2, aggregation=rule, **bound)

    arrays = small.run(spoilt(1000))

    np.testing.assert_allclose(arrays["a"], 2, atol=0.2)
    for aggregation in small.ledger.aggregations:
        [rejected] = aggregation.rejected
        assert rejected.client == "client-1"
        assert re.match(r"its update's norm \d{4} is above 3", rejected.reason)
        assert [reply.client for reply in aggregation.accepted] == ["client-0", "client-2"]


def test_a_rule_that_lost_too_many_replies_stops_the_run_and_says_why(federation):
    small = federation(clients=3, rounds=2, aggregation="median")

    def act(partition, number, arrays):
        if number == 2 and partition == 2:
            raise ValueError("the arm is unplugged")
        return along(partition, number, arrays)

    with pytest.raises(
        RoundFailedError, match=r"round 2 has 2 valid replies, and median needs 3 \(client-2: "
    ) as caught:
        small.run(act)

    assert "resume=true" in caught.value.remedy
    failed = small.ledger.aggregations[1]
    assert (failed.digest_out, failed.missing["digest_out"]) == (None, "2 valid replies, and median needs 3")


def test_a_reply_that_is_not_finite_is_the_faulty_one_and_the_round_goes_on(federation):
    small = federation(clients=3, rounds=1, aggregation="median")

    arrays = small.run(faulty(1, lambda arrays, weight: (arrays | {"a": arrays["a"] * np.float32(math.nan)}, weight)))

    np.testing.assert_allclose(arrays["a"], (1 + 3) / 2)


def test_fedprox_sends_its_mu_with_every_rule(federation):
    small = federation(clients=5, rounds=1, aggregation="krum", strategy="fedprox", proximal_mu=0.25)

    small.run(along)

    assert set(small.received_mu) == {0.25}


def test_sampling_follows_the_seed_and_changes_from_round_to_round(federation):
    def asked(seed):
        small = federation(clients=6, rounds=8, fraction_train=0.5, seed=seed)
        (small.directory / "ledger.jsonl").unlink(missing_ok=True)
        small.run(step)
        return [one.sampled for one in small.ledger.aggregations]

    first = asked(1)

    assert first == asked(1)
    assert first != asked(2)
    assert all(len(sampled) == 3 for sampled in first)
    assert len({tuple(sampled) for sampled in first}) > 1


def test_clients_are_asked_in_the_order_of_their_names(federation):
    small = federation(clients=4, rounds=1)

    small.run(step)

    assert [partition for _, partition in small.asked] == [0, 1, 2, 3]


def test_the_ledger_tells_what_the_aggregate_is_made_of(federation):
    small = federation(clients=2)

    small.run(
        lambda partition, number, arrays: ({name: value + partition + number for name, value in arrays.items()}, 1.0)
    )

    first = small.ledger.aggregations[0]
    assert (first.tensors, first.dtypes, first.not_finite, first.outside) == (2, ["float32"], 0, 0.0)
    assert first.deviation < 1e-6
    assert [reply.cosine for reply in first.accepted] == [pytest.approx(1), pytest.approx(1)]
    assert first.accepted[1].update_norm > first.update_norm > first.accepted[0].update_norm
