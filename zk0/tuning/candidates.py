"""The values of mu to try: a ladder down to FedAvg, then finer steps around the best."""

import math
from collections.abc import Collection

LADDER = (10, 100, 1000)  # what the current value is divided by
FROM_ZERO = (0.001, 0.01, 0.1)  # the ladder where the current value is 0
STEP = 2.0  # factor of a finer step
SAME = 1.5  # values closer than this factor are not worth two measurements


def ladder(current: float) -> list[float]:
    """Return the current value first, then smaller ones by factors of ten, and 0, which is FedAvg."""
    if current == 0:
        return [0.0, *FROM_ZERO]
    return [current, *(_rounded(current / divisor) for divisor in LADDER), 0.0]


def finer(best: float, tried: Collection[float]) -> list[float]:
    """Return the values beside the best that are still to be tried."""
    beside = (_rounded(best / STEP), _rounded(best * STEP)) if best else ()
    return [mu for mu in beside if not any(_is_near(mu, other) for other in tried)]


def _is_near(mu: float, other: float) -> bool:
    return other > 0 and abs(math.log(mu / other)) < math.log(SAME)


def _rounded(mu: float) -> float:
    """Return the value with three digits, as a person would write it."""
    return float(f"{mu:.3g}")
