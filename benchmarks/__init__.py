"""Measure the promised speeds; on a shared machine, absolute numbers vary and ratios of processor time hold.

What is compared takes turns, each once before the clock counts, so a slow minute of the machine meets all sides.
"""

import resource
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Measured:
    """A number beside its goal; `spread` says between what it lay over the repetitions."""

    what: str
    value: float
    unit: str
    goal: float
    at_least: bool = False
    spread: str = ""

    @property
    def verdict(self) -> str:
        """Whether it meets its goal."""
        return "met" if (self.value >= self.goal if self.at_least else self.value <= self.goal) else "missed"

    @property
    def wanted(self) -> str:
        """The goal as a text."""
        return f"{'≥' if self.at_least else '≤'} {self.goal:g} {self.unit}"

    def __str__(self) -> str:
        spread = f" ({self.spread})" if self.spread else ""
        return f"{self.value:.3g} {self.unit}{spread}, goal {self.wanted}: {self.verdict}"


def milliseconds(function: Callable[[], object], *, runs: int = 7) -> float:
    """Return the median time of a call, after one that is not counted."""
    function()
    taken = []
    for _ in range(runs):
        started = time.perf_counter()
        function()
        taken.append(time.perf_counter() - started)
    return median(taken) * 1000


def processor_seconds(*calls: Callable[[], object], runs: int = 5) -> list[list[float]]:
    """Return the processor time of each call, of this process and those it waited for; the calls take turns."""
    taken: list[list[float]] = [[] for _ in calls]
    for number in range(runs + 1):
        for call, times in zip(calls, taken, strict=True):
            before = _processor_time()
            call()
            if number:
                times.append(_processor_time() - before)
    return taken


def _processor_time() -> float:
    own, waited_for = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + waited_for.ru_utime + waited_for.ru_stime  # microseconds; os.times has 10 ms


def ratio(
    what: str, above: Iterable[float], below: Iterable[float], goal: float, *, at_least: bool = False
) -> Measured:
    """Compare two lists of times, turn by turn: the median of the ratios, and between what they lay."""
    ratios = sorted(one / other for one, other in zip(above, below, strict=True))
    spread = f"{ratios[0]:.3g} to {ratios[-1]:.3g}"
    return Measured(what, median(ratios), "x", goal, at_least=at_least, spread=spread)


def seconds(what: str, times: Iterable[float], goal: float) -> Measured:
    """Return the median of some processor times beside its goal."""
    ordered = sorted(times)
    return Measured(what, median(ordered), "s", goal, spread=f"{ordered[0]:.3g} to {ordered[-1]:.3g}")
