"""A series of any length in bounded memory: beyond a limit, each window of steps keeps its smallest and largest value.

That is how an oscilloscope draws more samples than it has columns: spikes and trends stay, what lies between goes. A
window's two values keep the order in which they came.
"""

import math
from array import array
from collections.abc import Iterator
from itertools import chain

NOTHING = math.nan  # marks, within an array, a step without a measurement


class Series:
    """The values of one quantity, one a step; `entries` are fewer than the steps once it was thinned."""

    __slots__ = ("stride", "values")

    def __init__(self, stride: int = 1) -> None:
        self.values = array("d")
        self.stride = stride

    def put(self, step: int, value: float) -> None:
        """Keep the value of a step; the latest counts where there are several."""
        values = self.values
        if self.stride == 1:
            missing = step - len(values)
            if missing == 0:
                values.append(value)
                return
            if missing > 0:
                values.extend([NOTHING] * missing)
                values.append(value)
            else:
                values[step] = value
            return
        self._put_in_window(2 * (step // (2 * self.stride)), value)

    def _put_in_window(self, at: int, value: float) -> None:
        values = self.values
        if at + 2 > len(values):
            values.extend([NOTHING] * (at + 2 - len(values)))
        earlier, later = values[at], values[at + 1]
        if math.isnan(earlier):
            values[at] = value
        elif math.isnan(later):
            values[at + 1] = value
        elif value < min(earlier, later):
            values[at], values[at + 1] = max(earlier, later), value
        elif value > max(earlier, later):
            values[at], values[at + 1] = min(earlier, later), value

    def halve(self) -> None:
        """Let each window of two entries more stand for its smallest and largest, in the order they came."""
        old = self.values
        self.stride *= 2
        self.values = array("d")
        if not math.isnan(sum(old)):
            self.values.extend(chain.from_iterable(_extremes(old)))
            old = old[len(old) - len(old) % 4 :]
        for start in range(0, len(old), 4):
            at = len(self.values)
            for value in old[start : start + 4]:
                if not math.isnan(value):
                    self._put_in_window(at, value)
            if len(self.values) < at + 2:
                self.values.extend([NOTHING] * (at + 2 - len(self.values)))

    def as_list(self, entries: int) -> list[float | None]:
        """Return `entries` values, null where nothing was measured."""
        found: list[float | None] = [None if value != value else value for value in self.values]  # noqa: PLR0124  NaN
        return found + [None] * (entries - len(found))


def _extremes(values: array[float]) -> Iterator[tuple[float, float]]:
    """Yield the smallest and the largest of every four values, in the order they came."""
    whole = len(values) - len(values) % 4
    for a, b, c, d in zip(values[:whole:4], values[1:whole:4], values[2:whole:4], values[3:whole:4], strict=True):
        low, high = min(a, b, c, d), max(a, b, c, d)
        first = a if a in (low, high) else b if b in (low, high) else c
        yield (low, high) if first == low else (high, low)
