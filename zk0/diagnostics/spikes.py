"""Single steps far above their neighbours: what `loss.spikes` looks for.

A spike is judged on a logarithm, in units of the series' own noise: skewed noise has no spikes. A loss that may fall
below 0, as a likelihood does, has no logarithm; there only values far outside of everything count.
"""

from math import log
from statistics import median

from zk0.diagnostics.series import DEVIATIONS
from zk0.diagnostics.trends import MINIMUM_STEPS

SPIKE = 5.0  # times the median of its neighbours
SPIKE_NOISE = 6.0  # and so many deviations of the series' own noise, robustly measured
NEIGHBOURS = 7  # steps on each side
MATTERS = 0.1  # of where the loss began: far below it, steps of Adam are large for what is left, and nothing is lost
OUTSIDE = 20.0  # deviations, of a loss that may be below 0


def spikes_of(values: list[float]) -> list[int]:
    """Return the steps that are far above their neighbours."""
    if min(values) <= 0:
        level = median(values)
        noise = DEVIATIONS * median(abs(value - level) for value in values)
        return [step for step, value in enumerate(values) if value - level > OUTSIDE * noise > 0]
    return [step for step in _above_neighbours(values) if values[step] > MATTERS * median(values[:MINIMUM_STEPS])]


def _above_neighbours(values: list[float]) -> list[int]:
    logs = [log(value) for value in values]
    above = []
    for step, value in enumerate(logs):
        around = logs[max(0, step - NEIGHBOURS) : step] + logs[step + 1 : step + 1 + NEIGHBOURS]
        above.append(value - median(around))
    noise = DEVIATIONS * median(abs(value) for value in above)
    return [
        step
        for step, value in enumerate(above)
        if value > log(SPIKE) and value > SPIKE_NOISE * noise and not _begins(logs, step)
    ]


def _begins(logs: list[float], step: int) -> bool:
    """Return whether a training begins here, in the log or again: the next value has not come back either."""
    before, after = logs[max(0, step - NEIGHBOURS) : step], logs[step + 1 : step + 2]
    return not before or (bool(after) and after[0] - median(before) > log(SPIKE))
