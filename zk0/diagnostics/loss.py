"""Is the policy loss a number, does it fall, does it jump? (`loss.finite`, `.trend`, `.parts`, `.explodes`, …)

SageMaker Debugger calls these LossNotDecreasing, Overtraining and, of tensors, ExplodingTensor.
"""

from collections.abc import Iterator
from statistics import median
from typing import Literal

from zk0.core.checks import check
from zk0.core.faults import Fault
from zk0.core.verdicts import Finding, failed, not_available, passed, warned
from zk0.diagnostics.jumps import EACH_SIDE, between_trainings, burst_of, jump_at_start, jump_of, short_jump
from zk0.diagnostics.not_finite import RECOVERED, is_settling, likely_cause, not_finite_in, recovers
from zk0.diagnostics.nothing_learnt import (
    code_unused,
    falls_to_guessing,
    guessing,
    repeated,
    still_guessing,
    vanished,
)
from zk0.diagnostics.sentinels import PLACEHOLDERS, STEPS
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
    starts_of,
)
from zk0.diagnostics.spikes import SPIKE, spikes_of
from zk0.diagnostics.trends import (
    FEWEST_STEPS,
    MINIMUM_STEPS,
    falls_each_time,
    falls_without_end,
    judge_trend,
    last_training,
    stays_on_both_sides,
)
from zk0.ledger import Ledger, Training
from zk0.ledger.importers.metric_names import is_divergence

LATE = 0.2  # of the steps: a log that begins behind them does not show the fall
ENOUGH_ZEROS = 4  # logged values, each a mean over steps or at its own step
EXPLOSION = 10.0  # times the start; shuffled batches differ by factors of 2 or 3
MANY_SPIKES = 0.03  # share of steps; now and then one batch is odd
ABSURD = 1e12  # dimensionless: squared errors of prices or of bytes stay below it

type SeriesName = Literal["policy_loss", "total_loss"]


@check("loss.finite")
@each_training
def loss_finite(training: Training, ledger: Ledger) -> Finding:
    """Every step's loss and gradient is a finite number."""
    found = not_finite_in(training)
    of_critic = training.not_finite.keys() == {"value_loss"}  # `reinforcement.critic` judges that
    bad = 0 if of_critic else found.total or training.faults.non_finite_losses
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
        if elsewhere := _judged_elsewhere(trainings, values):
            return not_available(elsewhere)
        if zero := vanished(values):
            return zero
        late = _begins_late(trainings, series, ledger)
        if late and (guess := still_guessing(values)):
            return guess
        if len(values) < FEWEST_STEPS and not falls_each_time(values):
            return not_available(f"needs {MINIMUM_STEPS} steps of {series}, has {len(values)}")
        if without := repeated(values) or falls_to_guessing(values) or (None if late else guessing(values)):
            return without
        found = judge_trend(values, series, expect, late=late)
        if found.fault == Fault.learning_rate_too_high and (last := last_training(values, starts_of(trainings))):
            found = _of_several(judge_trend(last, series, expect, late=late))
        still = None if late or found.fault is not None else stays_on_both_sides(values, ledger)
        return still or found

    return judge_each(by_client(ledger.trainings), judge)


def _of_several(last: Finding) -> Finding:
    """Return what the last of several trainings in a log shows: a fault, or nothing of the others."""
    if last.fault is not None:
        return last
    return not_available(f"several trainings, which are not to be compared; of the last: {last.message}")


def _judged_elsewhere(trainings: list[Training], values: list[float]) -> str:
    """Return why a falling loss can't be expected here; empty where it can."""
    if any(training.reward for training in trainings):
        return "a loss of reinforcement learning need not fall: reward.rises judges it"
    if len(values) >= STEPS and set(values) <= PLACEHOLDERS:
        return f"{values[0]:g} throughout: sentinels.values judges it"
    if jump_at_start(losses_of(trainings), starts_of(trainings)) is not None:
        return "a jump between two trainings: loss.jumps judges it"
    return ""


def _begins_late(trainings: list[Training], series: str, ledger: Ledger) -> bool:
    """Return whether the beginning of a training is not in its log: by its first value, or by the steps it counts."""
    first = measured(getattr(trainings[0], series))
    if any(one.planned and (one.begins or 0) > LATE * one.planned for one in ledger.progress if one.unit == "epoch"):
        return True
    counted = max((one.reached or 0 for one in ledger.progress if one.unit == "step"), default=0)
    before = counted - sum(one.steps for one in trainings)
    return bool(first) and (first[0][0] > LATE * trainings[0].steps or before > LATE * counted)


@check("loss.parts")
@each_client
def loss_parts(trainings: list[Training], _: Ledger) -> Finding:
    """No part of the loss that labels or a latent code decide is 0 from the first value to the last."""
    parts: dict[str, int] = {}
    for training in trainings:
        for name, count in training.zero_losses.items():
            parts[name] = parts.get(name, 0) + count
    zero = {name: count for name, count in parts.items() if count >= ENOUGH_ZEROS}
    if not zero:
        return not_available("no part of the loss is 0 throughout")
    if all(map(is_divergence, zero)):
        return code_unused(zero)
    return warned(
        f"{' and '.join(zero)} {'is' if len(zero) == 1 else 'are'} exactly 0 in all {max(zero.values())} logged values",
        evidence=[point(f"logged values of {name}, all 0", count) for name, count in zero.items()],
        cause="no label reaches it: boxes, masks or transcripts are missing, empty, or in another format",
        remedy="print the labels of one batch as the loss gets them; check their folder, format and classes",
        fault=Fault.labels_missing,
        confidence=0.8,
    )


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
    returns = joined(trainings, lambda one: one.reward)
    if returns and ends(returns)[1] > ends(returns)[0]:
        return not_available("the return rises, and a value loss grows with it")
    if jump_of(values) is not None or jump_at_start(values, starts_of(trainings)) is not None:
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
    if len(values) < MINIMUM_STEPS:
        return not_available(f"needs {MINIMUM_STEPS} steps of policy_loss, has {len(values)}")
    if repeated(values):
        return not_available("it repeats itself, which loss.trend judges")
    if any(one.reward for one in trainings):
        return not_available("losses of reinforcement learning spike as its episodes differ")
    spikes = spikes_of(values)
    how = f"over {SPIKE:g} times their neighbours" if min(values) > 0 else "far above all others"
    evidence = [
        point("steps far above their neighbours", len(spikes), "steps"),
        *(point(f"policy_loss at step {step}", values[step]) for step in spikes[:3]),
    ]
    if len(spikes) <= 1 or len(spikes) / len(values) <= MANY_SPIKES:
        return passed(f"{len(spikes)} of {len(values)} steps are far above their neighbours", evidence=evidence)
    return failed(
        f"{len(spikes)} of {len(values)} steps are {how}",
        evidence=evidence,
        cause="batches with wild values, or a learning rate at the edge of what holds",
        remedy="look at the frames of these steps, then lower clip_norm",
        fault=Fault.loss_spiking,
        confidence=0.9,
    )


@check("loss.jumps")
@each_client
def loss_jumps(trainings: list[Training], _: Ledger) -> Finding:
    """The loss does not jump to another level and stay there."""
    values = losses_of(trainings)
    if len(values) < 2 * EACH_SIDE or min(values) <= 0:
        few = f"needs {2 * EACH_SIDE} steps of policy_loss above 0, has {len(values)}"
        return short_jump(values) or not_available(few)
    if (start := jump_at_start(values, starts := starts_of(trainings))) is not None:
        return between_trainings(values, start, starts)
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
    if unbounded := falls_without_end(values):
        return unbounded
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
