"""Names of rounds, numbers as evidence, and series without gaps: the vocabulary that all diagnostics share."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from math import log
from statistics import median

from zk0.core.verdicts import Evidence
from zk0.ledger import Training


def where(training: Training) -> str:
    """Return how a client's round is called in a finding."""
    return f"{training.client}, round {training.round}"


def point(name: str, value: float | str | None, at: str, unit: str = "") -> Evidence:
    """Return one number as evidence."""
    return Evidence(name=name, value=value, unit=unit, at=at)


type Points = list[tuple[int, float]]

TENTH = 10  # a series' beginning and end are its first and last tenth: one value is noise, a half is half the story


def measured(series: Sequence[float | None]) -> Points:
    """Return (step, value) where a value was measured."""
    return [(step, value) for step, value in enumerate(series) if value is not None]


def by_client(trainings: Iterable[Training]) -> Iterator[tuple[str, list[Training]]]:
    """Yield each client with its rounds in order."""
    ordered = sorted(trainings, key=lambda training: (training.client, training.round))
    for client, group in groupby(ordered, key=lambda training: training.client):
        yield client, list(group)


def joined(trainings: Iterable[Training], series: Callable[[Training], Sequence[float | None]]) -> list[float]:
    """Return what was measured in all of these rounds as one series."""
    return [value for training in trainings for _, value in measured(series(training))]


def ends(values: Sequence[float]) -> tuple[float, float]:
    """Return the medians of the first and of the last tenth."""
    tenth = max(1, len(values) // TENTH)
    return median(values[:tenth]), median(values[-tenth:])


def thinned(values: Sequence[float], most: int) -> list[float]:
    """Return at most `most` values: the medians of as many equal parts."""
    size = -(-len(values) // most)
    return [median(values[at : at + size]) for at in range(0, len(values), size)]


def line(xs: Sequence[float], ys: Sequence[float]) -> tuple[float, float]:
    """Return (slope, R squared) of the least-squares line; R squared is 0 where the values do not vary."""
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    spread_x = sum((value - x) ** 2 for value in xs)
    spread_y = sum((value - y) ** 2 for value in ys)
    both = sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True))
    if spread_x == 0 or spread_y == 0:
        return 0.0, 0.0
    return both / spread_x, both**2 / (spread_x * spread_y)


def growth_exponent(xs: Sequence[float], ys: Sequence[float]) -> float:
    """Return the slope of log(y) over log(x): 1 for linear growth, 2 for quadratic. All must be above 0."""
    return line([log(x) for x in xs], [log(y) for y in ys])[0]
