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
from zk0.diagnostics.series import by_client, ends, joined, point, thinned, where
from zk0.ledger import Ledger

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
def loss_finite(ledger: Ledger) -> Iterator[Finding]:
    """Every step's loss and gradient is a finite number."""
    if not ledger.trainings:
        yield not_available("no client has trained")
    for training in ledger.trainings:
        bad = training.faults.non_finite_losses
        evidence = [point("steps without a finite loss or gradient", bad, where(training), "steps")]
        if bad:
            yield failed(
                f"{bad} of {training.steps} steps had a loss or gradient that is not finite; they changed nothing",
                at=where(training),
                evidence=evidence,
                cause="a learning rate that is too large, or values in the data that are",
                remedy="lower learning_rate, and look at the data set's ranges",
                fault=Fault.loss_not_finite,
                confidence=1.0,
            )
        else:
            yield passed(f"{training.steps} steps, all finite", at=where(training), evidence=evidence)


@check("loss.trend")
def loss_trend(
    ledger: Ledger, *, series: SeriesName = "policy_loss", expect: Literal["falling"] = "falling"
) -> Iterator[Finding]:
    """Each client's training loss falls over all its rounds."""
    if not ledger.trainings:
        yield not_available("no client has trained")
        return
    for client, trainings in by_client(ledger.trainings):
        values = joined(trainings, lambda one: getattr(one, series))
        if len(values) < MINIMUM_STEPS:
            yield not_available(f"needs {MINIMUM_STEPS} steps of {series}, has {len(values)}", at=client)
        else:
            yield _trend(values, client, series, expect)


def _trend(values: list[float], client: str, series: str, expect: str) -> Finding:
    from scipy.stats import kendalltau  # 1.2 s: where a ledger is judged, not where a workflow is listed

    first, last = ends(values)
    tau, chance = map(float, kendalltau(range(len(values)), values))  # both NaN where all values are equal
    significant = chance < SIGNIFICANCE
    evidence = [
        point(f"{series}, median of the first tenth", first, client),
        point(f"{series}, median of the last tenth", last, client),
        point("Kendall's tau over steps", None if isnan(tau) else tau, client),
        point("p-value", None if isnan(chance) else chance, client),
    ]
    change = f"{first:.3g} to {last:.3g} over {len(values)} steps"
    if significant and tau < 0 and last < first:
        return passed(f"{expect}: {change}", at=client, evidence=evidence)
    if significant and tau > 0 and last > first:
        return failed(
            f"rising: {change}",
            at=client,
            evidence=evidence,
            cause="the steps are too large, or the gradient is not that of this loss",
            remedy="lower learning_rate by a factor of 5, then look at gradient norms",
            fault=Fault.learning_rate_too_high,
            confidence=0.6,
        )
    if significant:
        return warned(
            f"no steady trend: {change}, while most steps go the other way",
            at=client,
            evidence=evidence,
            cause="the loss jumped, and what came before or after the jump goes the other way",
            remedy="look at the series round by round",
            confidence=0.5,
        )
    return _without_trend(values, change, client, evidence)


def _without_trend(values: list[float], change: str, client: str, evidence: list[Evidence]) -> Finding:
    """Distinguish a loss that stagnates from one whose noise would hide a fall."""
    from scipy.stats import theilslopes

    points = thinned(values, PAIRS_OF)
    lowest = float(theilslopes(points).low_slope) * (len(points) - 1)
    hidden = -lowest / abs(median(points)) if median(points) else 0.0
    evidence = [*evidence, point("largest fall that the noise could hide, of the loss", hidden, client)]
    if hidden > STANDS_STILL or (hidden and len(values) < STEPS_TO_STAND_STILL):
        return not_available(f"no trend above noise, which could hide a fall of {max(hidden, 0):.0%}", at=client)
    return warned(
        f"no change: {change}",
        at=client,
        evidence=evidence,
        cause="too few steps, or a learning rate too small to matter",
        remedy="train for more local_steps or rounds, or raise learning_rate by a factor of 3",
        fault=Fault.learning_rate_too_low,
        confidence=0.4,
    )


@check("loss.explodes")
def loss_explodes(ledger: Ledger) -> Iterator[Finding]:
    """No client's loss rises to many times its start."""
    if not ledger.trainings:
        yield not_available("no client has trained")
    for client, trainings in by_client(ledger.trainings):
        rounds = [values for one in trainings if (values := joined([one], lambda one: one.policy_loss))]
        values = [value for one in rounds for value in one]
        if len(values) < MINIMUM_STEPS or min(values[0], ends(values)[0]) <= 0:
            yield not_available(f"needs {MINIMUM_STEPS} steps of policy_loss above 0, has {len(values)}", at=client)
            continue
        start = min(values[0], ends(values)[0])  # an explosion may be over before the first tenth is
        highest = max(max(median(one), ends(one)[1]) for one in rounds)
        evidence = [
            point("policy_loss at the start", start, client),
            point("policy_loss in the worst round", highest, client),
        ]
        if highest > EXPLOSION * start:
            yield failed(
                f"exploded: {start:.3g} to {highest:.3g}, {highest / start:.0f} times",
                at=client,
                evidence=evidence,
                cause="steps so large that every one makes it worse",
                remedy="lower learning_rate by a factor of 10",
                fault=Fault.learning_rate_too_high,
                confidence=0.9,
            )
        else:
            yield passed(f"at most {highest / start:.1f} times its start", at=client, evidence=evidence)


@check("loss.spikes")
def loss_spikes(ledger: Ledger) -> Iterator[Finding]:
    """No single step is far above its neighbours."""
    if not ledger.trainings:
        yield not_available("no client has trained")
    for client, trainings in by_client(ledger.trainings):
        values = joined(trainings, lambda one: one.policy_loss)
        if len(values) < MINIMUM_STEPS or min(values) <= 0:
            yield not_available(f"needs {MINIMUM_STEPS} steps of policy_loss above 0, has {len(values)}", at=client)
            continue
        spikes = _spikes(values)
        share = len(spikes) / len(values)
        evidence = [
            point("steps far above their neighbours", len(spikes), client, "steps"),
            *(point(f"policy_loss at step {step}", values[step], client) for step in spikes[:3]),
        ]
        if len(spikes) > 1 and share > MANY_SPIKES:
            yield failed(
                f"{len(spikes)} of {len(values)} steps are over {SPIKE:g} times their neighbours",
                at=client,
                evidence=evidence,
                cause="batches with wild values, or a learning rate at the edge of what holds",
                remedy="look at the frames of these steps, then lower clip_norm",
                fault=Fault.loss_spiking,
                confidence=0.9,
            )
        else:
            yield passed(
                f"{len(spikes)} of {len(values)} steps are far above their neighbours", at=client, evidence=evidence
            )


def _spikes(values: list[float]) -> list[int]:
    logs = [log(value) for value in values]
    above = []
    for step, value in enumerate(logs):
        around = logs[max(0, step - NEIGHBOURS) : step] + logs[step + 1 : step + 1 + NEIGHBOURS]
        above.append(value - median(around))
    noise = DEVIATIONS * median(abs(value) for value in above)
    return [step for step, value in enumerate(above) if value > log(SPIKE) and value > SPIKE_NOISE * noise]
