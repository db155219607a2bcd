"""Statistics by rank: Kendall's tau, Theil-Sen's slope, and the binomial distribution.

Only the standard library, so that a log is diagnosed where no SciPy is installed. Sources: Kendall, Rank Correlation
Methods (1970), tau-b with the normal approximation and its correction for ties; Sen, Estimates of the regression
coefficient based on Kendall's tau (JASA 1968), for the interval of the slope. The tests compare with SciPy.
"""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from math import comb, erfc, exp, lgamma, log, log1p, nan, sqrt
from statistics import NormalDist


def kendall_trend(values: Sequence[float]) -> tuple[float, float]:
    """Return Kendall's tau-b of a series over its order, -1 to 1, and the two-sided p-value of no trend.

    Both are NaN where all values are equal or there are fewer than two. The normal approximation needs 10 values.
    """
    count = len(values)
    tied = _tied(values)
    pairs, tied_pairs = count * (count - 1) // 2, sum(comb(size, 2) for size in tied)
    if pairs == tied_pairs:
        return nan, nan
    balance = pairs - tied_pairs - 2 * _inversions(values)
    return balance / sqrt(pairs * (pairs - tied_pairs)), erfc(abs(balance) / sqrt(2 * _variance(count, tied)))


def lowest_slope(values: Sequence[float], confidence: float = 0.95) -> float:
    """Return the lower end of the interval of Theil-Sen's slope, in units of the series per step.

    All pairs are looked at: thin a long series first.
    """
    count = len(values)
    slopes = sorted((later - earlier) / (j - i) for (i, earlier), (j, later) in combinations(enumerate(values), 2))
    quantile = NormalDist().inv_cdf((1 - confidence) / 2)
    rank = round((len(slopes) + quantile * sqrt(_variance(count, _tied(values)))) / 2) - 1
    return slopes[max(rank, 0)]


def binomial_cdf(successes: int, trials: int, chance: float) -> float:
    """Return the chance of at most so many successes."""
    if not 0 < chance < 1:
        return float(chance <= 0 or successes >= trials)
    # By logarithms: the coefficients of a thousand trials are beyond the largest float.
    logarithms = (
        lgamma(trials + 1) - lgamma(k + 1) - lgamma(trials - k + 1) + k * log(chance) + (trials - k) * log1p(-chance)
        for k in range(successes + 1)
    )
    return min(sum(map(exp, logarithms)), 1.0)


def _tied(values: Sequence[float]) -> list[int]:
    return [size for size in Counter(values).values() if size > 1]


def _variance(count: int, tied: Sequence[int]) -> float:
    """Return the variance of concordant minus discordant pairs where there is no trend."""
    return (count * (count - 1) * (2 * count + 5) - sum(size * (size - 1) * (2 * size + 5) for size in tied)) / 18


def _inversions(values: Sequence[float]) -> int:
    """Return the number of pairs whose later value is smaller."""
    seen: list[float] = []
    found = 0
    for value in reversed(values):
        found += bisect_left(seen, value)
        insort(seen, value)
    return found
