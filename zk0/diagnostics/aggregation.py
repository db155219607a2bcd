"""Is the aggregate what its rule gives? (`aggregation.finite`, `.range`, `.weights`, `.one-client`, `.type` …)

The server measures its aggregate beside the replies with other code than makes it, and writes down how far it lies
from what the rule gives (the mean by examples, unless another is configured), which share of its values lies beyond
every client's, and in what precision it is.
"""

from functools import partial
from math import isclose

from zk0.core import verdicts
from zk0.core.checks import check
from zk0.core.faults import Fault
from zk0.core.verdicts import Evidence, Finding, not_applicable, not_available, passed
from zk0.diagnostics.series import each, point
from zk0.ledger import Aggregation, Ledger

DEVIATION = 1e-3  # of the aggregate's own way; float32's rounding of the mean is 1e-6 of it, seldom 1e-5
ROUNDING = 3e-7  # of the weights' norm: where they hardly move, float32's rounding is all the way there is
SHARE = 1e-3  # absolute difference of two shares that are said to be the same
OUTSIDE = 1e-6  # share of values: a mean lies between its terms, also rounded
FULL = 23  # bits of float32's fraction
ONE = 1e-6  # relative: a cosine of 1 and the same length are the same update
OTHER_WEIGHTS = "clients are weighted by something else than their number of examples, or not at all"
BY_EXAMPLES = "weight each reply by its number of examples over the sum of all"
NOT_THE_RULE = {
    "cause": "what the server sent on is not what the configured rule gives for the replies it lists",
    "remedy": "compare the server's code with zk0.federation.rules",
}

failed = partial(verdicts.failed, workflow="aggregation-fix")
each_aggregate = each(
    lambda ledger: ((f"round {one.round}", one) for one in ledger.aggregations if one.accepted),
    "no round was aggregated",
)


@check("aggregation.finite")
@each_aggregate
def finite(current: Aggregation, _: Ledger) -> Finding:
    """Every value of the aggregate is a finite number."""
    if current.not_finite is None:
        return not_available("not in the log")
    if not current.not_finite:
        return passed("all finite")
    return failed(
        f"{current.not_finite} values of the aggregate are not finite",
        evidence=[point("values not finite", current.not_finite)],
        cause="a reply that is not finite was averaged, or the division went wrong",
        remedy="refuse replies that are not finite, and weights that sum to 0",
        fault=Fault.aggregate_not_finite,
        confidence=1.0,
    )


@check("aggregation.range")
@each_aggregate
def within_range(current: Aggregation, _: Ledger) -> Finding:
    """Every value of the aggregate lies between those of the clients."""
    if current.outside is None:
        return not_available("not in the log")
    if current.outside <= OUTSIDE:
        return passed("between the clients'")
    return failed(
        f"{current.outside:.1%} of the aggregate's values lie beyond every client's",
        evidence=[point("share of values outside", current.outside), _distance(current)],
        cause="a sum in place of a mean, weights that do not sum to 1, or a server step larger than 1",
        remedy="divide by the sum of the weights",
        fault=Fault.aggregate_outside,
        confidence=0.95,
    )


def _distance(current: Aggregation) -> Evidence:
    what = "weighted mean" if current.rule == "mean" else current.rule
    return point(f"distance from the {what}, over its way", current.deviation)


@check("aggregation.weights")
@each_aggregate
def weights(current: Aggregation, ledger: Ledger) -> Finding:
    """The aggregate is the mean by the number of examples, or what the configured robust rule gives."""
    if current.rule != "mean":
        return _robust(current)
    examples = {one.client: one.examples for one in ledger.trainings if one.round == current.round}
    counted = [examples.get(reply.client) for reply in current.accepted]
    total = sum(count for count in counted if count)
    known = total > 0 and all(counted)
    if current.deviation is None and not known:
        return not_available("the log has neither examples nor how far the aggregate is from their mean")
    for reply, count in zip(current.accepted, counted, strict=True):
        share = count / total if known and count else None
        if share is not None and reply.weight is not None and abs(reply.weight - share) > SHARE:
            return _wrong(
                f"{reply.client} has {share:.1%} of the examples and a weight of {reply.weight:.1%}",
                point("share of the examples", share),
                point("weight", reply.weight),
            )
    if current.deviation is not None and current.deviation > max(DEVIATION, _rounding(current)):
        message = f"the aggregate is off the weighted mean by {current.deviation:.1%} of its way"
        return _wrong(message, _distance(current))
    return passed("the mean by examples")


def _robust(current: Aggregation) -> Finding:
    """Judge a rule that counts each client once; a reply that it did not choose has a weight of 0."""
    if current.deviation is None:
        return not_available(f"not in the log: how far the aggregate is from the {current.rule}")
    if len({reply.weight for reply in current.accepted if reply.weight}) > 1:
        shares = [point(f"weight of {reply.client}", reply.weight) for reply in current.accepted]
        return _wrong(f"{current.rule} counts each client once, and the weights differ", *shares, **NOT_THE_RULE)
    if current.deviation > max(DEVIATION, _rounding(current)):
        message = f"the aggregate is off the {current.rule} by {current.deviation:.1%} of its way"
        return _wrong(message, _distance(current), **NOT_THE_RULE)
    left_out = [reply.client for reply in current.accepted if not reply.weight]
    return passed(f"the {current.rule}{f'; not chosen: {", ".join(left_out)}' if left_out else ''}")


def _rounding(current: Aggregation) -> float:
    """Return what rounding alone may deviate by, over the aggregate's way."""
    return ROUNDING * current.weight_norm / current.update_norm if current.weight_norm and current.update_norm else 0.0


def _wrong(message: str, *evidence: Evidence, cause: str = OTHER_WEIGHTS, remedy: str = BY_EXAMPLES) -> Finding:
    return failed(message, evidence=evidence, cause=cause, remedy=remedy, fault=Fault.aggregate_weights, confidence=0.9)


@check("aggregation.one-client")
@each_aggregate
def not_one_client(current: Aggregation, _: Ledger) -> Finding:
    """The aggregate is not a single client's reply."""
    if len(current.accepted) == 1:
        return not_applicable("one client replied")
    if current.rule == "krum":
        return not_applicable("krum chooses one client's reply")
    if current.update_norm is None or any(reply.cosine is None for reply in current.accepted):
        return not_available("needs the norm and the direction of every update")
    same = [
        reply
        for reply in current.accepted
        if isclose(reply.cosine or 0, 1, abs_tol=ONE)
        and isclose(reply.update_norm or 0, current.update_norm, rel_tol=ONE)
    ]
    if len(same) != 1:
        return passed("no single client's")
    return failed(
        f"the aggregate is {same[0].client}'s reply",
        evidence=[point("cosine of its update with the aggregate's", same[0].cosine)],
        cause="one reply is used for all: a loop that overwrites, or an index that stays",
        remedy="sum over all replies",
        fault=Fault.aggregate_of_one,
        confidence=1.0,
    )


@check("aggregation.type")
@each_aggregate
def same_type(current: Aggregation, _: Ledger) -> Finding:
    """The aggregate is float32, in all its bits."""
    evidence = [point("dtypes", ", ".join(current.dtypes)), point("bits of the fraction", current.bits, "bits")]
    others = [name for name in current.dtypes if name != "float32"]
    if not current.dtypes:
        return not_available("not in the log")
    if not others and (current.bits is None or current.bits >= FULL):
        return passed("float32", evidence=evidence)
    return failed(
        f"the aggregate is {', '.join(others) or f'float32 with {current.bits} of {FULL} bits'}",
        evidence=evidence,
        cause="it is summed or sent in another type: small updates are rounded away, or clients refuse it",
        remedy="sum in float64 and cast back to each tensor's own type",
        fault=Fault.aggregate_type,
        confidence=0.98,
    )


@check("aggregation.complete")
@each_aggregate
def complete(current: Aggregation, ledger: Ledger) -> Finding:
    """The aggregate has every tensor that is trained."""
    wanted = ledger.opened.tensors if ledger.opened else 0
    if current.tensors is None or not wanted:
        return not_available("not in the log")
    if current.tensors == wanted:
        return passed(f"{wanted} tensors")
    return failed(
        f"the aggregate has {current.tensors} tensors; {wanted} are trained",
        evidence=[point("tensors in the aggregate", current.tensors), point("trained", wanted)],
        cause="tensors are lost where replies are read or averaged",
        remedy="pair tensors by name, strictly",
        fault=Fault.exchange_incomplete,
        confidence=1.0,
    )
