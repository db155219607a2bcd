"""The aggregation probe: what a strategy or a function makes of three clients' replies."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from zk0.core.errors import ProbeError
from zk0.core.faults import Fault
from zk0.core.verdicts import Evidence, Finding
from zk0.probes.inside import robustness
from zk0.probes.inside.binding import parameters_of, roles_of, signature_text, uncallable
from zk0.probes.inside.points import Points
from zk0.probes.inside.rounds import AGGREGATION, Aggregate, Aggregator, Round, function_ways, make_round
from zk0.probes.inside.strategies import is_strategy, other_meaning, strategy_ways
from zk0.probes.inside.targets import Target, describe, find_target
from zk0.probes.inside.weight_solver import comparable, explain, is_mean, kept_of, numbers

WORKFLOW = "aggregation-fix"


def probe_aggregation(text: str, root: Path) -> Iterator[Finding]:
    """Yield the findings about a strategy or an aggregating function.

    Raises:
        ProbeError: the target can't be found, or not be called.
    """
    target = find_target(text, root)
    points = Points("probe.aggregation", target.at, WORKFLOW)
    way, found = _first_that_works(target)
    given = make_round()
    if found.arrays is None:
        yield _nothing_returned(way, found, points)
        return
    if broken := _not_a_pair(way, found, points):
        yield broken
        return
    yield points.passed("returned", "it returns tensors" + (" and metrics" if found.paired else ""))
    yield from _kept(way, found, given, points)
    if not comparable(found, given):
        yield points.not_available("mean", "its tensors can't be compared with those sent")
        return
    for judge in (_mean, _order_of_clients, _one_client, _next_round, _untouched, _named):
        yield from judge(way, found, given, points)
    for harden in robustness.JUDGES:
        yield from harden(way, given, points)


def _first_that_works(target: Target) -> tuple[Aggregator, Aggregate]:
    """Return the first way to call whose result is the mean, else the first that runs."""
    given = make_round()
    kept: tuple[Aggregator, Aggregate] | None = None
    first: Exception | None = None
    for way in _ways(target):
        try:
            found = way.once(given)
        except ProbeError:
            raise
        except Exception as error:  # noqa: BLE001  foreign code may raise anything; the first is told below
            first = first or error
            continue
        if is_mean(found, given):
            return way, found
        if kept is None or (kept[1].arrays is None and found.arrays is not None):
            kept = way, found
    if kept is not None:
        return kept
    name = target.text.rpartition(":")[2]
    signature = signature_text(target.value) if callable(target.value) else ""
    shown = describe(first, target.root) if first else "there is no way to give it its arguments"
    raise uncallable(f"{name}{signature} at {target.at} can't be called: {shown}", AGGREGATION)


def _ways(target: Target) -> Iterator[Aggregator]:
    value = target.value
    if is_strategy(value):
        yield from strategy_ways(target)
        return
    if not callable(value):
        raise ProbeError(f"{target.text} is a {type(value).__name__}, nothing that aggregates")
    roles = roles_of(value, AGGREGATION, what=target.text.rpartition(":")[2], at=target.at)
    needed = [each for each in parameters_of(value, what=target.text) if each.default is each.empty]
    if not needed or set(roles.values()) <= {"context", "mu", "initial", "rate", "round"}:
        yield from strategy_ways(target)
    else:
        yield from function_ways(value, roles)


def _nothing_returned(way: Aggregator, found: Aggregate, points: Points) -> Finding:
    if way.kind == "strategy" and found.paired:
        what = "Flower then keeps the old parameters without a word"
    elif way.kind == "strategy":
        what = "Flower's server can't unpack it (TypeError: cannot unpack non-iterable NoneType object)"
    else:
        what = "the aggregate is lost"
    return points.failed(
        "returned",
        f"three valid replies, and it returns {_shown(found.raw)}: {what}",
        Fault.aggregate_not_returned,
        "a path of the function ends without returning the aggregate",
        "return the aggregated parameters and the metrics",
        (Evidence(name="returned", value=_shown(found.raw)), Evidence(name="expected", value="(parameters, metrics)")),
    )


def _not_a_pair(way: Aggregator, found: Aggregate, points: Points) -> Finding | None:
    if way.kind != "strategy" or found.paired:
        return None
    return points.failed(
        "returned",
        f"it returns {type(found.raw).__name__} alone; Flower's server unpacks two values",
        Fault.aggregate_not_returned,
        "the metrics are missing from the return",
        "return parameters, metrics",
    )


def _kept(way: Aggregator, found: Aggregate, given: Round, points: Points) -> Iterator[Finding]:
    """Names, shapes and dtypes."""
    assert found.arrays is not None
    lost = sorted(given.current.keys() - found.arrays.keys())
    added = sorted(found.arrays.keys() - given.current.keys())
    if lost or added:
        yield points.failed(
            "types",
            f"tensor {(lost or added)[0]} is {'lost' if lost else 'added'} ({len(lost or added)} in all)",
            Fault.exchange_incomplete,
            "some tensors are skipped, or the last of a zip",
            "go over the names of the global parameters",
            (Evidence(name="tensors in", value=len(given.current)), Evidence(name="out", value=len(found.arrays))),
        )
        return
    for name, origin in given.current.items():
        got = found.arrays[name]
        evidence = (
            Evidence(name=f"{name} returned", value=f"{got.shape} {got.dtype}"),
            Evidence(name="sent", value=f"{origin.shape} {origin.dtype}"),
        )
        cause = "an operation broadcasts or casts"
        if got.shape != origin.shape or (got.dtype != origin.dtype and got.dtype.itemsize < origin.dtype.itemsize):
            message = f"{name} comes back as {got.shape} {got.dtype}, not {origin.shape} {origin.dtype}"
            yield points.failed("types", message, Fault.aggregate_type, cause, "keep each tensor's type", evidence)
            return
        if got.dtype != origin.dtype:
            yield points.warned(
                "types",
                f"{origin.dtype} comes back as {got.dtype}: {got.dtype.itemsize // origin.dtype.itemsize} times the "
                "bytes",
                Fault.aggregate_type,
                "NumPy widens: a Python list of weights or np.average makes float64",
                "cast the result to each tensor's dtype",
                evidence,
            )
            return
    yield points.passed("types", "names, shapes and dtypes are kept")


def _mean(way: Aggregator, found: Aggregate, given: Round, points: Points) -> Iterator[Finding]:
    if is_mean(found, given):
        yield points.passed("mean", "it is the mean by number of examples", numbers(found, given))
    elif (meaning := _meaning(way)) is not None:
        yield points.not_applicable("mean", meaning)
    else:
        yield points.broken("mean", explain(found, given))


def _order_of_clients(way: Aggregator, found: Aggregate, given: Round, points: Points) -> Iterator[Finding]:
    turned = given.changed(updates=given.updates[::-1])
    other = way.once(turned)
    names = [name for name in given.current if found.arrays and name in found.arrays]
    if other.arrays is not None and np.allclose(found.flat(names), other.flat(names), rtol=1e-4, atol=1e-6):
        yield points.passed("order", "the order of the replies does not matter")
        return
    if (meaning := _meaning(way)) is not None:
        yield points.not_applicable("order", f"{meaning}; among equals the order may decide")
        return
    gap = float("nan") if other.arrays is None else float(np.abs(found.flat(names) - other.flat(names)).max())
    yield points.failed(
        "order",
        f"with the replies in reverse order the aggregate differs by up to {gap:.3g}",
        _root(found, given, Fault.aggregate_weights),
        "the place in the list decides: weights by index, the first reply, a sorted list beside an unsorted one",
        "keep each reply's tensors and its weight together",
        (Evidence(name="largest difference", value=gap), Evidence(name="expected", value=0.0)),
    )


def _one_client(way: Aggregator, found: Aggregate, given: Round, points: Points) -> Iterator[Finding]:
    if (meaning := _meaning(way)) is not None:
        yield points.not_applicable("one-client", meaning)
        return
    alone = given.changed(updates=given.updates[:1])
    got, error = _tried(way, alone)
    if error is not None or got is None or got.arrays is None:
        reason = "nothing comes back" if error is None else f"{type(error).__name__}: {error}"
        yield points.not_available("one-client", f"one reply alone is not aggregated ({reason})")
    elif is_mean(got, alone):
        yield points.passed("one-client", "one client alone is returned as it is")
    else:
        yield points.failed(
            "one-client",
            "of one client alone it returns something else",
            _root(found, given, Fault.aggregate_weights),
            "the weights do not sum to 1",
            "divide by the sum of the weights",
            numbers(got, alone),
        )


def _next_round(way: Aggregator, found: Aggregate, given: Round, points: Points) -> Iterator[Finding]:
    """A second round on the same object gives the second round's mean."""
    second = make_round(1)
    aggregate = way.fresh()
    aggregate(copy.deepcopy(given))
    try:
        got = aggregate(copy.deepcopy(second))
    except Exception as error:  # noqa: BLE001  foreign code may raise anything
        yield points.failed(
            "next-round",
            f"the second round raises {type(error).__name__}: {error}",
            Fault.aggregate_not_returned,
            "something of the first round is left behind",
            "begin each round anew",
        )
        return
    if (meaning := _meaning(way)) is not None:
        yield points.not_applicable("next-round", meaning)
    elif is_mean(got, second):
        yield points.passed("next-round", "a second round gives the second round's mean")
    else:
        fault = _next_fault(got, given, second) if comparable(got, second) else Fault.aggregate_not_returned
        yield points.failed(
            "next-round",
            "a second round does not give the second round's mean",
            _root(found, given, fault),
            "something of the first round is kept: a sum, a cache, a momentum",
            "begin each round anew",
            numbers(got, second),
        )


