"""Measure the promised speeds; on a shared machine, absolute numbers vary and ratios hold."""

import time
from collections.abc import Callable
from statistics import median


def milliseconds(function: Callable[[], object], *, runs: int = 7) -> float:
    """Return the median time of a call, after one that is not counted."""
    function()
    taken = []
    for _ in range(runs):
        started = time.perf_counter()
        function()
        taken.append(time.perf_counter() - started)
    return median(taken) * 1000
