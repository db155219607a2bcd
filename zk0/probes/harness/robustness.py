"""Send an aggregation replies it should refuse: not finite, without weight, of other shapes, failed, none.

These are warnings: most code that averages, Flower's own included, lets such replies through. One of them is enough
to spoil a model for good, so `--strict` makes failures of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from .findings import PointFinding, Shown, not_applicable, passed, warned
from .rounds import COUNTER, Aggregate, Aggregator, Round, make_round
from .weight_solver import counter_of_mixture, is_mean

REFUSE = "refuse the reply by name before averaging, or raise"
BUGS = (ZeroDivisionError, IndexError, TypeError, UnboundLocalError, KeyError)  # raised by accident, not as an answer


def _finite(aggregator: Aggregator, round_: Round) -> PointFinding:
    """One client sends NaN."""
    bad = round_.updates[0]
    spoilt = {name: value.copy() for name, value in bad.arrays.items()}
    spoilt["first.weight"][0, 0] = np.nan
    got = aggregator.attempt(round_.changed(updates=(replace(bad, arrays=spoilt), *round_.updates[1:])))
    if isinstance(got, Exception) or got.arrays is None:
        return passed(f"a reply with NaN is refused ({_refusal(got)})")
    if all(np.isfinite(each).all() for each in got.arrays.values()):
        return passed("a reply with NaN leaves the aggregate finite")
    value = str(float(got.arrays["first.weight"][0, 0]))
    return warned(
        f"one client's NaN makes the global model {value}, silently and for good",
        "aggregate-not-finite",
        "nothing looks at what is averaged",
        REFUSE,
        {
            "aggregate at first.weight[0, 0]": value,
            "mean there without it": float(round_.mean()["first.weight"][0, 0]),
        },
    )


def _refusal(got: Aggregate | Exception) -> str:
    return type(got).__name__ if isinstance(got, Exception) else "nothing is returned"


def _weights(aggregator: Aggregator, round_: Round) -> PointFinding:
    """Clients of no or negative weight, and all of none."""
    for label, examples in (("negative", (10, -30, 60)), ("total zero", (0, 0, 0))):
        updates = (replace(one, examples=number) for one, number in zip(round_.updates, examples))
        got = aggregator.attempt(round_.changed(updates=tuple(updates)))
        left_out = label == "negative" and is_mean(got, round_.changed(updates=round_.updates[::2]))
        if isinstance(got, Exception) or got.arrays is None or left_out:
            continue
        value = float(got.arrays["first.weight"][0, 0]) if got.arrays else 0.0
        return warned(
            f"replies of {label} weight are averaged",
            "aggregate-weights",
            "the number of examples is taken as it comes",
            REFUSE,
            {"aggregate at first.weight[0, 0]": value, "weights": str(examples)},
        )
    return passed("replies of negative or no weight are refused")


def _shapes(aggregator: Aggregator, round_: Round) -> PointFinding:
    """One client sends a tensor of another shape that broadcasts."""
    first, bad, last = round_.updates
    arrays = bad.arrays | {"first.bias": bad.arrays["first.bias"][:1].copy()}
    got = aggregator.attempt(round_.changed(updates=(first, replace(bad, arrays=arrays), last)))
    if isinstance(got, Exception) or got.arrays is None:
        return passed(f"a tensor of another shape is refused ({_refusal(got)})")
    if is_mean(got, round_.changed(updates=(first, last))):
        return passed("a reply with a tensor of another shape is left out")
    return warned(
        "a tensor of shape (1,) is averaged into one of shape (4,)",
        "aggregate-type",
        "NumPy and PyTorch broadcast",
        "compare shapes before averaging",
        {"shape sent": "(1,)", "shape expected": "(4,)"},
    )


def _integers(aggregator: Aggregator, round_: Round) -> PointFinding:
    """Batch norm's counter is an integer."""
    whole = make_round(counter=True)
    got = aggregator.attempt(whole)
    if isinstance(got, Exception):
        what = f"{type(got).__name__}: {got}"
        if not type(got).__module__.startswith(("builtins", "numpy", "torch")):
            return passed(f"an integer buffer is refused ({what})")
        return _spoilt_integers(f"an integer buffer can't be aggregated: {what}", "num_batches_tracked is int64")
    value = (got.arrays or {}).get(COUNTER)
    if value is None:
        return passed("integer buffers are left out")
    evidence = {
        f"{COUNTER} returned": f"{np.ravel(value)[0]:g} {value.dtype}",
        "sent": "10, 20, 30 int64",
    }
    cause: str | None
    if value.shape != ():
        message, cause = f"an integer buffer comes back in shape {value.shape}", "tensors are mixed up"
    elif value.dtype.kind not in "iu":
        message, cause = f"an int64 buffer comes back as {value.dtype}", "it is averaged like a weight"
    elif 10 <= value <= 30 or value == whole.current[COUNTER]:  # noqa: PLR2004  as sent
        return passed(f"an integer buffer stays {value.dtype} ({int(value)})")
    else:
        message = f"an int64 buffer of 10, 20 and 30 becomes {int(value)}"
        cause = _cause_of_counter(got, whole, int(value))
    return _spoilt_integers(message, cause, evidence)


def _cause_of_counter(got: Aggregate, round_: Round, value: int) -> str | None:
    """Return why an integer buffer is outside the range of those sent; None where no cause predicts its value."""
    mixed = counter_of_mixture(got, round_)
    if mixed is not None and abs(mixed - value) <= 1:  # cut off to an integer
        return "it is summed as the other tensors are, whose weights do not sum to 1"
    total = sum(update.examples for update in round_.updates)
    cast = sum(int(update.examples / total) * update.arrays[COUNTER] for update in round_.updates)
    return "its weights are cast to integers before the product" if value == cast else None


def _spoilt_integers(message: str, cause: str | None, evidence: Shown | None = None) -> PointFinding:
    remedy = "leave integer buffers out of what travels, or keep the server's"
    return warned(message, "aggregate-type", cause, remedy, evidence)


def _failures(aggregator: Aggregator, round_: Round) -> PointFinding:
    """One client fails, and two answer."""
    if aggregator.kind != "strategy":
        return not_applicable("a function is given replies only")
    got = aggregator.attempt(round_.changed(updates=round_.updates[:2], failures=1))
    if isinstance(got, Exception):
        return warned(
            f"one failed client ends the round: {type(got).__name__}: {got}",
            "client-dropouts",
            "failures are not expected",
            "aggregate the replies that came",
        )
    given_up = "a round with a failed client is given up (accept_failures)"
    return passed(given_up if got.arrays is None else "a failed client is left out")


def _empty(aggregator: Aggregator, round_: Round) -> PointFinding:
    """No client answers."""
    got = aggregator.attempt(round_.changed(updates=(), failures=3 if aggregator.kind == "strategy" else 0))
    if isinstance(got, BUGS):
        return warned(
            f"with no reply at all it ends in {type(got).__name__}: {got}",
            "client-dropouts",
            "a round without a reply is not expected",
            "return (None, {}) as Flower does, or raise an error that says so",
        )
    refused = isinstance(got, Exception) or got.arrays is None
    return passed(f"a round without a reply is {'refused' if refused else 'answered'}")


POINTS: dict[str, Callable[[Aggregator, Round], PointFinding]] = {
    "finite": _finite,
    "weights": _weights,
    "shapes": _shapes,
    "integers": _integers,
    "failures": _failures,
    "empty": _empty,
}
