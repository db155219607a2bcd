"""What comes back of an aggregation at all: tensors, of which names, shapes and dtypes."""

from __future__ import annotations

from .findings import PointFinding, failed, not_available, passed, warned
from .rounds import Aggregate, Aggregator, Round
from .strategies import may_refuse


def nothing_returned(result: Aggregate, aggregator: Aggregator) -> PointFinding:
    """Judge three valid replies of which no aggregate comes."""
    if aggregator.kind == "strategy" and result.paired and may_refuse(aggregator.value):
        return not_available("it returns no aggregate of three replies in round 1, on a condition of its own")
    text = repr(result.raw)
    shown = text if len(text) < 40 else type(result.raw).__name__  # noqa: PLR2004  characters that fit a line
    if aggregator.kind != "strategy":
        what = "the aggregate is lost"
    elif result.paired:
        what = "Flower then keeps the old parameters silently"
    else:
        what = "Flower's server can't unpack it (TypeError: cannot unpack non-iterable NoneType object)"
    return failed(
        f"three valid replies, and it returns {shown}: {what}",
        "aggregate-not-returned",
        "a path of the function ends without returning the aggregate",
        "return the aggregated parameters and the metrics",
        {"returned": shown, "expected": "(parameters, metrics)"},
    )


def types_kept(result: Aggregate, round_: Round) -> PointFinding:
    """Compare names, shapes and dtypes with what was sent."""
    arrays = result.arrays or {}
    lost, added = sorted(round_.current.keys() - arrays.keys()), sorted(arrays.keys() - round_.current.keys())
    if lost or added:
        return failed(
            f"tensor {(lost or added)[0]} is {'lost' if lost else 'added'} ({len(lost or added)} in all)",
            "exchange-incomplete",
            "some tensors are skipped, or the last of a zip",
            "go over the names of the global parameters",
            {"tensors in": len(round_.current), "out": len(arrays)},
        )
    for name, sent in round_.current.items():
        got = arrays[name]
        evidence = {f"{name} returned": f"{got.shape} {got.dtype}", "sent": f"{sent.shape} {sent.dtype}"}
        wider = got.dtype.itemsize // sent.dtype.itemsize
        if got.shape != sent.shape or (got.dtype != sent.dtype and not wider):
            message = f"{name} comes back as {got.shape} {got.dtype}, not {sent.shape} {sent.dtype}"
            cause = "an operation broadcasts or casts"
            return failed(message, "aggregate-type", cause, "keep each tensor's type", evidence)
        if got.dtype != sent.dtype:
            return warned(
                f"{sent.dtype} comes back as {got.dtype}: {wider} times the bytes",
                "aggregate-type",
                "NumPy widens: a Python list of weights or np.average makes float64",
                "cast the result to each tensor's dtype",
                evidence,
            )
    return passed("names, shapes and dtypes are kept")
