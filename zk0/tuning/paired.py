"""Compare two arms on the same seeds: Wilcoxon's signed-rank test with its interval.

Wilcoxon, "Individual Comparisons by Ranking Methods" (1945); the interval inverts the test over the Walsh averages
(Hollander, Wolfe and Chicken, "Nonparametric Statistical Methods", section 3.3). Both are exact, also with ties and
with infinite differences, which a run that diverged has.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import PermutationMethod, wilcoxon

from zk0.core.intervals import CONFIDENCE

LEAST_PAIRS = 6  # with 5, the smallest two-sided p is 0.0625
EXACT = 2**16  # assignments of signs that are enumerated; more pairs than 16 are sampled


@dataclass(frozen=True)
class PairedComparison:
    """Differences between two arms, one a pair; negative where the first is lower.

    `median` is the Hodges-Lehmann estimate, `low` and `high` its interval of at least 95 %, `p` two-sided.
    """

    pairs: int
    median: float
    low: float
    high: float
    p: float

    def is_lower(self, level: float) -> bool:
        """Return whether the first arm is lower at a level of significance."""
        return self.median < 0 and self.p <= level

    def is_within(self, floor: float) -> bool:
        """Return whether the whole interval lies within plus and minus a floor."""
        return -floor <= self.low and self.high <= floor


def compare(differences: Sequence[float]) -> PairedComparison:
    """Compare two arms by their differences.

    Raises:
        ValueError: there are none.
    """
    values = np.asarray(differences, dtype=float)
    if not values.size:
        raise ValueError("no pair to compare")
    rows, columns = np.triu_indices(values.size)
    with np.errstate(invalid="ignore"):
        walsh = (values[rows] + values[columns]) / 2
    if np.isnan(walsh).any():  # one arm diverged on one seed and the other on another: nothing is known
        return PairedComparison(values.size, math.nan, -math.inf, math.inf, _p_value(values))
    walsh.sort()
    cut = _critical(values.size)
    median = float(np.median(walsh)) if np.isfinite(walsh).all() else float(walsh[walsh.size // 2])
    return PairedComparison(
        values.size, median, float(walsh[cut]), float(walsh[walsh.size - 1 - cut]), _p_value(values)
    )


def difference(first: float, second: float) -> float:
    """Return first - second; 0 where both diverged."""
    return 0.0 if first == second else first - second


def _p_value(values: NDArray[np.float64]) -> float:
    if values.size == 1 or not values.any():
        return 1.0
    method = PermutationMethod(n_resamples=EXACT, rng=np.random.default_rng(0))
    return float(wilcoxon(values, method=method).pvalue)


def _critical(pairs: int) -> int:
    """Return how many Walsh averages at either end are outside of the interval; 0 where all are needed."""
    counts: NDArray[np.float64] = np.ones(1)  # of the assignments of signs by their sum of positive ranks
    for rank in range(1, pairs + 1):
        shifted = np.concatenate([np.zeros(rank), counts])
        counts = shifted + np.pad(counts, (0, rank))
    tail = np.cumsum(counts) / 2.0**pairs
    return max(0, int(np.searchsorted(tail, (1 - CONFIDENCE) / 2, side="right")) - 1)
