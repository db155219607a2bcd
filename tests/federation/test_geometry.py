"""What an aggregate is made of, measured beside the code that averages."""

import numpy as np
import pytest

from zk0.federation.aggregation import ClientUpdate, weighted_mean
from zk0.federation.geometry import measure

SENT = {"a": np.zeros((2, 3), dtype=np.float32), "b": np.ones(4, dtype=np.float32)}


def update(client, step, weight=1.0):
    generator = np.random.default_rng(step)
    arrays = {name: array + generator.normal(size=array.shape).astype(np.float32) for name, array in SENT.items()}
    return ClientUpdate(client, arrays, weight, "in", "out")


@pytest.fixture
def updates():
    return [update("left", 1, 3.0), update("right", 2), update("far", 3)]


def test_a_weighted_mean_is_where_it_should_be(updates):
    found = measure(weighted_mean(updates), updates, SENT)

    assert found.deviation < 1e-6
    assert (found.outside, found.not_finite, found.bits) == (0.0, 0, 23)
    assert all(0 < cosine < 1 for cosine in found.cosines)


def test_norms_and_cosines_are_those_of_the_updates(updates):
    found = measure(updates[0].arrays, updates, SENT)

    expected = np.sqrt(sum(np.square(updates[0].arrays[name] - SENT[name]).sum() for name in SENT))
    assert found.update_norms[0] == pytest.approx(expected)
    assert found.update_norm == pytest.approx(expected)
    assert found.cosines[0] == pytest.approx(1)


def test_a_sum_lies_outside_and_off_the_mean(updates):
    summed = {name: sum(one.arrays[name] for one in updates) for name in SENT}

    found = measure(summed, updates, SENT)

    assert found.outside > 0.3
    assert found.deviation > 0.5


def test_a_mean_of_equal_replies_is_not_outside_by_rounding():
    twins = [update(name, 5, weight) for name, weight in (("left", 3.0), ("right", 7.0), ("far", 0.1))]

    assert measure(weighted_mean(twins), twins, SENT).outside == 0


def test_bits_that_went_lost_are_counted(updates):
    rounded = {
        name: (array.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
        for name, array in weighted_mean(updates).items()
    }

    assert measure(rounded, updates, SENT).bits <= 7


def test_values_that_are_not_finite_are_counted(updates):
    spoilt = weighted_mean(updates)
    spoilt["a"][0, 0] = np.nan

    found = measure(spoilt, updates, SENT)

    assert found.not_finite == 1
    assert found.cosines == [None, None, None]


def test_a_lost_tensor_is_left_out_of_the_measuring(updates):
    assert measure({"a": weighted_mean(updates)["a"]}, updates, SENT).outside == 0


def test_parameters_that_stay_have_no_direction(updates):
    found = measure(SENT, updates, SENT)

    assert (found.update_norm, found.deviation, found.cosines) == (0.0, None, [None, None, None])