def _next_fault(got: Aggregate, first: Round, second: Round) -> Fault:
    if is_mean(got, first):
        return Fault.aggregate_not_returned
    return Fault.aggregate_weights if kept_of(got, first, second) else explain(got, second).fault


def _untouched(way: Aggregator, found: Aggregate, given: Round, points: Points) -> Iterator[Finding]:
    fresh = make_round()
    before = {update.client: {name: value.copy() for name, value in update.arrays.items()} for update in fresh.updates}
    way.fresh()(fresh)
    for update in fresh.updates:
        for name, value in update.arrays.items():
            if not np.array_equal(value, before[update.client][name]):
                place = np.unravel_index(int(np.argmax(np.abs(value - before[update.client][name]))), value.shape)
                yield points.failed(
                    "untouched",
                    f"{name} of {update.client} is changed by the aggregation",
                    Fault.aggregate_in_place,
                    "the sum is built in a client's own tensor (+=, add_, out=, a shallow copy of its dict)",
                    "begin with zeros_like, or a deep copy",
                    (
                        Evidence(name="before", value=float(before[update.client][name][place])),
                        Evidence(name="after", value=float(value[place])),
                    ),
                )
                return
    yield points.passed("untouched", "the clients' tensors are left as they are")


def _named(way: Aggregator, found: Aggregate, given: Round, points: Points) -> Iterator[Finding]:
    """Clients may list the same names in another order."""
    if found.names is None:
        yield points.not_applicable("names", "its tensors have positions, no names")
        return
    mixed = replace(given.updates[1], arrays=dict(reversed(given.updates[1].arrays.items())))
    turned = given.changed(updates=(given.updates[0], mixed, given.updates[2]))
    got, error = _tried(way, turned)
    if error is not None or (got is not None and is_mean(got, given)):
        yield points.passed(
            "names",
            "tensors are paired by name, in whatever order a client lists them"
            if error is None
            else "another order of names is refused",
        )
    elif _meaning(way) is not None or got is None or not is_mean(found, given):
        yield points.not_available("names", "rests on the mean")
    else:
        yield points.failed(
            "names",
            "a client that lists the same tensors in another order is averaged into the wrong ones",
            Fault.exchange_incomplete,
            "tensors are paired by position (.values(), zip)",
            "pair tensors by name",
            numbers(got, given),
        )


def _root(found: Aggregate, given: Round, otherwise: Fault) -> Fault:
    """Return the fault of the mean, where that is wrong: other points then fail for the same reason."""
    return otherwise if is_mean(found, given) else explain(found, given).fault


def _meaning(way: Aggregator) -> str | None:
    return other_meaning(way.value) if way.kind == "strategy" else None


def _tried(way: Aggregator, given: Round) -> tuple[Aggregate | None, Exception | None]:
    try:
        return way.once(given), None
    except Exception as error:  # noqa: BLE001  foreign code may raise anything; to refuse is an answer
        return None, error


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) < 40 else f"{type(value).__name__}"  # noqa: PLR2004  characters that fit a line


type Judge = Callable[[Aggregator, Aggregate, Round, Points], Iterator[Finding]]
