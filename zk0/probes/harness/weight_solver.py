"""Explain an aggregate that is not the weighted mean: solve for the weights behind it.

An aggregate that is any fixed mixture of the clients' tensors and the old global ones gives away its weights by least
squares. The weights then say what happened: all equal, a single one, the old parameters, a sum that is not 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .findings import PointFinding, Shown, failed, largest_gap
from .rounds import COUNTER, Aggregate, Array, Round, flat

ROUNDING = 1e-5  # relative: float32 sums of a few numbers
HALF_ROUNDING = 5e-3  # relative: sums in float16 or bfloat16
SLACK = 1e-3  # of weights solved for: float32 rounding, amplified by least squares
UNDIVIDED = "each client counts"  # begins the cause of a sum that nothing divides
REMEDY = "sum(n_k * x_k) / sum(n_k) for each tensor, n_k being the client's number of examples"


def is_mean(result: Aggregate | Exception, round_: Round) -> bool:
    """Return whether an aggregate is the weighted mean up to float32 rounding."""
    return isinstance(result, Aggregate) and relative_error(result, round_) <= ROUNDING


def comparable(result: Aggregate, round_: Round) -> bool:
    """Return whether an aggregate has all tensors in their shapes."""
    arrays = result.arrays or {}
    return all(name in arrays and arrays[name].shape == value.shape for name, value in round_.current.items())


def relative_error(result: Aggregate, round_: Round) -> float:
    """Return ||aggregate - mean|| / ||mean||; infinite where it can't be compared."""
    if not comparable(result, round_):
        return float("inf")
    mean, got = flat(round_.mean(), round_.current), flat(result.arrays or {}, round_.current)
    return float(np.linalg.norm(got - mean) / np.linalg.norm(mean)) if np.isfinite(got).all() else float("inf")


def keeps_earlier_round(result: Aggregate, first: Round, second: Round) -> bool:
    """Return whether a second round's aggregate is that round's mean and a part of the first's."""
    _, rest = solve(result, second, [first.mean(), second.mean()])
    return rest <= ROUNDING


def numbers(result: Aggregate, round_: Round) -> Shown:
    """Return the two numbers that differ most, aggregate and mean."""
    mean, arrays = round_.mean(), result.arrays or {}
    gaps = {
        name: float(np.abs(np.nan_to_num(np.asarray(arrays[name], dtype=np.float64), nan=1e30) - value).max())
        for name, value in mean.items()
        if name in arrays and arrays[name].shape == value.shape
    }
    if not gaps:
        return {}
    name = max(gaps, key=gaps.__getitem__)
    labels = ("aggregate at {}", "float64 mean by examples at {}")
    return largest_gap(name, arrays[name], mean[name], labels=labels)


def explain(result: Aggregate, round_: Round) -> PointFinding:
    """Return why an aggregate is not the weighted mean."""
    evidence, error = numbers(result, round_), relative_error(result, round_)
    if error <= HALF_ROUNDING:
        return failed(
            f"the mean is off by {error:.1e} of its size: it is computed in half precision",
            "aggregate-type",
            "tensors are cast to float16 or bfloat16 before they are summed",
            "sum in float32 or float64, and cast the result",
            evidence,
        )
    weights, rest = solve(result, round_, [*(update.arrays for update in round_.updates), round_.current])
    if rest > ROUNDING:
        return _explain_no_mixture(result, round_, evidence)
    *used, old = weights
    examples = np.asarray([update.examples for update in round_.updates])
    clients = [update.client for update in round_.updates]
    message, fault, cause = _explain_weights(np.asarray(used), old, examples, clients)
    shown = {"weights used": _list(used), "weights declared": _list(examples / examples.sum())}
    return failed(message, fault, cause, REMEDY, {**evidence, **shown})


def solve(result: Aggregate, round_: Round, sources: Sequence[Mapping[str, Array]]) -> tuple[Any, float]:
    """Return the weights of the mixture of sources that is nearest to an aggregate, and the share it leaves over."""
    wanted = flat(result.arrays or {}, round_.current)
    matrix = np.stack([flat(source, round_.current) for source in sources], axis=1)
    weights, *_ = np.linalg.lstsq(matrix, np.nan_to_num(wanted), rcond=None)
    rest = float(np.linalg.norm(matrix @ weights - wanted) / max(float(np.linalg.norm(wanted)), 1e-12))
    return np.asarray(weights, dtype=np.float64), rest if np.isfinite(rest) else float("inf")


