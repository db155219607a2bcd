"""Losses that go from one level to another at once: what `loss.jumps` and `loss.explodes` look for.

A loss that grows has steps in between, and a lower learning rate would have helped it. One that jumps was at its old
level until the step before: other data, lost optimizer state, an overflow, or weights that ran away within one log
interval.
"""

from itertools import accumulate, pairwise
from statistics import median

from zk0.core.faults import Fault
from zk0.core.verdicts import Finding, failed, warned
from zk0.diagnostics.series import point

JUMP = 3.0  # times the level before, from one value to the next and for good
EACH_SIDE = 5  # values of a level
STEADY = 2.0  # largest over smallest value of a level
LOOSE = 4.0  # the same, of trainings that begin anew, each with a shorter or a longer way down
BURST = 100.0  # times the level before: no noise of batches, however few values there are
LEAST_BURST = 10.0  # times that level, by every value behind it
BEFORE_BURST, AFTER_BURST = 2, 3  # values
BEFORE_JUMP, AFTER_JUMP = 2, 3  # values, where a log has few
EQUAL = 1.1  # largest over smallest value before such a jump: means over many batches
SHORT_JUMP = 2.5  # times the level before, by every value behind it


def jump_of(values: list[float], steady: float = STEADY) -> int | None:
    """Return the first value of a higher level that lasts to the end; None where the loss only rises or wobbles.

    Both levels have to be steady: a loss that doubles with every step grows, and does not jump.
    """
    lowest_from = list(accumulate(reversed(values), min))[::-1]  # of each value and all behind it
    for step in range(EACH_SIDE, len(values) - EACH_SIDE + 1):
        before, after = values[step - EACH_SIDE : step], values[step : step + EACH_SIDE]
        level = median(before)
        if (
            lowest_from[step] > JUMP * level / steady  # first, since it is seldom so: a median of the rest takes long
            and max(before) < steady * min(before)
            and max(after) < steady * min(after)
            and min(after) > max(before)
            and median(values[step:]) > JUMP * level
        ):
            return step
    return None


def jump_at_start(values: list[float], starts: list[int]) -> int | None:
    """Return the first value of a higher level that lasts, where it begins with a training; None without one.

    Each training is one value here, its median: from its first step to its last a loss falls.
    """
    bounds = [0, *starts, len(values)]
    trainings = [values[begin:end] for begin, end in pairwise(bounds) if end > begin]
    if len(trainings) < 2 * EACH_SIDE or min(values) <= 0:
        return None
    levels = [median(one) for one in trainings]
    jumped = jump_of(levels, LOOSE)
    if jumped is None or levels[jumped] <= JUMP * max(levels[jumped - EACH_SIDE : jumped]):
        return None  # it grows
    return sum(map(len, trainings[:jumped]))


def between_trainings(values: list[float], start: int, starts: list[int]) -> Finding:
    """Return the finding on a level that begins with a training in the same log."""
    before, after = median(values[:start]), median(values[start:])
    return warned(
        f"the trainings from logged value {start} of {len(values)} on have {after:.3g}, all before it {before:.3g}",
        evidence=[
            point("median before", before),
            point("median after", after),
            point("trainings that begin in the log", len(starts) + 1),
        ],
        cause="the log alone can't tell: other data or another loss (then they are not to be compared), or they start "
        "from a model that was spoilt, as a wrong aggregate",
        remedy="compare the configurations before and after; if they are the same, evaluate what they begin with",
        fault=Fault.loss_jumped,
        confidence=0.5,
    )


def short_jump(values: list[float]) -> Finding | None:
    """Return the finding on few values that agree, and then are all far higher; None for others."""
    for step in range(BEFORE_JUMP, len(values) - AFTER_JUMP + 1):
        before, after = values[:step], values[step:]
        if 0 < max(before) < EQUAL * min(before) and min(after) > SHORT_JUMP * max(before):
            return warned(
                f"jumps from {median(before):.3g} to {median(after):.3g} at logged value {step} of {len(values)}",
                evidence=[point("level before", median(before)), point("level after", median(after))],
                cause="not known from the loss alone: the training became unstable, or other data began there",
                remedy="if it does not come back, go on from the checkpoint before it and skip these batches",
                fault=Fault.loss_jumped,
                confidence=0.8,
            )
    return None


def burst_of(values: list[float]) -> Finding | None:
    """Return the finding on few values that end a hundred times above all before; None where they don't."""
    after = values[::-1]
    level = median(values[:BEFORE_BURST]) if len(values) >= BEFORE_BURST + AFTER_BURST else 0.0
    if level <= 0 or median(after[:AFTER_BURST]) <= BURST * level or min(after[:AFTER_BURST]) <= LEAST_BURST * level:
        return None
    return failed(
        f"grows from {level:.3g} to {median(after[:AFTER_BURST]):.3g} within {len(values)} logged values",
        evidence=[point("policy_loss, first values", level), point("policy_loss, last values", after[0])],
        cause="not known from the loss alone: steps too large for the slope, or a batch with values far outside",
        remedy="go back to the last checkpoint before it; look at that step's gradient norm and batch, then clip",
        fault=Fault.loss_jumped,
        confidence=0.9,
    )
