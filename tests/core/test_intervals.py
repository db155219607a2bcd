"""Intervals and p-values, against published numbers and against what they promise."""

import numpy as np
import pytest
from scipy.stats import bootstrap

from zk0.core.intervals import bootstrap_difference, holm, mcnemar, wilson


def test_the_interval_of_a_rate_is_wilsons():
    assert wilson(0, 10) == pytest.approx((0, 0.2775), abs=1e-4)  # Brown, Cai and DasGupta 2001, equation 4
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)


def test_only_episodes_that_one_policy_alone_solves_count():
    first = [True] * 8 + [False] * 2 + [True] * 30
    second = [False] * 8 + [True] * 2 + [True] * 30

    assert mcnemar(first, second) == pytest.approx(2 * sum([1, 10, 45]) / 2**10)  # binomial, 8 of 10
    assert mcnemar(first, second) == mcnemar(second, first)
    assert mcnemar(first, first) == 1.0


def test_outcomes_of_other_numbers_of_episodes_are_refused():
    with pytest.raises(ValueError, match="zip"):
        mcnemar([True], [True, False])


def test_with_one_training_seed_the_bootstrap_is_scipys_over_episodes():
    generator = np.random.default_rng(3)
    first, second = generator.random(60) < 0.7, generator.random(60) < 0.5
    differences = np.append(first.astype(float) - second, [1, -1])

    expected = bootstrap((differences,), np.mean, method="percentile", rng=np.random.default_rng(0)).confidence_interval

    assert bootstrap_difference([first], [second]) == pytest.approx((expected.low, expected.high), abs=0.02)


def test_training_seeds_that_disagree_widen_the_interval():
    """The same mean difference, once the same in every seed and once in one of three alone."""
    nothing = np.zeros((3, 100), dtype=bool)
    even, uneven = nothing.copy(), nothing.copy()
    even[:, :20], uneven[0, :60] = True, True

    narrow, wide = bootstrap_difference(even, nothing), bootstrap_difference(uneven, nothing)

    assert narrow[0] > 0.1
    assert wide[0] <= 0.0
    assert wide[1] > narrow[1]


@pytest.mark.parametrize(("episodes", "width"), [(4, 0.6), (100, 0.06), (1000, 0.006)])
def test_equal_outcomes_prove_the_less_the_fewer_they_are(episodes, width):
    outcomes = [[True] * episodes] * 2

    low, high = bootstrap_difference(outcomes, outcomes)

    assert low == pytest.approx(-high, abs=0.2 * width)
    assert width / 2 < high - low <= 2 * width


def test_p_values_are_adjusted_for_their_number():
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