def _explain_weights(used: Any, old: float, examples: Any, clients: list[str]) -> tuple[str, str, str]:
    """Return message, fault and cause of weights of clients and old parameters that are not the declared shares."""
    if np.isclose(old, 1, atol=SLACK) and np.allclose(used, 0, atol=SLACK):
        cause = "the mean is computed and not returned, or the wrong variable is"
        return "the aggregate is the old global parameters", "aggregate-not-returned", cause
    if np.isclose(used.max(), 1, atol=SLACK) and np.isclose(np.abs(used).sum(), 1, atol=2 * SLACK):
        message = f"the aggregate is that of {clients[int(np.argmax(used))]} alone"
        return message, "aggregate-of-one", "one reply is returned, not their mean"
    fault, total, share = "aggregate-weights", float(used.sum() + old), examples / examples.sum()
    if np.allclose(used, 1 / len(used), atol=SLACK) and abs(old) < SLACK:
        message = f"each client counts {1 / len(used):.3g}, whatever its number of examples"
        return message, fault, "the mean is not weighted"
    if not np.isclose(total, 1, atol=SLACK) and (reason := _cause_of_sum(used, old, examples)):
        undivided = ": the sum is not divided" if reason.startswith(UNDIVIDED) else ""
        return f"the weights sum to {total:.4g}, not to 1{undivided}", fault, reason
    if abs(old) > SLACK:
        cause = "a server momentum or learning rate that the mean does not have"
        return f"the old parameters stay in the aggregate with weight {old:.3g}", fault, cause
    worst = int(np.argmax(np.abs(used - share)))
    message = f"{clients[worst]} counts {used[worst]:.3g}, and declares {share[worst]:.3g}"
    return message, fault, "the weights are not those of the clients they are given to"


def _cause_of_sum(used: Any, old: float, examples: Any) -> str | None:
    """Return why weights do not sum to 1; None where they are no multiple of those declared, nor 1 each."""
    if abs(old) < SLACK and np.allclose(used, 1, atol=SLACK):
        return f"{UNDIVIDED} 1"
    if abs(old) < SLACK and np.allclose(used, examples, rtol=SLACK):
        return f"{UNDIVIDED} its number of examples"
    if not np.allclose(used / max(used.sum(), 1e-12), examples / examples.sum(), atol=SLACK):
        return None
    divided = "the sum is divided by another number than the total of the examples"
    return divided if abs(old) < SLACK else "the old parameters are added to the mean"


def counter_of_mixture(result: Aggregate, round_: Round) -> float | None:
    """Return what batch norm's counter is in the mixture that the other tensors are; None where they are none."""
    sources = [*(update.arrays for update in round_.updates), round_.current]
    floating = replace(round_, current={name: value for name, value in round_.current.items() if name != COUNTER})
    if not comparable(result, floating):
        return None
    weights, rest = solve(result, floating, sources)
    counters = np.asarray([float(each[COUNTER]) for each in sources])
    return float(weights @ counters) if rest <= ROUNDING else None


def _explain_no_mixture(result: Aggregate, round_: Round, evidence: Shown) -> PointFinding:
    """Distinguish tensors that hold another tensor's values from a formula that is none of a mean."""
    arrays, mean = result.arrays or {}, round_.mean()
    for name, value in mean.items():
        for other, wanted in mean.items():
            if other != name and wanted.shape == value.shape and np.allclose(arrays[name], wanted, rtol=1e-4):
                return failed(
                    f"{name} has the values of {other}",
                    "exchange-incomplete",
                    "tensors are paired by position, and the positions differ",
                    "pair tensors by name",
                    evidence,
                )
    clients = np.stack([flat(update.arrays, mean) for update in round_.updates])
    got = flat(arrays, mean)
    outside = int(((got < clients.min(axis=0) - ROUNDING) | (got > clients.max(axis=0) + ROUNDING)).sum())
    if outside:
        return failed(
            f"{outside} of {got.size} values lie outside the range of all clients",
            "aggregate-outside",
            "it is not a mean of the clients",
            REMEDY,
            evidence,
        )
    return failed(
        "the aggregate is not a mixture of the clients with one weight each",
        "aggregate-weights",
        "clients weigh differently from tensor to tensor",
        REMEDY,
        evidence,
    )


def _list(weights: Iterable[float]) -> str:
    return ", ".join(f"{weight:.4g}" for weight in weights)
