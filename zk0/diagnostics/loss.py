"""Is the policy loss a number, does it fall, does it jump? (`loss.finite`, `.trend`, `.explodes`, `.spikes`, `.jumps`)

A training loss is noisy from batch to batch, so two single values say nothing. The trend is judged by rank (Kendall's
tau), its size by the medians of the first and last tenth: both resist a spike, and both have to say the same. The
noise is assumed to be independent from step to step, as that of shuffled batches is. A loss that wanders, because the
weights do, is judged by where it went: of random walks without drift, 3 to 5 in 10 have "fallen". Where there is no
trend, the Theil-Sen slope's interval separates a loss that stagnates from one whose noise would hide a fall.

SageMaker Debugger calls these LossNotDecreasing, Overtraining and, of tensors, ExplodingTensor.
"""

from collections.abc import Iterator
from itertools import pairwise
from math import isnan, log
from statistics import median
from typing import Literal

from zk0.core.checks import check
from zk0.core.faults import Fault
from zk0.core.verdicts import Evidence, Finding, failed, not_available, passed, warned
from zk0.diagnostics.jumps import EACH_SIDE, burst_of, jump_of, short_jump
from zk0.diagnostics.not_finite import RECOVERED, is_settling, likely_cause, not_finite_in, recovers
from zk0.diagnostics.nothing_learnt import (
    falls_to_guessing,
    guessed_level,
    guessing,
    is_coarse,
    repeated,
    still_guessing,
    vanished,
)
from zk0.diagnostics.ranks import kendall_trend, lowest_slope
from zk0.diagnostics.series import (
    by_client,
    each_client,
    each_training,
    ends,
    joined,
    judge_each,
    losses_of,
    measured,
    point,
    thinned,
)
from zk0.ledger import Ledger, Training

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
LATE = 0.2  # of the steps: a log that begins behind them does not show the fall
FELL_BEFORE = 1.5  # times the level it stays at: a loss that converged in its first steps
EXPLOSION = 10.0  # times the start; shuffled batches differ by factors of 2 or 3
SPIKE = 5.0  # times the median of its neighbours
SPIKE_NOISE = 6.0  # and so many deviations of the series' own noise, robustly measured: skewed noise has no spikes
NEIGHBOURS = 7  # steps on each side
MANY_SPIKES = 0.03  # share of steps; now and then one batch is odd
DEVIATIONS = 1.4826  # the deviation of normal noise over its median absolute deviation
ABSURD = 1e12  # dimensionless: squared errors of prices or of bytes stay below it

type SeriesName = Literal["policy_loss", "total_loss"]


@check("loss.finite")
@each_training
def loss_finite(training: Training, ledger: Ledger) -> Finding:
    """Every step's loss and gradient is a finite number."""
    found = not_finite_in(training)
    bad = found.total or training.faults.non_finite_losses
    evidence = [point("steps without a finite loss or gradient", bad, "steps")]
    own = training.read_from is None  # zk0's own loop counts and skips such a step; others only log a value
    if not bad:
        known = training.steps if own else len(measured(training.policy_loss) or measured(training.total_loss))
        unit = "steps" if own else "logged values"
        return passed(f"{known} {unit}, all finite", evidence=evidence) if known else not_available("needs a loss")
    if is_settling(training, found):
        return passed(f"{bad} gradients overflowed and every loss is finite: the loss scaler", evidence=evidence)
    later = [one for one in ledger.trainings if one.client == training.client and one.round > training.round]
    over = not own and recovers(training, found, later)
    cause, remedy, confidence = RECOVERED if over else likely_cause(training, found)
    where = [point("the first at step", step) for step in [*found.losses, *found.gradients][:1]]
    said = "steps are not finite, and were skipped" if own else "logged values are not finite"
    return (warned if over else failed)(
        f"{bad} of {found.logged} {said}{', and those after it are again' if over else ''}",
        evidence=[*evidence, *where],
        cause=cause,
        remedy=remedy,
        fault=Fault.loss_not_finite,
        confidence=confidence,
    )


@check("loss.trend")
def loss_trend(
    ledger: Ledger, *, series: SeriesName = "policy_loss", expect: Literal["falling"] = "falling"
) -> Iterator[Finding]:
    """Each client's training loss falls over all its rounds."""

    def judge(trainings: list[Training]) -> Finding:
        values = joined(trainings, lambda one: getattr(one, series))
        if zero := vanished(values):
            return zero
        late = _begins_late(trainings, series, ledger)
        if late and (guess := still_guessing(values)):
            return guess
        if len(values) < FEWEST_STEPS and not _falls_each_time(values):
            return not_available(f"needs {MINIMUM_STEPS} steps of {series}, has {len(values)}")
        if without := repeated(values) or falls_to_guessing(values) or (None if late else guessing(values)):
            return without
        return _trend(values, series, expect, late=late)

    return judge_each(by_client(ledger.trainings), judge)


