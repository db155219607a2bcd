"""The aggregation probe: what a strategy or a function makes of three clients' replies."""

from __future__ import annotations

import copy
import inspect
import itertools
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from . import robustness
from .binding import Attempts, run_each
from .certain import note_of_import
from .findings import PointFinding, Points, failed, largest_gap, not_applicable, not_available, passed, warned
from .functions import AggregatingFunction
from .replies import AGGREGATION
from .returned import nothing_returned, types_kept
from .rounds import Aggregate, Aggregator, Round, flat, make_round
from .strategies import STRATEGY_METHODS, is_strategy, order_may_decide, other_meaning, strategy_variants
from .targets import Target, find_target, refuse_value
from .weight_solver import comparable, explain, is_mean, keeps_earlier_round, numbers

log = logging.getLogger(__name__)

IN_PLACE = (
    "aggregate-in-place",
    "the sum is built in a client's own tensor or dict (+=, add_, out=, a client's dict filled with the mean)",
    "begin with zeros_like, or a deep copy",
)
FROM_ZERO = "start each round from zero"


@dataclass(frozen=True)
class AggregatedRound:
    """A round, a way to aggregate it, and the result."""

    aggregator: Aggregator
    result: Aggregate
    round: Round

    @property
    def meaning(self) -> str | None:
        """What the strategy computes where it is not the mean by intention."""
        return other_meaning(self.aggregator.value)

    @property
    def equal(self) -> Round:
        """The round with as many examples at each client."""
        return self.round.changed(updates=tuple(replace(update, examples=1) for update in self.round.updates))

    @property
    def other_mean(self) -> bool:
        """Whether it is a mean that can't weigh, for it is told no weights."""
        return not self.aggregator.weighs and is_mean(self.result, self.equal)

    def root(self, otherwise: str | None) -> str | None:
        """Return the fault of the mean, where that is wrong: other points then fail for the same reason."""
        return otherwise if is_mean(self.result, self.round) else explain(self.result, self.round).fault


def aggregation_points(text: object, root: Path) -> tuple[str, Points]:
    """Return the place of a strategy or an aggregating function, and what is found at each point."""
    target = find_target(text, root)
    return target.at, itertools.chain(_points(target), note_of_import(target))


def _points(target: Target) -> Points:
    done = _first_working_variant(target)
    result = done.result
    if result.arrays is None:
        yield "returned", nothing_returned(done.result, done.aggregator)
        return
    if done.aggregator.kind == "strategy" and not result.paired:
        yield (
            "returned",
            failed(
                f"it returns {type(result.raw).__name__} alone; Flower's server unpacks two values",
                "aggregate-not-returned",
                "the metrics are missing from the return",
                "return parameters, metrics",
            ),
        )
        return
    yield "returned", passed("it returns tensors" + (" and metrics" if result.paired else ""))
    yield "types", types_kept(result, done.round)
    if not comparable(result, done.round):
        yield "mean", not_available("its tensors can't be compared with those sent")
        return
    yield "mean", _mean(done)
    yield "order", _order_of_clients(done)
    yield "one-client", _one_client(done)
    yield "next-round", _next_round(done)
    yield "untouched", _untouched(done.aggregator)
    yield "names", _names(done)
    for point, check in robustness.POINTS.items():
        yield point, check(done.aggregator, done.round)


def _first_working_variant(target: Target) -> AggregatedRound:
    """Return the first way to call whose result is the mean, else the first that runs."""
    round_ = make_round()
    ran: list[AggregatedRound] = []
    ways = run_each(_variants(target), lambda way: way.once(round_), Attempts(target, AGGREGATION))
    for aggregator, result in ways:
        ran.append(AggregatedRound(aggregator, result, round_))
        if is_mean(result, round_):
            return ran[-1]
    return next((done for done in ran if done.result.arrays is not None), ran[0])


def _variants(target: Target) -> Iterator[Aggregator]:
    value = target.value
    if is_strategy(value):
        return strategy_variants(target)
    if target.owner is not None and target.attribute in STRATEGY_METHODS:
        return itertools.chain(_as_strategy(target), _as_function(target))
    return _as_function(target)


def _as_strategy(target: Target) -> Iterator[Aggregator]:
    """Yield the way to call a strategy's method: as Flower's server does, where the strategy can be made."""
    try:
        yield from strategy_variants(replace(target, value=target.owner, owner=None))
    except Exception as error:  # noqa: BLE001  foreign constructors may raise anything; the method may need no object
        log.info("%s can't be made: %s: %s", target.name, type(error).__name__, error)


def _as_function(target: Target) -> Iterator[Aggregator]:
    if not callable(target.value):
        raise refuse_value(target, "nothing that aggregates")
    if inspect.isclass(target.value):
        target = _called(target, target.value)
    function = AggregatingFunction(target)
    return strategy_variants(target) if function.makes_strategy else function.variants()


def _called(target: Target, owner: type) -> Target:
    """Return the target that a class of callable objects stands for: what they do when they are called."""
    function = inspect.getattr_static(owner, "__call__", None)
    if not inspect.isfunction(function) or function.__module__.startswith("torch."):
        return target
    return replace(target, text=f"{target.text}.__call__", value=function, owner=owner)


