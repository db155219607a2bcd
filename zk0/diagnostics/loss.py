"""Is the policy loss a number, does it fall, does it jump? (`loss.finite`, `.trend`, `.explodes`, `.spikes`)

A training loss is noisy from batch to batch, so two single values say nothing. The trend is judged by rank (Kendall's
tau), its size by the medians of the first and last tenth: both resist a spike, and both have to say the same. The
noise is assumed to be independent from step to step, as that of shuffled batches is. A loss that wanders, because the
weights do, is judged by where it went: of random walks without drift, 3 to 5 in 10 have "fallen". Where there is no
trend, the Theil-Sen slope's interval separates a loss that stagnates from one whose noise would hide a fall.

SageMaker Debugger calls these LossNotDecreasing, Overtraining and, of tensors, ExplodingTensor.
"""

from collections.abc import Iterator
from math import isnan, log
from statistics import median
from typing import Literal

from zk0.core.checks import check
from zk0.core.faults import Fault
from zk0.core.verdicts import Evidence, Finding, failed, not_available, passed, warned
from zk0.diagnostics.series import (
    by_client,
    each_client,
    each_training,
    ends,
    joined,
    judge_each,
    losses_of,
    point,
    thinned,
)
from zk0.ledger import Ledger, Training

MINIMUM_STEPS = 20  # below it, a tenth is one or two values and the rank test has little power
SIGNIFICANCE = 0.01  # chance of calling a flat loss falling; per client
STEPS_TO_STAND_STILL = 60  # a short run's noise may hide its fall and look like its opposite
STANDS_STILL = 0.1  # a loss that can't have fallen by a tenth of itself (95 %) has learnt nothing worth the steps
PAIRS_OF = 300  # values at most for the Theil-Sen slope, which looks at all pairs
EXPLOSION = 10.0  # times the start; shuffled batches differ by factors of 2 or 3
SPIKE = 5.0  # times the median of its neighbours
SPIKE_NOISE = 6.0  # and so many deviations of the series' own noise, robustly measured: skewed noise has no spikes
NEIGHBOURS = 7  # steps on each side
MANY_SPIKES = 0.03  # share of steps; now and then one batch is odd
DEVIATIONS = 1.4826  # the deviation of normal noise over its median absolute deviation

type SeriesName = Literal["policy_loss", "total_loss"]


@check("loss.finite")
@each_training
def loss_finite(training: Training, _: Ledger) -> Finding:
    """Every step's loss and gradient is a finite number."""
    bad = training.faults.non_finite_losses
    evidence = [point("steps without a finite loss or gradient", bad, "steps")]
    if not bad:
        return passed(f"{training.steps} steps, all finite", evidence=evidence)
    return failed(
        f"{bad} of {training.steps} steps had a loss or gradient that is not finite; they changed nothing",
        evidence=evidence,
        cause="a learning rate that is too large, or values in the data that are",
        remedy="lower learning_rate, and look at the data set's ranges",
        fault=Fault.loss_not_finite,
        confidence=1.0,
    )


@check("loss.trend")
def loss_trend(
    ledger: Ledger, *, series: SeriesName = "policy_loss", expect: Literal["falling"] = "falling"
) -> Iterator[Finding]:
    """Each client's training loss falls over all its rounds."""

    def judge(trainings: list[Training]) -> Finding:
        values = joined(trainings, lambda one: getattr(one, series))
        if len(values) < MINIMUM_STEPS:
            return not_available(f"needs {MINIMUM_STEPS} steps of {series}, has {len(values)}")
        return _trend(values, series, expect)

    return judge_each(by_client(ledger.trainings), judge)


def _trend(values: list[float], series: str, expect: str) -> Finding:
    from scipy.stats import kendalltau  # 1.2 s: where a ledger is judged, not where a workflow is listed

    first, last = ends(values)
    tau, chance = map(float, kendalltau(range(len(values)), values))  # both NaN where all values are equal
    significant = chance < SIGNIFICANCE
    evidence = [
        point(f"{series}, median of the first tenth", first),
        point(f"{series}, median of the last tenth", last),
        point("Kendall's tau over steps", None if isnan(tau) else tau),
        point("p-value", None if isnan(chance) else chance),
    ]
    change = f"{first:.3g} to {last:.3g} over {len(values)} steps"
    if significant and tau < 0 and last < first:
        return passed(f"{expect}: {change}", evidence=evidence)
    if significant and tau > 0 and last > first:
        return failed(
            f"rising: {change}",
            evidence=evidence,
            cause="the steps are too large, or the gradient is not that of this loss",
            remedy="lower learning_rate by a factor of 5, then look at gradient norms",
            fault=Fault.learning_rate_too_high,
            confidence=0.6,
        )
    if significant:
        return warned(
            f"no steady trend: {change}, while most steps go the other way",
            evidence=evidence,
            cause="the loss jumped, and what came before or after the jump goes the other way",
            remedy="look at the series round by round",
            confidence=0.5,
        )
    return _without_trend(values, change, evidence)


