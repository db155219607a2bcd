"""What all diagnostics share: a judgement of each round or client in turn, numbers as evidence, series without gaps."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from math import log
from statistics import StatisticsError, correlation, linear_regression, median

from zk0.core.verdicts import Evidence, Finding, not_available
from zk0.ledger import Evaluation, Ledger, Training

NOT_TRAINED = "no client has trained"
FEDAVG = "mu is 0: this is FedAvg"

type Points = list[tuple[int, float]]
type LedgerCheck = Callable[[Ledger], Iterator[Finding]]

DEVIATIONS = 1.4826  # the deviation of normal noise over its median absolute deviation
TENTH = 10  # a series' beginning and end are its first and last tenth: one value is noise, a half is half the story


def where(training: Training) -> str:
    """Return how a client's round is called in a finding."""
    return f"{training.client}, round {training.round}"


def point(name: str, value: float | str | None, unit: str = "", *, at: str = "") -> Evidence:
    """Return one number as evidence; `judge_each` fills in the place where there is none."""
    return Evidence(name=name, value=value, unit=unit, at=at)


def judge_each[T](
    items: Iterable[tuple[str, T]], judge: Callable[[T], Finding], *, nothing: str = NOT_TRAINED
) -> Iterator[Finding]:
    """Yield the finding on each item, with its place; where there is no item, say that there is `nothing`."""
    empty = True
    for at, item in items:
        empty = False
        finding = judge(item)
        evidence = [one if one.at else one.model_copy(update={"at": at}) for one in finding.evidence]
        yield finding.model_copy(update={"at": at, "evidence": tuple(evidence)})
    if empty:
        yield not_available(nothing)


def each[T](
    items: Callable[[Ledger], Iterable[tuple[str, T]]], nothing: str = NOT_TRAINED
) -> Callable[[Callable[[T, Ledger], Finding]], LedgerCheck]:
    """Make a check of a ledger out of a function that judges one of its items; see `judge_each`."""

    def decorate(judge: Callable[[T, Ledger], Finding]) -> LedgerCheck:
        def judge_ledger(ledger: Ledger) -> Iterator[Finding]:
            return judge_each(items(ledger), lambda item: judge(item, ledger), nothing=nothing)

        # Not `wraps`: the check's signature is that of the ledger.
        judge_ledger.__doc__, judge_ledger.__module__ = judge.__doc__, judge.__module__
        return judge_ledger

    return decorate


def with_places(trainings: Iterable[Training]) -> Iterator[tuple[str, Training]]:
    """Yield each client's round with its place."""
    return ((where(training), training) for training in trainings)


def by_data_set(ledger: Ledger) -> Iterator[tuple[str, list[Evaluation]]]:
    """Yield each evaluated data set with its evaluations, in the order of rounds."""
    for name, role in dict.fromkeys((one.dataset, one.role) for one in ledger.evaluations):
        found = [one for one in ledger.evaluations if (one.dataset, one.role) == (name, role)]
        yield name, sorted(found, key=lambda one: one.round)


def by_client(trainings: Iterable[Training]) -> Iterator[tuple[str, list[Training]]]:
    """Yield each client with its rounds in order."""
    ordered = sorted(trainings, key=lambda training: (training.client, training.round))
    for client, group in groupby(ordered, key=lambda training: training.client):
        yield client, list(group)


each_training = each(lambda ledger: with_places(ledger.trainings))
each_client = each(lambda ledger: by_client(ledger.trainings))


def is_lost(one: Evaluation) -> bool:
    """Return whether an evaluation gave no number, as NaN, infinity, or the null that JSON has for them."""
    return one.loss is None and one.missing.get("loss") in ("not finite", "null in the log")


def is_accuracy(name: str) -> bool:
    """Return whether a metric of an evaluation is its accuracy, by whatever name."""
    return "acc" in name.lower()


def accuracy(one: Evaluation) -> float | None:
    """Return the accuracy of an evaluation as a share; None where it has none, or in other units."""
    value = next((value for name, value in one.metrics.items() if is_accuracy(name)), None)
    return value if value is not None and 0 <= value <= 1 else None


def accuracies_of(found: Iterable[Evaluation]) -> list[float]:
    """Return the accuracies of evaluations, in order, of those that have one."""
    return [value for one in found if (value := accuracy(one)) is not None]


def scores_of(found: Iterable[Evaluation]) -> dict[str, list[float]]:
    """Return {name: values in order} of all scores of evaluations that are shares, 1 the best; the accuracy is one."""
    scores: dict[str, list[float]] = {}
    for one in found:
        for name, value in one.metrics.items():
            if 0 <= value <= 1:
                scores.setdefault(name, []).append(value)
    return scores


def repeated_at_end(values: Sequence[float]) -> int:
    """Return how many of the last values are the same."""
    return next((count for count, value in enumerate(reversed(values)) if value != values[-1]), len(values))


def measured(series: Sequence[float | None]) -> Points:
    """Return (step, value) where a value was measured."""
    return [(step, value) for step, value in enumerate(series) if value is not None]


def joined(trainings: Iterable[Training], series: Callable[[Training], Sequence[float | None]]) -> list[float]:
    """Return what was measured in all of these rounds as one series."""
    return [value for training in trainings for _, value in measured(series(training))]


def losses_of(trainings: Iterable[Training]) -> list[float]:
    """Return the policy losses of all of these rounds as one series."""
    return joined(trainings, lambda training: training.policy_loss)


def starts_of(trainings: Iterable[Training]) -> list[int]:
    """Return which of their policy losses are the first of a training, where the log counts anew within a round."""
    found: list[int] = []
    before = 0
    for training in trainings:
        steps = [step for step, _ in measured(training.policy_loss)]
        found += [before + bisect_left(steps, restart) for restart in training.restarts]
        before += len(steps)
    return [start for start in found if 0 < start < before]


def ends(values: Sequence[float]) -> tuple[float, float]:
    """Return the medians of the first and of the last tenth."""
    tenth = max(1, len(values) // TENTH)
    return median(values[:tenth]), median(values[-tenth:])


def thinned(values: Sequence[float], most: int) -> list[float]:
    """Return at most `most` values: the medians of as many equal parts."""
    size = -(-len(values) // most)
    return [median(values[at : at + size]) for at in range(0, len(values), size)]


def line(xs: Sequence[float], ys: Sequence[float]) -> tuple[float, float]:
    """Return (slope, R squared) of the least-squares line; both are 0 where the values do not vary."""
    try:
        return linear_regression(xs, ys).slope, correlation(xs, ys) ** 2
    except StatisticsError:
        return 0.0, 0.0


def growth_exponent(xs: Sequence[float], ys: Sequence[float]) -> float:
    """Return the slope of log(y) over log(x): 1 for linear growth, 2 for quadratic. All must be above 0."""
    return line([log(x) for x in xs], [log(y) for y in ys])[0]