def _begins_late(trainings: list[Training], series: str, ledger: Ledger) -> bool:
    """Return whether the beginning of a training is not in its log: by its first value, or by the steps it counts."""
    first = measured(getattr(trainings[0], series))
    counted = max((one.reached or 0 for one in ledger.progress if one.unit == "step"), default=0)
    before = counted - sum(one.steps for one in trainings)
    return bool(first) and (first[0][0] > LATE * trainings[0].steps or before > LATE * counted)


def _trend(values: list[float], series: str, expect: str, *, late: bool) -> Finding:
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
    if last < first and (_falls_each_time(values) or (significant and tau < 0)):
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
        return warned(
            f"no steady trend: {change}, while most steps go the other way",
            evidence=evidence,
            cause="the loss jumped, and what came before or after the jump goes the other way",
            remedy="look at the series round by round",
            confidence=0.5,
        )
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


def _falls_each_time(values: list[float]) -> bool:
    """Return whether few values fall every time and far: of 5 without a trend, 1 in 120 does."""
    return len(values) >= FEWEST_FALLS and values[-1] < FAR * values[0] and all(b < a for a, b in pairwise(values))


@check("loss.explodes")
@each_client
def loss_explodes(trainings: list[Training], _: Ledger) -> Finding:
    """No client's loss rises to many times its start."""
    rounds = [values for one in trainings if (values := losses_of([one]))]
    values = losses_of(trainings)
    if len(values) < MINIMUM_STEPS and (burst := burst_of(values)):
        return burst
    if len(values) < MINIMUM_STEPS or min(values[0], ends(values)[0]) <= 0:
        return not_available(f"needs {MINIMUM_STEPS} steps of policy_loss above 0, has {len(values)}")
    start = min(values[0], ends(values)[0])  # an explosion may be over before the first tenth is
    highest = max(max(median(one), ends(one)[1]) for one in rounds)
    evidence = [point("policy_loss at the start", start), point("policy_loss in the worst round", highest)]
    if highest <= EXPLOSION * start:
        return passed(f"at most {highest / start:.1f} times its start", evidence=evidence)
    if jump_of(values) is not None:
        return not_available("a jump, which loss.jumps judges")
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
    if repeated(values):
        return not_available("it repeats itself, which loss.trend judges")
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


@check("loss.jumps")
@each_client
def loss_jumps(trainings: list[Training], _: Ledger) -> Finding:
    """The loss does not jump to another level and stay there."""
    values = losses_of(trainings)
    if len(values) < 2 * EACH_SIDE or min(values) <= 0:
        few = f"needs {2 * EACH_SIDE} steps of policy_loss above 0, has {len(values)}"
        return short_jump(values) or not_available(few)
    step = jump_of(values)
    if step is None:
        return passed("no step from one level to another")
    before, after = median(values[max(0, step - EACH_SIDE) : step]), median(values[step : step + EACH_SIDE])
    rates = joined(trainings, lambda one: one.learning_rate)
    changed = len(rates) == len(values) and max(rates[step - 1], rates[step]) > 2 * min(rates[step - 1], rates[step])
    evidence = [point("level before", before), point("level after", after), point("logged value of the jump", step)]
    known = "the learning rate changed at the same step"
    open_ = "not known from the loss alone: the data changed there, a resume lost the optimizer's state, or an overflow"
    return failed(
        f"jumps from {before:.3g} to {after:.3g} at logged value {step} of {len(values)}, and stays there",
        evidence=evidence,
        cause=known if changed else open_,
        remedy="go back to the last checkpoint before it; compare that step's data, learning rate and gradient norm",
        fault=Fault.loss_jumped,
        confidence=0.9,
    )


@check("loss.magnitude")
@each_client
def loss_magnitude(trainings: list[Training], _: Ledger) -> Finding:
    """No loss is of a size that only numbers which were never normalised, or spoilt weights, have."""
    values = losses_of(trainings)
    if not values:
        return not_available("needs a loss")
    lowest, largest = min(map(abs, values)), max(map(abs, values))
    if lowest < ABSURD:
        return passed(f"at most {largest:.3g}", evidence=[point("policy_loss, largest", largest)])
    return failed(
        f"is {values[0]:.3g}: {lowest:.3g} or more in all {len(values)} logged values",
        evidence=[point("policy_loss, smallest", lowest), point("policy_loss, largest", largest)],
        cause="the inputs, the targets or the statistics that normalise them hold wild values: a deviation near 0 "
        "divides by almost nothing",
        remedy="print mean, deviation and range of each feature, of this data set and of the statistics in use",
        fault=Fault.data_units,
        confidence=0.8,
    )
