"""Is the learning rate the one that was configured, and does it last? (`learning-rate.*`)

A rate is decided once and used at every step; between the two are schedules, presets and rounds. zk0's schedule is
LeRobot's cosine over all rounds together, so its ledgers can be held against every step. Of other programs only the
shape is known: that it leaves its warm-up, and that it does not restart with every round.
"""

import math
from collections.abc import Iterator
from itertools import pairwise

from zk0.core.checks import check
from zk0.core.faults import Fault
from zk0.core.verdicts import Finding, failed, not_available, passed, warned
from zk0.diagnostics.nothing_learnt import significant_digits
from zk0.diagnostics.series import each_client, joined, judge_each, measured, point, with_places
from zk0.ledger import Ledger, RunOpened, Training

MINIMUM_STEPS = 10  # a shorter run may well be in its warm-up
REACHED = 0.5  # of the configured rate; a warm-up that ends before half of it is none
TOLERANCE = 0.01  # relative; rates are computed in float64 and logged with 4 digits at worst
VARIES = 1.05  # largest over smallest rate in a round: a constant rate can't restart
SAME = 1e-6  # relative
ENOUGH_ROUNDS = 3  # two rounds may begin at one rate by chance: a warm-up's first step and a cosine's plateau
KEYS = ("learning-rate", "final-learning-rate", "warmup-steps", "rounds", "local-steps")
FLOOR_SHARE = 0.4  # of the training at the lowest rate: a cosine that fits has a few percent there
FAR_BELOW = 8.0  # times below the highest: LeRobot's presets end at a fortieth, common ones at a tenth
SMOOTH = 5  # different rates before the floor
WARMUP_SHARE = 10  # zk0 warms up for at most a tenth of all steps


@check("learning-rate.warm-up")
@each_client
def warm_up(trainings: list[Training], ledger: Ledger) -> Finding:
    """The learning rate comes to what was configured."""
    wanted = _wanted(ledger.opened, trainings[0])
    rates = _rates(trainings)
    if wanted is None or len(rates) < MINIMUM_STEPS:
        return not_available(f"needs the configured rate and {MINIMUM_STEPS} steps' own")
    highest = max(rates)
    last = _rates(trainings[-1:])
    evidence = [
        point("configured learning rate", wanted),
        point("highest learning rate", highest),
        point("highest over configured", highest / wanted),
    ]
    if highest >= REACHED * wanted or not last or last[-1] < last[0]:
        return passed(f"up to {highest:.3g}", evidence=evidence)
    return failed(
        f"the rate never comes above {highest:.3g}; {wanted:.3g} is configured",
        evidence=evidence,
        cause="the warm-up is longer than the training, or begins again each round",
        remedy="set warmup_steps to a tenth of all steps at most",
        fault=Fault.learning_rate_warming,
        confidence=0.95,
    )


@check("learning-rate.zero")
@each_client
def zero(trainings: list[Training], _: Ledger) -> Finding:
    """The learning rate is above zero."""
    rates = _rates(trainings)
    if len(rates) < ENOUGH_ROUNDS:
        return not_available(f"needs {ENOUGH_ROUNDS} learning rates, has {len(rates)}")
    evidence = [point("highest learning rate", max(rates)), point("learning rates logged", len(rates))]
    if max(rates) > 0:
        return passed(f"up to {max(rates):.3g}", evidence=evidence)
    return failed(
        f"it is 0 in all {len(rates)} logged values: nothing is trained",
        evidence=evidence,
        cause="the schedule is never stepped out of its warm-up, has ended, or the optimizer was given 0",
        remedy="print the rate after a few steps; step the schedule once after each optimizer step",
        fault=Fault.learning_rate_zero,
        confidence=0.97,
    )


@check("learning-rate.lasts")
@each_client
def lasts(trainings: list[Training], _: Ledger) -> Finding:
    """The schedule does not come to its end long before the training does."""
    rates = _rates(trainings)
    if len(rates) < MINIMUM_STEPS:
        return not_available(f"needs {MINIMUM_STEPS} learning rates, has {len(rates)}")
    floor = rates[-1]
    at_floor = next(
        (count for count, rate in enumerate(reversed(rates)) if not math.isclose(rate, floor, rel_tol=SAME)), 0
    )
    values = len(set(rates[: len(rates) - at_floor]))
    evidence = [
        point("highest learning rate", max(rates)),
        point("learning rate at the end", floor),
        point("share of the training at that rate", at_floor / len(rates)),
    ]
    # A rate that is lowered in a few steps, as in step decay, stays where it was put on purpose.
    if at_floor < FLOOR_SHARE * len(rates) or floor * FAR_BELOW > max(rates) or values < SMOOTH:
        return passed(f"ends at {floor:.3g}", evidence=evidence)
    lowest = min((rate for rate in rates if rate > 0), default=0.0)
    if floor == 0 and significant_digits(lowest) == 1 and sum(rate == lowest for rate in rates) > 1:
        return not_available(f"0 after {lowest:g}: lower rates may be there, of which the log prints no digit")
    done = 1 - at_floor / len(rates)
    return warned(
        f"the schedule was over after {done:.0%} of the training: {floor:.3g} since, {max(rates):.3g} at most",
        evidence=evidence,
        cause="the schedule's length is not that of the training, as where steps were raised and decay steps were not",
        remedy="set the schedule's decay steps to the training's steps",
        fault=Fault.learning_rate_exhausted,
        confidence=0.9,
    )


