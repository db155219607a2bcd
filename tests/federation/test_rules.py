"""The robust rules: equal to Flower's own where those are exact, and right where they are not."""

from dataclasses import replace

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, RecordDict
from flwr.serverapp.strategy.fedtrimmedavg import trim_mean
from flwr.serverapp.strategy.multikrum import select_multikrum
from hypothesis import given, settings
from hypothesis import strategies as st

from zk0.federation.aggregation import ClientUpdate, weighted_mean
from zk0.federation.configuration import resolve
from zk0.federation.geometry import measure
from zk0.federation.rules import combine, select
from zk0.ledger import RejectedReply

SENT = {"a": np.full((2, 3), 5.0, dtype=np.float32), "b": np.ones(4, dtype=np.float32)}

rounds = st.tuples(st.integers(5, 9), st.integers(0, 2**32 - 1))


def updates_of(count, seed, scale=1.0):
    generator = np.random.default_rng(seed)
    return [
        ClientUpdate(
            client=f"c{number}",
            arrays={
                name: (array + scale * generator.normal(size=array.shape)).astype(np.float32)
                for name, array in SENT.items()
            },
            weight=float(generator.integers(1, 1000)),
            digest_in="",
            digest_out="",
        )
        for number in range(count)
    ]


def stacked(updates, name):
    return np.stack([update.arrays[name] for update in updates]).astype(np.float64)


def flower_krum(updates, faulty, count):
    """Return the names of the clients that Flower's MultiKrum selects."""
    contents = [
        RecordDict(
            {
                "arrays": ArrayRecord({name: Array(array) for name, array in update.arrays.items()}),
                "who": ConfigRecord({"client": update.client}),
            }
        )
        for update in updates
    ]
    return {str(one.config_records["who"]["client"]) for one in select_multikrum(contents, faulty, count)}


def test_the_mean_is_the_weighted_mean_to_the_last_bit():
    updates = updates_of(4, 1)

    made = combine("mean", updates, SENT, faulty=1)

    for name, array in weighted_mean(updates).items():
        np.testing.assert_array_equal(made.arrays[name], array)
    assert made.shares == [update.weight / sum(one.weight for one in updates) for update in updates]


