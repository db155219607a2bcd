"""Where a noisy series goes: down, up, nowhere, or nobody can tell.

A training loss is noisy from batch to batch, so two single values say nothing. The trend is judged by rank (Kendall's
tau), its size by the medians of the first and last tenth: both resist a spike, and both have to say the same. The
noise is assumed to be independent from step to step, as that of shuffled batches is. A loss that wanders, because the
weights do, is judged by where it went: of random walks without drift, 3 to 5 in 10 have "fallen". Where there is no
trend, the Theil-Sen slope's interval separates a loss that stagnates from one whose noise would hide a fall.
"""

from itertools import pairwise
from math import isnan
from statistics import median

from zk0.core.faults import Fault
from zk0.core.verdicts import Evidence, Finding, failed, not_available, passed, warned
from zk0.diagnostics.jumps import jump_of
from zk0.diagnostics.nothing_learnt import guessed_level, is_coarse
from zk0.diagnostics.ranks import kendall_trend, lowest_slope
from zk0.diagnostics.series import ends, point, thinned
from zk0.ledger import Ledger

MINIMUM_STEPS = 20  # below it, a tenth is one or two values and the rank test has little power
FEWEST_FALLS = 5  # values, each below the one before, and the last below FAR of the first
FAR = 0.8
FEWEST_STEPS = 6  # that all fall are a fall by rank (p = 0.003); nothing else can be said of so few
SIGNIFICANCE = 0.01  # chance of calling a flat loss falling; per client
STEPS_TO_STAND_STILL = 60  # a short run's noise may hide its fall and look like its opposite
STANDS_STILL = 0.1  # a loss that can't have fallen by a tenth of itself (95 %) has learnt nothing worth the steps
TREND_OF = 20_000  # values at most for Kendall's tau: half a second, and more than enough to find any trend
PAIRS_OF = 300  # values at most for the Theil-Sen slope, which looks at all pairs
RISES = 1.1  # times its start: less is no divergence, whatever its rank test says
FELL = 0.98  # of its start: it may fall, and the noise is too large to say so
FELL_BEFORE = 1.5  # times the level it stays at: a loss that converged in its first steps
BELOW = 1e6  # times where the loss began, below 0: a likelihood of images is some thousands
ONE_LEVEL = 1.1  # times the last: a training that begins where it stays
LITTLE = 0.9  # of its start: levels that differ by less are one for a person who looks at the curve


def judge_trend(values: list[float], series: str, expect: str, *, late: bool) -> Finding:
    """Judge where the values of one series go; `late` says that the log does not show their beginning."""
    first, last = ends(values)
    tau, chance = kendall_trend(thinned(values, TREND_OF))  # both NaN where all values are equal
    significant = chance < SIGNIFICANCE
    evidence = [
        point(f"{series}, median of the first tenth", first),
        point(f"{series}, median of the last tenth", last),
        point("Kendall's tau over steps", None if isnan(tau) else tau),
        point("p-value", None if isnan(chance) else chance),
    ]
    change = f"{first:.3g} to {last:.3g} over {len(values)} steps"
    if last < first and (falls_each_time(values) or (significant and tau < 0)):
        little = first > 0 and last > FELL * first
        return (
            not_available(f"falls by too little to show that it learns: {change}")
            if little
            else passed(f"{expect}: {change}", evidence=evidence)
        )
    if len(values) < MINIMUM_STEPS:
        return not_available(f"needs {MINIMUM_STEPS} steps of {series}, has {len(values)}")
    if jump_of(values) is not None:
        return not_available(f"{change}: a jump, which loss.jumps judges")
    if significant and tau > 0 and last > first:
        return _rising(first, last, change, evidence)
    if significant:
        return _unsteady(first, last, change, evidence)
    return _without_trend(values, change, evidence, late=late)


def _rising(first: float, last: float, change: str, evidence: list[Evidence]) -> Finding:
    if 0 < last < RISES * first:
        return not_available(f"{change}: rises by {last / first - 1:.0%}, which can be what the batches differ by")
    return failed(
        f"rising: {change}",
        evidence=evidence,
        cause="the steps are too large, or the gradient is not that of this loss: gradient norms decide",
        remedy="look at gradient norms: where they grow with the loss, lower learning_rate by a factor of 5",
        fault=Fault.learning_rate_too_high,
        confidence=0.6,
    )


