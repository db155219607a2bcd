"""The aggregation probe: what a strategy or a function makes of three clients' replies."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from zk0.core.errors import ProbeError
from zk0.core.faults import Fault
from zk0.core.verdicts import Finding
from zk0.probes.harness import robustness
from zk0.probes.harness.binding import parameters_of, roles_of, signature_text, uncallable
from zk0.probes.harness.findings import FindingFactory, evidence_of
from zk0.probes.harness.replies import AGGREGATION, function_variants
from zk0.probes.harness.rounds import Aggregate, Aggregator, Round, make_round
from zk0.probes.harness.strategies import is_strategy, other_meaning, strategy_variants
from zk0.probes.harness.targets import Target, describe, find_target
from zk0.probes.harness.weight_solver import comparable, explain, is_mean, keeps_earlier_round, numbers

WORKFLOW = "aggregation-fix"


def probe_aggregation(text: str, root: Path) -> Iterator[Finding]:
    """Yield the findings about a strategy or an aggregating function."""
    target = find_target(text, root)
    findings = FindingFactory("probe.aggregation", target.at, WORKFLOW)
    aggregator, result = _first_working_variant(target)
    round_ = make_round()
    if result.arrays is None:
        yield _nothing_returned(aggregator, result, findings)
        return
    if broken := _not_a_pair(aggregator, result, findings):
        yield broken
        return
    yield findings.passed("returned", "it returns tensors" + (" and metrics" if result.paired else ""))
    yield from _kept(aggregator, result, round_, findings)
    if not comparable(result, round_):
        yield findings.not_available("mean", "its tensors can't be compared with those sent")
        return
    for check in (_mean, _order_of_clients, _one_client, _next_round, _untouched, _named):
        yield from check(aggregator, result, round_, findings)
    for refusal_check in robustness.CHECKS:
        yield from refusal_check(aggregator, round_, findings)


def _first_working_variant(target: Target) -> tuple[Aggregator, Aggregate]:
    """Return the first way to call whose result is the mean, else the first that runs."""
    round_ = make_round()
    fallback: tuple[Aggregator, Aggregate] | None = None
    first: Exception | None = None
    for aggregator in _variants(target):
        try:
            result = aggregator.once(round_)
        except ProbeError:
            raise
        except Exception as error:  # noqa: BLE001  foreign code may raise anything; the first error is reported below
            first = first or error
            continue
        if is_mean(result, round_):
            return aggregator, result
        if fallback is None or (fallback[1].arrays is None and result.arrays is not None):
            fallback = aggregator, result
    if fallback is not None:
        return fallback
    name = target.text.rpartition(":")[2]
    signature = signature_text(target.value) if callable(target.value) else ""
    shown = describe(first, target.root) if first else "no arguments fit"
    raise uncallable(f"{name}{signature} at {target.at} can't be called: {shown}", AGGREGATION)


def _variants(target: Target) -> Iterator[Aggregator]:
    value = target.value
    if is_strategy(value):
        yield from strategy_variants(target)
        return
    if not callable(value):
        raise ProbeError(f"{target.text} is a {type(value).__name__}, nothing that aggregates")
    roles = roles_of(value, AGGREGATION, what=target.text.rpartition(":")[2], at=target.at)
    needed = [each for each in parameters_of(value, what=target.text) if each.default is each.empty]
    if not needed or set(roles.values()) <= {"context", "mu", "initial", "rate", "round"}:
        yield from strategy_variants(target)
    else:
        yield from function_variants(value, roles)


def _nothing_returned(aggregator: Aggregator, result: Aggregate, findings: FindingFactory) -> Finding:
    if aggregator.kind == "strategy" and result.paired:
        what = "Flower then keeps the old parameters silently"
    elif aggregator.kind == "strategy":
        what = "Flower's server can't unpack it (TypeError: cannot unpack non-iterable NoneType object)"
    else:
        what = "the aggregate is lost"
    return findings.failed(
        "returned",
        f"three valid replies, and it returns {_shown(result.raw)}: {what}",
        Fault.aggregate_not_returned,
        "a path of the function ends without returning the aggregate",
        "return the aggregated parameters and the metrics",
        evidence_of({"returned": _shown(result.raw), "expected": "(parameters, metrics)"}),
    )


def _not_a_pair(aggregator: Aggregator, result: Aggregate, findings: FindingFactory) -> Finding | None:
    if aggregator.kind != "strategy" or result.paired:
        return None
    return findings.failed(
        "returned",
        f"it returns {type(result.raw).__name__} alone; Flower's server unpacks two values",
        Fault.aggregate_not_returned,
        "the metrics are missing from the return",
        "return parameters, metrics",
    )


def _kept(aggregator: Aggregator, result: Aggregate, round_: Round, findings: FindingFactory) -> Iterator[Finding]:
    """Names, shapes and dtypes."""
    assert result.arrays is not None
    lost = sorted(round_.current.keys() - result.arrays.keys())
    added = sorted(result.arrays.keys() - round_.current.keys())
    if lost or added:
        yield findings.failed(
            "types",
            f"tensor {(lost or added)[0]} is {'lost' if lost else 'added'} ({len(lost or added)} in all)",
            Fault.exchange_incomplete,
            "some tensors are skipped, or the last of a zip",
            "go over the names of the global parameters",
            evidence_of({"tensors in": len(round_.current), "out": len(result.arrays)}),
        )
        return
    for name, origin in round_.current.items():
        got = result.arrays[name]
        evidence = evidence_of(
            {f"{name} returned": f"{got.shape} {got.dtype}", "sent": f"{origin.shape} {origin.dtype}"}
        )
        cause = "an operation broadcasts or casts"
        if got.shape != origin.shape or (got.dtype != origin.dtype and got.dtype.itemsize < origin.dtype.itemsize):
            message = f"{name} comes back as {got.shape} {got.dtype}, not {origin.shape} {origin.dtype}"
            yield findings.failed("types", message, Fault.aggregate_type, cause, "keep each tensor's type", evidence)
            return
        if got.dtype != origin.dtype:
            yield findings.warned(
                "types",
                f"{origin.dtype} comes back as {got.dtype}: {got.dtype.itemsize // origin.dtype.itemsize} times the "
                "bytes",
                Fault.aggregate_type,
                "NumPy widens: a Python list of weights or np.average makes float64",
                "cast the result to each tensor's dtype",
                evidence,
            )
            return
    yield findings.passed("types", "names, shapes and dtypes are kept")


def _mean(aggregator: Aggregator, result: Aggregate, round_: Round, findings: FindingFactory) -> Iterator[Finding]:
    if is_mean(result, round_):
        yield findings.passed("mean", "it is the mean by number of examples", numbers(result, round_))
    elif (meaning := _meaning(aggregator)) is not None:
        yield findings.not_applicable("mean", meaning)
    else:
        yield findings.broken("mean", explain(result, round_))


def _order_of_clients(
    aggregator: Aggregator, result: Aggregate, round_: Round, findings: FindingFactory
) -> Iterator[Finding]:
    reordered = round_.changed(updates=round_.updates[::-1])
    other = aggregator.once(reordered)
    names = [name for name in round_.current if result.arrays and name in result.arrays]
    if other.arrays is not None and np.allclose(result.flat(names), other.flat(names), rtol=1e-4, atol=1e-6):
        yield findings.passed("order", "the order of the replies does not matter")
        return
    if (meaning := _meaning(aggregator)) is not None:
        yield findings.not_applicable("order", f"{meaning}; among equals the order may decide")
        return
    gap = float("nan") if other.arrays is None else float(np.abs(result.flat(names) - other.flat(names)).max())
    yield findings.failed(
        "order",
        f"with the replies in reverse order the aggregate differs by up to {gap:.3g}",
        _root(result, round_, Fault.aggregate_weights),
        "the place in the list decides: weights by index, the first reply, a sorted list beside an unsorted one",
        "keep each reply's tensors and its weight together",
        evidence_of({"largest difference": gap, "expected": 0.0}),
    )


def _one_client(
    aggregator: Aggregator, result: Aggregate, round_: Round, findings: FindingFactory
) -> Iterator[Finding]:
    if (meaning := _meaning(aggregator)) is not None:
        yield findings.not_applicable("one-client", meaning)
        return
    alone = round_.changed(updates=round_.updates[:1])
    got, error = aggregator.attempt(alone)
    if error is not None or got is None or got.arrays is None:
        reason = "nothing comes back" if error is None else f"{type(error).__name__}: {error}"
        yield findings.not_available("one-client", f"one reply alone is not aggregated ({reason})")
    elif is_mean(got, alone):
        yield findings.passed("one-client", "one client alone is returned as it is")
    else:
        yield findings.failed(
            "one-client",
            "of one client alone it returns something else",
            _root(result, round_, Fault.aggregate_weights),
            "the weights do not sum to 1",
            "divide by the sum of the weights",
            numbers(got, alone),
        )


def _next_round(
    aggregator: Aggregator, result: Aggregate, round_: Round, findings: FindingFactory
) -> Iterator[Finding]:
    """A second round on the same object gives the second round's mean."""
    second = make_round(1)
    aggregate = aggregator.fresh()
    aggregate(copy.deepcopy(round_))
    try:
        got = aggregate(copy.deepcopy(second))
    except Exception as error:  # noqa: BLE001  foreign code may raise anything
        yield findings.failed(
            "next-round",
            f"the second round raises {type(error).__name__}: {error}",
            Fault.aggregate_not_returned,
            "something of the first round is left behind",
            "start each round from zero",
        )
        return
    if (meaning := _meaning(aggregator)) is not None:
        yield findings.not_applicable("next-round", meaning)
    elif is_mean(got, second):
        yield findings.passed("next-round", "a second round gives the second round's mean")
    else:
        fault = _next_fault(got, round_, second) if comparable(got, second) else Fault.aggregate_not_returned
        yield findings.failed(
            "next-round",
            "a second round does not give the second round's mean",
            _root(result, round_, fault),
            "something of the first round is kept: a sum, a cache, a momentum",
            "start each round from zero",
            numbers(got, second),
        )