@given(rounds)
@settings(deadline=None)
def test_trimmed_mean_and_median_are_flower_s(drawn):
    updates = updates_of(*drawn)
    count = len(updates)

    trimmed, middle = (combine(rule, updates, SENT, faulty=2) for rule in ("trimmed-mean", "median"))

    for name in SENT:
        expected = trim_mean(stacked(updates, name), np.nextafter(2 / count, 1))
        np.testing.assert_allclose(trimmed.arrays[name], expected, rtol=1e-6)
        np.testing.assert_allclose(middle.arrays[name], np.median(stacked(updates, name), axis=0), rtol=1e-6)
    assert (trimmed.trimmed, middle.trimmed) == (2, (count - 1) // 2)


@given(rounds)
@settings(deadline=None)
def test_krum_and_multi_krum_choose_whom_flower_s_choose(drawn):
    updates = updates_of(*drawn)
    chosen = {
        rule: {one.client for one, share in zip(updates, combine(rule, updates, SENT, 1).shares, strict=True) if share}
        for rule in ("krum", "multi-krum")
    }

    assert chosen == {
        "krum": flower_krum(updates, 1, 1),
        "multi-krum": flower_krum(updates, 1, len(updates) - 1),
    }


def test_krum_tells_updates_apart_that_drown_in_the_rounding_of_the_weights():
    generator = np.random.default_rng(0)
    sent = {"a": generator.normal(size=50_000).astype(np.float32)}  # norm 224
    way = generator.normal(size=50_000)
    updates = [
        ClientUpdate(
            f"c{number}",
            {"a": (sent["a"] + 2e-4 * sign * (way + 0.3 * generator.normal(size=50_000))).astype(np.float32)},
            1.0,
            "",
            "",
        )
        for number, sign in enumerate([-1, 1, 1, 1, 1])  # the first is flipped; norms 0.05
    ]

    shares = combine("multi-krum", updates, sent, faulty=1).shares

    assert shares == [0.0, 0.25, 0.25, 0.25, 0.25]


def spoilt(kind):
    """Return five updates that agree but for noise, the last of which is spoilt."""
    wanted = {name: array + np.float32(1) for name, array in SENT.items()}
    honest = [replace(one, arrays={n: wanted[n] + 0.01 * (one.arrays[n] - SENT[n]) for n in SENT}, weight=1.0)
              for one in updates_of(5, 3)]  # fmt: skip
    factor = {"scaled": 1000, "flipped": -1, "huge": 1e30}[kind]
    bad = {name: SENT[name] + np.float32(factor) * (honest[4].arrays[name] - SENT[name]) for name in SENT}
    return [*honest[:4], replace(honest[4], arrays=bad, weight=1e9)], wanted


@pytest.mark.parametrize("rule", ["trimmed-mean", "median", "krum", "multi-krum"])
@pytest.mark.parametrize("kind", ["scaled", "flipped", "huge"])
def test_one_spoilt_update_of_any_claimed_weight_is_survived(rule, kind):
    updates, wanted = spoilt(kind)

    made = combine(rule, updates, SENT, faulty=1)

    for name, array in wanted.items():
        np.testing.assert_allclose(made.arrays[name], array, atol=0.05)


@pytest.mark.parametrize("kind", ["scaled", "flipped"])
def test_the_mean_does_not_survive_it(kind):
    updates, wanted = spoilt(kind)

    made = combine("mean", updates, SENT, faulty=1)

    assert np.abs(made.arrays["a"] - wanted["a"]).max() > 1


@pytest.mark.parametrize("rule", ["mean", "trimmed-mean", "median", "krum", "multi-krum"])
@pytest.mark.parametrize("count", [5, 6])
def test_what_is_measured_beside_says_that_the_rule_was_kept_and_that_another_was_not(rule, count):
    updates = updates_of(count, 7)
    made = combine(rule, updates, SENT, faulty=1)

    found = measure(made.arrays, updates, SENT, shares=made.shares, trimmed=made.trimmed)
    other = combine("mean" if rule != "mean" else "median", updates, SENT, faulty=1)
    wrong = measure(other.arrays, updates, SENT, shares=made.shares, trimmed=made.trimmed)

    assert found.deviation < 1e-6
    assert found.outside == 0
    assert sum(made.shares) == pytest.approx(1)
    assert wrong.deviation > 0.1


def within(updates, wrong=0, **values):
    data = ";".join(f"c{number}=/data/{number}" for number in range(9))
    config = resolve({"data": data, "unseen": ""} | {key.replace("_", "-"): value for key, value in values.items()})
    refused = [RejectedReply(client=f"w{number}", reason="not finite") for number in range(wrong)]
    return select(updates, refused, SENT, config)


def test_an_update_above_a_bound_is_refused_with_its_norm():
    updates, _ = spoilt("scaled")

    absolute, relative = within(updates, update_norm_bound=10), within(updates, update_norm_factor=5)

    assert [one.client for one in absolute.accepted] == ["c0", "c1", "c2", "c3"]
    assert [one.client for one in relative.accepted] == ["c0", "c1", "c2", "c3"]
    [refused] = absolute.refused
    norm = np.sqrt(sum(np.square(updates[4].arrays[name].astype(float) - SENT[name]).sum() for name in SENT))
    assert (refused.client, refused.reason) == (
        "c4",
        f"its update's norm {norm:.4g} is above 10 (update-norm-bound)",
    )
    assert "(5 x the round's median)" in relative.refused[0].reason
    assert (absolute.too_few, relative.too_few) == ("", "")


def test_the_smaller_of_two_bounds_counts():
    updates, _ = spoilt("scaled")

    assert "10" in within(updates, update_norm_bound=10, update_norm_factor=9).refused[0].reason
    assert "1.5 x" in within(updates, update_norm_bound=10, update_norm_factor=1.5).refused[0].reason


def test_without_a_bound_nothing_is_measured_or_refused():
    updates, _ = spoilt("scaled")

    assert within(updates).accepted == updates


@pytest.mark.parametrize(
    ("count", "wrong", "values", "too_few"),
    [
        (0, 0, {}, "no valid reply"),
        (1, 0, {}, ""),
        (2, 0, {"aggregation": "median"}, "2 valid replies, and median needs 3"),
        (2, 1, {"aggregation": "median"}, ""),  # the faulty one was refused for what is in it
        (1, 2, {"aggregation": "trimmed-mean"}, ""),
        (4, 0, {"aggregation": "krum"}, "4 valid replies, and krum needs 5"),
        (4, 1, {"aggregation": "multi-krum"}, ""),
        (2, 1, {"aggregation": "krum"}, "2 valid replies, and krum needs 3"),
        (6, 1, {"aggregation": "krum", "faulty_clients": 3}, "6 valid replies, and krum needs 7"),
        (2, 0, {"update_norm_factor": 5}, "2 valid replies, and update-norm-factor needs 3"),
        (2, 1, {"update_norm_factor": 5}, ""),
        (5, 0, {"update_norm_bound": 1e-6}, "no valid reply"),
    ],
)
def test_a_rule_that_has_too_few_replies_says_so(count, wrong, values, too_few):
    assert within(updates_of(count, 1), wrong, **values).too_few == too_few


def test_who_is_refused_for_the_norm_is_one_fault_less_to_survive():
    updates, _ = spoilt("scaled")

    found = within(updates[2:], aggregation="trimmed-mean", update_norm_factor=5)

    assert (len(found.accepted), found.faulty, found.too_few) == (2, 0, "")
