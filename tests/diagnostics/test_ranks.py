"""Statistics by rank, beside SciPy's."""

import math
import random

import pytest
from scipy.stats import binom, kendalltau, theilslopes

from zk0.diagnostics.ranks import binomial_cdf, kendall_trend, lowest_slope


def series(seed, count, drift, digits=12):
    noise = random.Random(seed)
    return [round(drift * step + noise.gauss(0, 1), digits) for step in range(count)]


@pytest.mark.parametrize("digits", [12, 0])  # none is tied, many are
@pytest.mark.parametrize("drift", [0.0, -0.01, 0.05])
@pytest.mark.parametrize("count", [10, 25, 300])
def test_tau_and_its_p_value_are_scipys(count, drift, digits):
    values = series(count, count, drift, digits)

    tau, chance = kendall_trend(values)

    expected = kendalltau(range(count), values, method="asymptotic")
    assert tau == pytest.approx(expected.statistic, abs=1e-12)
    assert chance == pytest.approx(expected.pvalue, rel=1e-9)


def test_the_normal_approximation_decides_as_the_exact_distribution_does():
    """At 20 values, the fewest that a trend is judged by, both call the same series a trend at 0.01."""
    several = [series(seed, 20, drift) for drift in (0.0, 0.05, 0.1) for seed in range(100)]

    differing = sum(
        (kendall_trend(values)[1] < 0.01) != (kendalltau(range(20), values, method="exact").pvalue < 0.01)
        for values in several
    )

    assert differing <= 3  # 1 %: values of p beside the limit


def test_equal_values_have_no_tau():
    assert all(map(math.isnan, kendall_trend([1.0, 1.0, 1.0])))
    assert all(map(math.isnan, kendall_trend([1.0])))


@pytest.mark.parametrize("digits", [12, 0])
@pytest.mark.parametrize("count", [10, 60, 300])
def test_the_slopes_lower_end_is_scipys(count, digits):
    values = series(count, count, -0.02, digits)

    assert lowest_slope(values) == pytest.approx(float(theilslopes(values).low_slope), abs=1e-12)


@pytest.mark.parametrize(
    ("successes", "trials", "chance"), [(0, 10, 0.5), (3, 40, 0.2), (200, 500, 0.5), (950, 2000, 0.5), (5, 5, 1.0)]
)
def test_the_binomial_distribution_is_scipys(successes, trials, chance):
    assert binomial_cdf(successes, trials, chance) == pytest.approx(float(binom.cdf(successes, trials, chance)))
