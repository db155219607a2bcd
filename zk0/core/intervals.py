"""Success rates and their differences, with intervals and p-values: pure functions of outcomes.

| question | answer | source |
|---|---|---|
| how good is one policy? | `wilson`: interval of a rate, within 0 and 1 also for few episodes | Wilson 1927 |
| do two policies differ, on the same episodes? | `mcnemar`: exact, from episodes that only one solves | McNemar 1947 |
| do two ways to train differ? | `bootstrap_difference`: over training seeds and episodes at once | Owen 2007 |
| several differences at once | `holm`: p-values that may all be compared with one level | Holm 1979 |

McNemar's test is about the policies that were trained. Another training seed gives another policy, and often a larger
change than another episode: a claim about a way to train needs the interval of the bootstrap too.
"""

from collections.abc import Sequence

CONFIDENCE = 0.95
RESAMPLES = 10_000


def wilson(successes: int, episodes: int) -> tuple[float, float]:
    """Return the 95 % interval of a success rate, as fractions; `episodes` is at least 1."""
    from scipy.stats import binomtest

    bounds = binomtest(successes, episodes).proportion_ci(CONFIDENCE, method="wilson")
    return float(bounds.low), float(bounds.high)


def mcnemar(first: Sequence[bool], second: Sequence[bool]) -> float:
    """Return the two-sided p-value of two policies being equally good; outcome i of both is of the same episode."""
    from scipy.stats import binomtest

    pairs = list(zip(first, second, strict=True))
    won, lost = sum(one and not other for one, other in pairs), sum(other and not one for one, other in pairs)
    return float(binomtest(won, won + lost).pvalue) if won + lost else 1.0


def bootstrap_difference(first: Sequence[Sequence[bool]], second: Sequence[Sequence[bool]]) -> tuple[float, float]:
    """Return the 95 % interval of the difference of two success rates, first - second.

    Rows are training seeds and columns episodes, both the same in the two. Rows and columns are drawn with replacement,
    independently (Owen's pigeonhole bootstrap), since all policies run the same episodes. With one row only episodes
    vary, and with three or fewer the interval is still rather too short. Two episodes are added, one that each side
    alone solves (Agresti and Min 2005): else outcomes that never differ would prove that none ever will.
    """
    import numpy as np

    observed = np.asarray(first, dtype=float) - np.asarray(second, dtype=float)
    differences = np.concatenate([observed, np.tile([1.0, -1.0], (len(observed), 1))], axis=1)
    seeds, episodes = differences.shape
    generator = np.random.default_rng(0)
    rows = generator.multinomial(seeds, np.full(seeds, 1 / seeds), RESAMPLES) / seeds
    columns = generator.multinomial(episodes, np.full(episodes, 1 / episodes), RESAMPLES) / episodes
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(((rows @ differences) * columns).sum(axis=1), (tail, 1 - tail))
    return float(low), float(high)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values adjusted for their number, in the same order: each may be compared with the level."""
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted
