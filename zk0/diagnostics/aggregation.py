"""Is the aggregate the clients' weighted mean? (`aggregation.finite`, `.range`, `.weights`, `.one-client`, `.type` …)

The server measures its aggregate beside the replies with other code than averages them, and writes down how far it
lies from the mean by examples, which share of its values lies beyond every client's, and in what precision it is.
"""

from collections.abc import Iterator
from math import isclose

from zk0.core.checks import check
from zk0.core.faults import Fault
from zk0.core.verdicts import Evidence, Finding, failed, not_applicable, not_available, passed
from zk0.diagnostics.series import point
from zk0.ledger import Aggregation, Ledger

WORKFLOW = "aggregation-fix"
DEVIATION = 1e-3  # of the aggregate's own way; float32's rounding of the mean is 1e-6 of it, seldom 1e-5
ROUNDING = 3e-7  # of the weights' norm: where they hardly move, float32's rounding is all the way there is
SHARE = 1e-3  # absolute difference of two shares that are said to be the same
OUTSIDE = 1e-6  # share of values: a mean lies between its terms, also rounded
FULL = 23  # bits of float32's fraction
ONE = 1e-6  # relative: a cosine of 1 and the same length are the same update


@check("aggregation.finite")
def finite(ledger: Ledger) -> Iterator[Finding]:
    """Every value of the aggregate is a finite number."""
    for current in _aggregated(ledger):
        at = f"round {current.round}"
        if current.not_finite is None:
            yield not_available("not in the log", at=at)
        elif current.not_finite:
            yield failed(
                f"{current.not_finite} values of the aggregate are not finite",
                at=at,
                evidence=[point("values not finite", current.not_finite, at)],
                cause="a reply that is not finite was averaged, or the division went wrong",
                remedy="refuse replies that are not finite, and weights that sum to 0",
                workflow=WORKFLOW,
                fault=Fault.aggregate_not_finite,
                confidence=1.0,
            )
        else:
            yield passed("all finite", at=at)
    yield from _nothing(ledger)


@check("aggregation.range")
def within_range(ledger: Ledger) -> Iterator[Finding]:
    """Every value of the aggregate lies between those of the clients."""
    for current in _aggregated(ledger):
        at = f"round {current.round}"
        if current.outside is None:
            yield not_available("not in the log", at=at)
        elif current.outside > OUTSIDE:
            yield failed(
                f"{current.outside:.1%} of the aggregate's values lie beyond every client's",
                at=at,
                evidence=[
                    point("share of values outside", current.outside, at),
                    point("distance from the weighted mean, over its way", current.deviation, at),
                ],
                cause="a sum in place of a mean, weights that do not sum to 1, or a server step larger than 1",
                remedy="divide by the sum of the weights",
                workflow=WORKFLOW,
                fault=Fault.aggregate_outside,
                confidence=0.95,
            )
        else:
            yield passed("between the clients'", at=at)
    yield from _nothing(ledger)


@check("aggregation.weights")
def weights(ledger: Ledger) -> Iterator[Finding]:
    """The aggregate is the mean by the number of examples."""
    for current in _aggregated(ledger):
        at = f"round {current.round}"
        examples = {one.client: one.examples for one in ledger.trainings if one.round == current.round}
        counted = [examples.get(reply.client) for reply in current.accepted]
        total = sum(count for count in counted if count)
        known = total > 0 and all(counted)
        off = [
            (reply.client, reply.weight, count / total)
            for reply, count in zip(current.accepted, counted, strict=True)
            if known and count and reply.weight is not None and abs(reply.weight - count / total) > SHARE
        ]
        if current.deviation is None and not known:
            yield not_available("the log has neither examples nor how far the aggregate is from their mean", at=at)
        elif off:
            client, weight, share = off[0]
            yield _wrong(
                f"{client} has {share:.1%} of the examples and a weight of {weight:.1%}",
                at,
                [point("share of the examples", share, at), point("weight", weight, at)],
            )
        elif current.deviation is not None and current.deviation > max(DEVIATION, _rounding(current)):
            yield _wrong(
                f"the aggregate is off the weighted mean by {current.deviation:.1%} of its way",
                at,
                [point("distance from the weighted mean, over its way", current.deviation, at)],
            )
        else:
            yield passed("the mean by examples", at=at)
    yield from _nothing(ledger)


def _rounding(current: Aggregation) -> float:
    """Return what rounding alone may deviate by, over the aggregate's way."""
    return ROUNDING * current.weight_norm / current.update_norm if current.weight_norm and current.update_norm else 0.0


def _wrong(message: str, at: str, evidence: list[Evidence]) -> Finding:
    return failed(
        message,
        at=at,
        evidence=evidence,
        cause="clients are weighted by something else than their number of examples, or not at all",
        remedy="weight each reply by its number of examples over the sum of all",
        workflow=WORKFLOW,
        fault=Fault.aggregate_weights,
        confidence=0.9,
    )


@check("aggregation.one-client")
def not_one_client(ledger: Ledger) -> Iterator[Finding]:
    """The aggregate is not a single client's reply."""
    for current in _aggregated(ledger):
        at = f"round {current.round}"
        if len(current.accepted) == 1:
            yield not_applicable("one client replied", at=at)
            continue
        if current.update_norm is None or any(reply.cosine is None for reply in current.accepted):
            yield not_available("needs the norm and the direction of every update", at=at)
            continue
        same = [
            reply
            for reply in current.accepted
            if isclose(reply.cosine or 0, 1, abs_tol=ONE)
            and isclose(reply.update_norm or 0, current.update_norm, rel_tol=ONE)
        ]
        if len(same) == 1:
            yield failed(
                f"the aggregate is {same[0].client}'s reply",
                at=at,
                evidence=[point("cosine of its update with the aggregate's", same[0].cosine, at)],
                cause="one reply is used for all: a loop that overwrites, or an index that stays",
                remedy="sum over all replies",
                workflow=WORKFLOW,
                fault=Fault.aggregate_of_one,
                confidence=1.0,
            )
        else:
            yield passed("no single client's", at=at)
    yield from _nothing(ledger)


@check("aggregation.type")
def same_type(ledger: Ledger) -> Iterator[Finding]:
    """The aggregate is float32, in all its bits."""
    for current in _aggregated(ledger):
        at = f"round {current.round}"
        evidence = [
            point("dtypes", ", ".join(current.dtypes), at),
            point("bits of the fraction", current.bits, at, "bits"),
        ]
        others = [name for name in current.dtypes if name != "float32"]
        if not current.dtypes:
            yield not_available("not in the log", at=at)
        elif others or (current.bits is not None and current.bits < FULL):
            what = ", ".join(others) or f"float32 with {current.bits} of {FULL} bits"
            yield failed(
                f"the aggregate is {what}",
                at=at,
                evidence=evidence,
                cause="it is summed or sent in another type: small updates are rounded away, or clients refuse it",
                remedy="sum in float64 and cast back to each tensor's own type",
                workflow=WORKFLOW,
                fault=Fault.aggregate_type,
                confidence=0.98,
            )
        else:
            yield passed("float32", at=at, evidence=evidence)
    yield from _nothing(ledger)


@check("aggregation.complete")
def complete(ledger: Ledger) -> Iterator[Finding]:
    """The aggregate has every tensor that is trained."""
    wanted = ledger.opened.tensors if ledger.opened else 0
    for current in _aggregated(ledger):
        at = f"round {current.round}"
        if current.tensors is None or not wanted:
            yield not_available("not in the log", at=at)
        elif current.tensors != wanted:
            yield failed(
                f"the aggregate has {current.tensors} tensors; {wanted} are trained",
                at=at,
                evidence=[point("tensors in the aggregate", current.tensors, at), point("trained", wanted, at)],
                cause="tensors are lost where replies are read or averaged",
                remedy="pair tensors by name, strictly",
                workflow=WORKFLOW,
                fault=Fault.exchange_incomplete,
                confidence=1.0,
            )
        else:
            yield passed(f"{wanted} tensors", at=at)
    yield from _nothing(ledger)


def _aggregated(ledger: Ledger) -> list[Aggregation]:
    return [current for current in ledger.aggregations if current.accepted]


def _nothing(ledger: Ledger) -> Iterator[Finding]:
    if not _aggregated(ledger):
        yield not_available("no round was aggregated")
