"""The weighted mean as mathematics, and which replies are left out of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as array_strategy

from zk0.core.errors import RoundFailedError
from zk0.federation.aggregation import PART, ClientUpdate, aggregate, weighted_mean

SENT = {"a": np.zeros(2, dtype=np.float32)}

values = st.floats(-1e3, 1e3, width=32)
tensors = array_strategy(np.float32, (3, 2), elements=values)
updates = st.lists(st.tuples(tensors, st.floats(0.1, 1e4)), min_size=1, max_size=5)


def made(parts):
    return [
        ClientUpdate(client=f"c{number}", arrays={"w": array}, weight=weight, digest_in="", digest_out="")
        for number, (array, weight) in enumerate(parts)
    ]


@given(updates)
def test_the_mean_is_that_of_float64_rounded_once(parts):
    total = sum(weight for _, weight in parts)
    wanted = sum(array.astype(np.float64) * weight for array, weight in parts) / total

    found = weighted_mean(made(parts))["w"]

    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-4)


@given(updates)
def test_every_value_lies_between_those_of_the_clients(parts):
    stacked = np.stack([array for array, _ in parts])

    found = weighted_mean(made(parts))["w"]

    assert (found >= np.nextafter(stacked.min(0), np.float32(-np.inf))).all()
    assert (found <= np.nextafter(stacked.max(0), np.float32(np.inf))).all()


@given(tensors, st.floats(0.1, 1e4))
def test_one_client_alone_is_the_mean_to_the_last_bit(array, weight):
    np.testing.assert_array_equal(weighted_mean(made([(array, weight)]))["w"], array)


def update(*values):
    return {"a": np.array(values, dtype=np.float32)}


def test_valid_updates_are_averaged_and_the_others_left_out():
    mean = aggregate([update(1, 2), update(4, 5), update(np.nan, 0), update(9, 9, 9)], [1, 2, 3, 4], SENT)

    np.testing.assert_array_equal(mean["a"], np.array([3, 4], dtype=np.float32))


def test_a_round_without_a_valid_update_is_no_aggregate():
    with pytest.raises(RoundFailedError, match=r"client-0: weight -1\.0 is not a positive number"):
        aggregate([update(1, 2)], [-1], SENT)
    with pytest.raises(RoundFailedError, match="nobody answered"):
        aggregate([], [], SENT)


def test_a_large_tensor_is_checked_and_averaged_to_the_end():
    sent = {"w": np.zeros((3, PART), dtype=np.float32)}
    states = [{"w": np.random.default_rng(seed).standard_normal((3, PART), dtype=np.float32)} for seed in range(3)]
    states[2]["w"][-1, -1] = np.nan

    found = aggregate(states, [1, 3, 5], sent)["w"]

    exact = states[0]["w"].astype(np.float64) / 4 + states[1]["w"].astype(np.float64) * 0.75
    np.testing.assert_array_max_ulp(found, exact.astype(np.float32), maxulp=1)