@check("learning-rate.restarts")
@each_client
def restarts(trainings: list[Training], ledger: Ledger) -> Finding:
    """The schedule goes on from round to round and does not restart."""
    rounds = [rates for one in trainings if len(rates := _rates([one])) > 1]
    if len(rounds) < ENOUGH_ROUNDS:
        return not_available(f"needs {ENOUGH_ROUNDS} rounds' learning rates, has {len(rounds)}")
    moving = all(max(rates) > VARIES * min(rates) for rates in rounds)
    begins = [rates[0] for rates in rounds]
    evidence = [point("learning rate at a round's first step", begin) for begin in begins[:3]]
    if not (moving and all(math.isclose(a, b, rel_tol=SAME) for a, b in pairwise(begins))):
        return passed("the rounds go on from each other", evidence=evidence)
    spans = ledger.opened is not None and set(KEYS) <= ledger.opened.configuration.keys()
    say, confidence = (failed, 0.95) if spans else (warned, 0.6)  # another program may mean to
    return say(
        f"every round begins at {begins[0]:.3g} and runs through the schedule again",
        evidence=evidence,
        cause="optimizer and schedule are rebuilt each round, for one round's steps",
        remedy="build one schedule over all rounds, and start it at the step the round before ended with",
        fault=Fault.learning_rate_restarted,
        confidence=confidence,
    )


def _rates(trainings: list[Training]) -> list[float]:
    return joined(trainings, lambda one: one.learning_rate)


@check("learning-rate.as-configured")
def as_configured(ledger: Ledger) -> Iterator[Finding]:
    """Every step's rate is that of the configured schedule."""
    settings = {} if ledger.opened is None else {k: one.value for k, one in ledger.opened.configuration.items()}
    known = set(KEYS) <= settings.keys()
    return judge_each(
        with_places(ledger.trainings if known else ()),
        lambda training: _compare_with_schedule(training, *(float(settings[key]) for key in KEYS)),
        nothing="needs zk0's configuration of the schedule; another program's is not known",
    )


def _compare_with_schedule(
    training: Training, peak: float, final: float, warmup: float, rounds: float, local: float
) -> Finding:
    rates = measured(training.learning_rate)
    if not rates:
        return not_available("its learning rates are not known")
    total = int(rounds * local)
    warm = min(int(warmup), total // WARMUP_SHARE)
    before = int((training.round - 1) * local)
    expected = [(step, rate, planned(before + step, peak, final, warm, total)) for step, rate in rates]
    step, rate, wanted = max(expected, key=lambda one: abs(one[1] / one[2] - 1) if one[2] else 0.0)
    error = abs(rate / wanted - 1) if wanted else 0.0
    evidence = [
        point(f"learning rate at step {step}", rate),
        point(f"learning rate planned for step {step}", wanted),
    ]
    if error <= TOLERANCE or training.faults.empty_batches:  # steps without a batch are not in the series
        return passed(f"within {error:.1%} of the schedule", evidence=evidence)
    return failed(
        f"{rate:.3g} at step {step}, where {wanted:.3g} was planned",
        evidence=evidence,
        cause="another schedule, or other numbers in it, than was configured",
        remedy="print the rate of the first and last step of two rounds and hold it against the schedule",
        fault=Fault.learning_rate_unplanned,
        confidence=0.9,
    )


def planned(step: int, peak: float, final: float, warmup: int, total: int) -> float:
    """Return the rate of a step in LeRobot's cosine with linear warm-up (`CosineDecayWithWarmupSchedulerConfig`)."""
    if step < warmup:
        begin = 1 / (warmup + 1)
        return peak * (begin + (1 - begin) * step / warmup)
    share = min(step, total) / total
    return final + (peak - final) * 0.5 * (1 + math.cos(math.pi * share))


def _wanted(opened: RunOpened | None, training: Training) -> float | None:
    """Return the configured rate: the run's, else what the client says."""
    configured = opened.configuration.get("learning-rate") if opened else None
    value = training.settings.get("learning-rate") if configured is None else configured.value
    return float(value) if isinstance(value, int | float) and value > 0 else None