def _next_fault(got: Aggregate, first: Round, second: Round) -> Fault:
    if is_mean(got, first):
        return Fault.aggregate_not_returned
    return Fault.aggregate_weights if keeps_earlier_round(got, first, second) else explain(got, second).fault


def _untouched(aggregator: Aggregator, result: Aggregate, round_: Round, findings: FindingFactory) -> Iterator[Finding]:
    fresh = make_round()
    before = {update.client: {name: value.copy() for name, value in update.arrays.items()} for update in fresh.updates}
    aggregator.fresh()(fresh)
    for update in fresh.updates:
        for name, value in update.arrays.items():
            if not np.array_equal(value, before[update.client][name]):
                place = np.unravel_index(int(np.argmax(np.abs(value - before[update.client][name]))), value.shape)
                yield findings.failed(
                    "untouched",
                    f"{name} of {update.client} is changed by the aggregation",
                    Fault.aggregate_in_place,
                    "the sum is built in a client's own tensor (+=, add_, out=, a shallow copy of its dict)",
                    "begin with zeros_like, or a deep copy",
                    evidence_of({"before": float(before[update.client][name][place]), "after": float(value[place])}),
                )
                return
    yield findings.passed("untouched", "the clients' tensors are left as they are")


def _named(aggregator: Aggregator, result: Aggregate, round_: Round, findings: FindingFactory) -> Iterator[Finding]:
    """Clients may list the same names in another order."""
    if result.names is None:
        yield findings.not_applicable("names", "its tensors have positions, no names")
        return
    mixed = replace(round_.updates[1], arrays=dict(reversed(round_.updates[1].arrays.items())))
    reordered = round_.changed(updates=(round_.updates[0], mixed, round_.updates[2]))
    got, error = aggregator.attempt(reordered)
    if error is not None or (got is not None and is_mean(got, round_)):
        yield findings.passed(
            "names",
            "tensors are paired by name, in whatever order a client lists them"
            if error is None
            else "another order of names is refused",
        )
    elif _meaning(aggregator) is not None or got is None or not is_mean(result, round_):
        yield findings.not_available("names", "rests on the mean")
    else:
        yield findings.failed(
            "names",
            "a client that lists the same tensors in another order is averaged into the wrong ones",
            Fault.exchange_incomplete,
            "tensors are paired by position (.values(), zip)",
            "pair tensors by name",
            numbers(got, round_),
        )


def _root(result: Aggregate, round_: Round, otherwise: Fault) -> Fault:
    """Return the fault of the mean, where that is wrong: other findings then fail for the same reason."""
    return otherwise if is_mean(result, round_) else explain(result, round_).fault


def _meaning(aggregator: Aggregator) -> str | None:
    return other_meaning(aggregator.value) if aggregator.kind == "strategy" else None


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) < 40 else f"{type(value).__name__}"  # noqa: PLR2004  characters that fit a line


type Check = Callable[[Aggregator, Aggregate, Round, FindingFactory], Iterator[Finding]]
