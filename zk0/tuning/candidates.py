"""The values of mu to try: a ladder down to FedAvg, then finer steps around the best."""

import math
from collections.abc import Collection

LADDER = (10, 100, 1000)  # what the current value is divided by
FROM_ZERO = (0.001, 0.01, 0.1)  # the ladder where the current value is 0
SAME = 1.5  # values closer than this factor are not worth two measurements
WIDE = 10.0  # how far a side reaches where nothing was tried on it


def ladder(current: float) -> list[float]:
    """Return the current value first, then smaller ones by factors of ten, and 0, which is FedAvg."""
    if current == 0:
        return [0.0, *FROM_ZERO]
    return [current, *(_rounded(current / divisor) for divisor in LADDER), 0.0]


def neighbours(best: float, tried: Collection[float]) -> tuple[float, float]:
    """Return the values next to the best one, below and above, 0 left aside; a tenth or ten times it where none is."""
    below = max((mu for mu in tried if 0 < mu < best), default=best / WIDE)
    return below, min((mu for mu in tried if mu > best), default=best * WIDE)


def finer(best: float, tried: Collection[float]) -> float | None:
    """Return the middle, by logarithm, of the wider side of the best; None if both sides are narrow."""
    if best == 0:
        return None
    below, above = neighbours(best, tried)
    if max(above / best, best / below) < SAME**2:
        return None
    return _rounded(math.sqrt(best * (above if above / best >= best / below else below)))


def _rounded(mu: float) -> float:
    """Return the value with two digits, as a person would write it."""
    return float(f"{mu:.2g}")