def _without_trend(values: list[float], change: str, evidence: list[Evidence]) -> Finding:
    """Distinguish a loss that stagnates from one whose noise would hide a fall."""
    from scipy.stats import theilslopes

    points = thinned(values, PAIRS_OF)
    lowest = float(theilslopes(points).low_slope) * (len(points) - 1)
    hidden = -lowest / abs(median(points)) if median(points) else 0.0
    if hidden > STANDS_STILL or (hidden and len(values) < STEPS_TO_STAND_STILL):
        return not_available(f"no trend above noise, which could hide a fall of {max(hidden, 0):.0%}")
    return warned(
        f"no change: {change}",
        evidence=[*evidence, point("largest fall that the noise could hide, of the loss", hidden)],
        cause="too few steps, or a learning rate too small to matter",
        remedy="train for more local_steps or rounds, or raise learning_rate by a factor of 3",
        fault=Fault.learning_rate_too_low,
        confidence=0.4,
    )


@check("loss.explodes")
@each_client
def loss_explodes(trainings: list[Training], _: Ledger) -> Finding:
    """No client's loss rises to many times its start."""
    rounds = [values for one in trainings if (values := losses_of([one]))]
    values = losses_of(trainings)
    if len(values) < MINIMUM_STEPS or min(values[0], ends(values)[0]) <= 0:
        return not_available(f"needs {MINIMUM_STEPS} steps of policy_loss above 0, has {len(values)}")
    start = min(values[0], ends(values)[0])  # an explosion may be over before the first tenth is
    highest = max(max(median(one), ends(one)[1]) for one in rounds)
    evidence = [point("policy_loss at the start", start), point("policy_loss in the worst round", highest)]
    if highest <= EXPLOSION * start:
        return passed(f"at most {highest / start:.1f} times its start", evidence=evidence)
    return failed(
        f"exploded: {start:.3g} to {highest:.3g}, {highest / start:.0f} times",
        evidence=evidence,
        cause="steps so large that every one makes it worse",
        remedy="lower learning_rate by a factor of 10",
        fault=Fault.learning_rate_too_high,
        confidence=0.9,
    )


@check("loss.spikes")
@each_client
def loss_spikes(trainings: list[Training], _: Ledger) -> Finding:
    """No single step is far above its neighbours."""
    values = losses_of(trainings)
    if len(values) < MINIMUM_STEPS or min(values) <= 0:
        return not_available(f"needs {MINIMUM_STEPS} steps of policy_loss above 0, has {len(values)}")
    spikes = _spikes(values)
    evidence = [
        point("steps far above their neighbours", len(spikes), "steps"),
        *(point(f"policy_loss at step {step}", values[step]) for step in spikes[:3]),
    ]
    if len(spikes) <= 1 or len(spikes) / len(values) <= MANY_SPIKES:
        return passed(f"{len(spikes)} of {len(values)} steps are far above their neighbours", evidence=evidence)
    return failed(
        f"{len(spikes)} of {len(values)} steps are over {SPIKE:g} times their neighbours",
        evidence=evidence,
        cause="batches with wild values, or a learning rate at the edge of what holds",
        remedy="look at the frames of these steps, then lower clip_norm",
        fault=Fault.loss_spiking,
        confidence=0.9,
    )


def _spikes(values: list[float]) -> list[int]:
    logs = [log(value) for value in values]
    above = []
    for step, value in enumerate(logs):
        around = logs[max(0, step - NEIGHBOURS) : step] + logs[step + 1 : step + 1 + NEIGHBOURS]
        above.append(value - median(around))
    noise = DEVIATIONS * median(abs(value) for value in above)
    return [step for step, value in enumerate(above) if value > log(SPIKE) and value > SPIKE_NOISE * noise]
