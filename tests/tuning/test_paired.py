import math

import pytest

from zk0.tuning.paired import compare, difference


def test_six_pairs_of_one_sign_are_significant_and_five_are_not():
    assert compare([-1.0, -2, -3, -4, -5, -6]).p == pytest.approx(0.03125)
    assert compare([-1.0, -2, -3, -4, -5]).p == pytest.approx(0.0625)


def test_the_interval_of_eight_pairs_is_that_of_the_textbook():
    # Hollander and Wolfe: for n = 8 and 96.1 %, the fourth smallest and the fourth largest Walsh average.
    found = compare([1.0, 2, 3, 4, 5, 6, 7, 8])

    assert (found.low, found.high) == (2.0, 7.0)
    assert found.median == 4.5


def test_equal_arms_differ_by_nothing():
    found = compare([0.0] * 6)

    assert (found.median, found.low, found.high, found.p) == (0, 0, 0, 1)
    assert not found.is_lower(0.05)
    assert found.is_within(0.0)


def test_ties_are_exact():
    assert compare([-1.0] * 6).p == pytest.approx(0.03125)


def test_an_arm_that_diverged_on_some_seeds_loses():
    found = compare([-math.inf, -math.inf, -1, -2, -3, -1])

    assert found.is_lower(0.05)
    assert not found.is_within(1e9)


def test_arms_that_diverged_on_different_seeds_say_nothing():
    found = compare([math.inf, -math.inf, -1, -2, -3, -4])

    assert math.isnan(found.median)
    assert not found.is_lower(0.05)


def test_two_runs_that_both_diverged_are_equal():
    assert difference(math.inf, math.inf) == 0
    assert difference(1.0, math.inf) == -math.inf


def test_no_pair_is_refused():
    with pytest.raises(ValueError, match="no pair"):
        compare([])