def _mean(done: AggregatedRound) -> PointFinding:
    if is_mean(done.result, done.round):
        return passed("it is the mean by number of examples", numbers(done.result, done.round))
    if done.meaning:
        return not_applicable(done.meaning)
    if done.other_mean:
        return warned(
            "it is the mean in which each client counts the same: it is not told how many examples a client has",
            "aggregate-weights",
            "it takes no numbers of examples",
            "give it the numbers of examples, and weigh by them; where all clients have as many, this is right",
            numbers(done.result, done.round),
        )
    return explain(done.result, done.round)


def _order_of_clients(done: AggregatedRound) -> PointFinding:
    other = done.aggregator.once(done.round.changed(updates=done.round.updates[::-1]))
    gap = float("nan")
    if other.arrays is not None:
        one, two = (flat(result.arrays or {}, done.round.current) for result in (done.result, other))
        if np.allclose(one, two, rtol=1e-4, atol=1e-6):
            return passed("the order of the replies does not matter")
        gap = float(np.abs(one - two).max())
    if done.meaning and order_may_decide(done.meaning):
        return not_applicable(f"{done.meaning}; among equals the order may decide")
    return failed(
        f"with the replies in reverse order the aggregate differs by up to {gap:.3g}",
        "aggregate-weights" if done.meaning else done.root("aggregate-weights"),
        "the place in the list decides: weights by index, the first reply, a sorted list beside an unsorted one",
        "keep each reply's tensors and its weight together",
        {"largest difference": gap, "expected": 0.0},
    )


def _one_client(done: AggregatedRound) -> PointFinding:
    if done.meaning:
        return not_applicable(done.meaning)
    alone = done.round.changed(updates=done.round.updates[:1])
    got = done.aggregator.attempt(alone)
    if isinstance(got, Exception) or got.arrays is None:
        reason = f"{type(got).__name__}: {got}" if isinstance(got, Exception) else "nothing comes back"
        return not_available(f"one reply alone is not aggregated ({reason})")
    if is_mean(got, alone):
        return passed("one client alone is returned as it is")
    return failed(
        "of one client alone it returns something else",
        done.root("aggregate-weights"),
        "the weights do not sum to 1",
        "divide by the sum of the weights",
        numbers(got, alone),
    )


def _next_round(done: AggregatedRound) -> PointFinding:
    """A second round on the same object gives what the same round gives on a fresh one."""
    second = make_round(1)
    aggregate = done.aggregator.fresh()
    aggregate(copy.deepcopy(done.round))
    try:
        got = aggregate(copy.deepcopy(second))
    except Exception as error:  # noqa: BLE001  foreign code may raise anything
        message = f"the second round raises {type(error).__name__}: {error}"
        cause = "something of the first round is left behind"
        return failed(message, "aggregate-not-returned", cause, FROM_ZERO)
    if done.meaning:
        return not_applicable(done.meaning)
    if is_mean(got, second):
        return passed("a second round gives the second round's mean")
    alone = done.aggregator.attempt(second)
    if isinstance(alone, Aggregate) and comparable(alone, second) and comparable(got, second):
        one, other = (flat(each.arrays or {}, second.current) for each in (alone, got))
        if np.allclose(one, other, rtol=1e-4, atol=1e-6):
            return passed("a second round gives what it gives alone: nothing is kept of the first")
    return failed(
        "a second round does not give the second round's mean",
        _fault_of_second(got, done.round, second) if is_mean(done.result, done.round) else done.root(None),
        "something of the first round is kept: a sum, a cache, a momentum",
        FROM_ZERO,
        numbers(got, second),
    )


def _fault_of_second(got: Aggregate, first: Round, second: Round) -> str | None:
    if not comparable(got, second) or is_mean(got, first):
        return "aggregate-not-returned"
    return "aggregate-weights" if keeps_earlier_round(got, first, second) else explain(got, second).fault


def _untouched(aggregator: Aggregator) -> PointFinding:
    given = make_round()
    before = copy.deepcopy(given)
    change = aggregator.fresh()(given).changed
    if change is not None and change.shared:
        return passed("each client is given the aggregate; nothing else is done to its tensors")
    if change is not None:
        shown: dict[str, float | str | None] = {"place": change.where, "before": float(np.ravel(change.before)[0])}
        if change.after is not None and np.size(change.after):
            shown["after"] = float(np.ravel(change.after)[0])
        return failed(f"what it was given is changed, at {change.where}", *IN_PLACE, shown)
    for update, untouched in zip(given.updates, before.updates):
        for name, value in update.arrays.items():
            if not np.array_equal(value, untouched.arrays[name]):
                return failed(
                    f"{name} of {update.client} is changed by the aggregation",
                    *IN_PLACE,
                    largest_gap(name, untouched.arrays[name], value, labels=("before", "after")),
                )
    return passed("the clients' tensors are left as they are")


def _names(done: AggregatedRound) -> PointFinding:
    """Clients may list the same names in another order."""
    if done.result.names is None:
        return not_applicable("its tensors have positions, no names")
    first, second, third = done.round.updates
    mixed = replace(second, arrays=dict(reversed(second.arrays.items())))
    got = done.aggregator.attempt(done.round.changed(updates=(first, mixed, third)))
    if isinstance(got, Exception):
        return passed("another order of names is refused")
    if is_mean(got, done.round):
        return passed("tensors are paired by name, in whatever order a client lists them")
    if done.meaning or not is_mean(done.result, done.round):
        return not_available("rests on the mean")
    return failed(
        "a client that lists the same tensors in another order is averaged into the wrong ones",
        "exchange-incomplete",
        "tensors are paired by position (.values(), zip)",
        "pair tensors by name",
        numbers(got, done.round),
    )