def _unsteady(first: float, last: float, change: str, evidence: list[Evidence]) -> Finding:
    if LITTLE * first < last < first / LITTLE:
        return not_available(f"{change}: hardly another level, whatever its steps do")
    return warned(
        f"no steady trend: {change}, while most steps go the other way",
        evidence=evidence,
        cause="the loss jumped, and what came before or after the jump goes the other way",
        remedy="look at the series round by round",
        confidence=0.5,
    )


def _without_trend(values: list[float], change: str, evidence: list[Evidence], *, late: bool) -> Finding:
    """Distinguish a loss that stagnates from one whose noise would hide a fall."""
    points = thinned(values, PAIRS_OF)
    lowest = lowest_slope(points) * (len(points) - 1)
    hidden = -lowest / abs(median(points)) if median(points) else 0.0
    if hidden > STANDS_STILL or (hidden and len(values) < STEPS_TO_STAND_STILL):
        return not_available(f"no trend above noise, which could hide a fall of {max(hidden, 0):.0%}")
    if values[0] > FELL_BEFORE * ends(values)[1] and min(values[:2]) > max(values[FEWEST_STEPS:]):
        return passed(f"fell in its first steps and stays there: {values[0]:.3g}, then {change}")
    first, level = ends(values)
    if 0 < level < FELL * first or all(map(is_coarse, values)):
        return not_available(f"no trend above its noise and the digits printed: {change}")
    if late:
        return not_available(f"no change: {change}, and the log begins late: converged, or stuck, it would look so")
    if guess := guessed_level(level, evidence):
        return guess
    return warned(
        f"no change: {change}",
        evidence=[*evidence, point("largest fall that the noise could hide, of the loss", hidden)],
        cause="converged before this log begins, too few steps, or steps too small to matter: the log alone can't tell",
        remedy="compare with the loss of an untrained policy: as high, it learns nothing; far lower, it has converged",
        fault=Fault.loss_still,
        confidence=0.4,
    )


def falls_each_time(values: list[float]) -> bool:
    """Return whether few values fall every time and far: of 5 without a trend, 1 in 120 does."""
    return len(values) >= FEWEST_FALLS and values[-1] < FAR * values[0] and all(b < a for a, b in pairwise(values))


def stays_on_both_sides(values: list[float], ledger: Ledger) -> Finding | None:
    """Return the finding on a loss and evaluations that both keep one level from their beginning; None for others."""
    if any(one.metrics for one in ledger.evaluations) or any(one.accuracy for one in ledger.trainings):
        return None  # scores say more
    judged = [one.loss for one in ledger.evaluations if one.loss is not None]
    half = len(judged) // 2
    if min(len(values), len(judged)) < MINIMUM_STEPS or min(*values, *judged) <= 0:
        return None
    first, last = ends(values)
    level = FELL < last / first < 1 / FELL and max(values) < ONE_LEVEL * last
    if not level or min(judged[half:]) <= FELL * min(judged[:half]):
        return None
    return warned(
        f"hardly changes: {first:.4g} to {last:.4g}, and the evaluation {judged[0]:.4g} to {judged[-1]:.4g}",
        evidence=[
            point("loss, median of the first tenth", first),
            point("loss, median of the last tenth", last),
            point("lowest evaluation of the first half", min(judged[:half])),
            point("lowest evaluation of the second half", min(judged[half:])),
        ],
        cause="nothing is learnt, or it began with weights that had converged: the log alone can't tell",
        remedy="compare with a constant answer (for targets that are normalised its squared error is 1); train on 20 "
        "samples until it knows them",
        fault=Fault.loss_still,
        confidence=0.5,
    )


def falls_without_end(values: list[float]) -> Finding | None:
    """Return the finding on a loss that runs away below 0; None for others."""
    last = ends(values)[1]
    if len(values) < FEWEST_STEPS or last > -BELOW * max(1.0, abs(values[0])):
        return None
    return failed(
        f"falls below 0 without bound: {values[0]:.3g} at first, {last:.3g} at the end",
        evidence=[point("policy_loss, first value", values[0]), point("policy_loss, median of the last tenth", last)],
        cause="what is minimised has no minimum: a sign is wrong, or a part of the loss has no floor",
        remedy="log each part of the loss by itself to find the one that falls; give it a floor, or its scale a bound",
        fault=Fault.loss_unbounded,
        confidence=0.9,
    )


def last_training(values: list[float], starts: list[int]) -> list[float]:
    """Return the losses of the last training in a log that holds several; empty where it holds one."""
    bounds = [0, *starts, len(values)]
    return next((values[a:b] for a, b in reversed(list(pairwise(bounds))) if starts and b - a >= MINIMUM_STEPS), [])
