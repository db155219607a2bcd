"""Series as statistics wants them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zk0.diagnostics.series import by_client, ends, growth_exponent, joined, line, measured, thinned

numbers = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50)


def test_what_was_not_measured_keeps_its_step_free():
    assert measured([0.5, None, 0.25]) == [(0, 0.5), (2, 0.25)]


def test_a_client_s_rounds_come_in_order_and_are_joined_without_gaps(events):
    second, first = events.training(round=2, policy_loss=[0.3, None]), events.training(round=1, policy_loss=[0.5, 0.4])

    [(client, rounds)] = by_client([second, first])

    assert (client, joined(rounds, lambda one: one.policy_loss)) == ("left", [0.5, 0.4, 0.3])


def test_the_ends_are_medians_of_a_tenth():
    assert ends([9.0, 1.0, 1.0, *[5.0] * 24, 2.0, 2.0, 9.0]) == (1.0, 2.0)


@given(numbers, st.integers(1, 60))
def test_a_thinned_series_is_short_and_lies_between_the_extremes(values, most):
    found = thinned(values, most)

    assert len(found) <= most
    assert min(values) <= min(found)
    assert max(found) <= max(values)


def test_a_line_is_found_with_its_fit():
    slope, fit = line([0, 1, 2, 3], [1, 3, 5, 7])

    assert (slope, fit) == (pytest.approx(2), pytest.approx(1))
    assert line([0, 1], [4, 4]) == (0.0, 0.0)


def test_growth_with_the_square_has_exponent_2():
    assert growth_exponent([1, 2, 4, 8], [3, 12, 48, 192]) == pytest.approx(2)
