"""Explain an aggregate that is not the weighted mean: solve for the weights behind it.

An aggregate that is any fixed mixture of the clients' tensors and the old global ones gives away its weights by least
squares. The weights then say what happened: all equal, a single one, the old parameters, a sum that is not 1.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zk0.core.faults import Fault
from zk0.core.verdicts import Evidence
from zk0.probes.harness.findings import Cause, evidence_of
from zk0.probes.harness.rounds import Aggregate, Round

ROUNDING = 1e-5  # relative: float32 sums of a few numbers
HALF_ROUNDING = 5e-3  # relative: sums in float16 or bfloat16
SLACK = 1e-3  # of weights solved for: float32 rounding, amplified by least squares
REMEDY = "sum(n_k * x_k) / sum(n_k) for each tensor, n_k being the client's number of examples"


@dataclass(frozen=True)
class Mixture:
    """Weights of the clients and of the old parameters, and how much of the aggregate they do not explain."""

    clients: NDArray[np.float64]
    old: float
    rest: float


def is_mean(result: Aggregate, round_: Round) -> bool:
    """Return whether an aggregate is the weighted mean up to float32 rounding."""
    return relative_error(result, round_) <= ROUNDING


def comparable(result: Aggregate, round_: Round) -> bool:
    """Return whether an aggregate has all tensors in their shapes."""
    arrays = result.arrays or {}
    return all(name in arrays and arrays[name].shape == value.shape for name, value in round_.current.items())


def relative_error(result: Aggregate, round_: Round) -> float:
    """Return ||aggregate - mean|| / ||mean||; infinite where it can't be compared."""
    if not comparable(result, round_):
        return float("inf")
    names = list(round_.current)
    mean = Aggregate(round_.mean(), paired=False, raw=None).flat(names)
    got = result.flat(names)
    return float(np.linalg.norm(got - mean) / np.linalg.norm(mean)) if np.isfinite(got).all() else float("inf")


def keeps_earlier_round(result: Aggregate, first: Round, second: Round) -> bool:
    """Return whether a second round's aggregate is that round's mean and a part of the first's."""
    names = list(second.current)
    sources = [Aggregate(each.mean(), paired=False, raw=None).flat(names) for each in (first, second)]
    matrix, wanted = np.stack(sources, axis=1), result.flat(names)
    weights, *_ = np.linalg.lstsq(matrix, np.nan_to_num(wanted), rcond=None)
    return bool(np.linalg.norm(matrix @ weights - wanted) <= ROUNDING * np.linalg.norm(wanted))


def numbers(result: Aggregate, round_: Round) -> tuple[Evidence, ...]:
    """Return the two numbers that differ most, aggregate and mean."""
    if result.arrays is None:
        return ()
    mean, best = round_.mean(), ("", 0.0, 0.0)
    for name, value in mean.items():
        got = result.arrays.get(name)
        if got is None or got.shape != value.shape:
            continue
        gaps = np.abs(np.nan_to_num(np.asarray(got, dtype=np.float64), nan=1e30) - value)
        place = np.unravel_index(int(np.argmax(gaps)), gaps.shape)
        if not best[0] or gaps[place] > abs(best[1] - best[2]):
            best = (f"{name}[{', '.join(str(int(index)) for index in place)}]", float(got[place]), float(value[place]))
    where, got_there, wanted = best
    if not where:
        return ()
    return evidence_of(
        {
            f"aggregate at {where}": got_there if np.isfinite(got_there) else str(got_there),
            f"float64 mean by examples at {where}": wanted,
        }
    )


def explain(result: Aggregate, round_: Round) -> Cause:
    """Return why an aggregate is not the weighted mean."""
    evidence = numbers(result, round_)
    if relative_error(result, round_) <= HALF_ROUNDING:
        error = relative_error(result, round_)
        return Cause(
            Fault.aggregate_type,
            f"the mean is off by {error:.1e} of its size: it is computed in half precision",
            "tensors are cast to float16 or bfloat16 before they are summed",
            "sum in float32 or float64, and cast the result",
            evidence,
        )
    mixture = solve(result, round_, list(round_.current))
    if mixture.rest > ROUNDING:
        return _diagnose_mixture(result, round_, evidence)
    return _weights(mixture, round_, evidence)


def solve(result: Aggregate, round_: Round, names: list[str]) -> Mixture:
    """Return the mixture that is nearest to an aggregate."""
    sources = [Aggregate(update.arrays, paired=False, raw=None).flat(names) for update in round_.updates]
    sources.append(Aggregate(round_.current, paired=False, raw=None).flat(names))
    wanted = result.flat(names)
    matrix = np.stack(sources, axis=1)
    weights, *_ = np.linalg.lstsq(matrix, np.nan_to_num(wanted), rcond=None)
    rest = float(np.linalg.norm(matrix @ weights - wanted) / max(float(np.linalg.norm(wanted)), 1e-12))
    return Mixture(
        np.asarray(weights[:-1], dtype=np.float64), float(weights[-1]), rest if np.isfinite(rest) else float("inf")
    )


def _weights(mixture: Mixture, round_: Round, evidence: tuple[Evidence, ...]) -> Cause:
    declared = np.asarray([update.examples for update in round_.updates], dtype=np.float64)
    share = declared / declared.sum()
    fault, message, why = _diagnose_weights(mixture, share, [update.client for update in round_.updates])
    shown = (
        *evidence,
        Evidence(name="weights used", value=_list(mixture.clients)),
        Evidence(name="weights declared", value=_list(share)),
    )
    return Cause(fault, message, why, REMEDY, shown)


def _diagnose_weights(mixture: Mixture, share: NDArray[np.float64], clients: list[str]) -> tuple[Fault, str, str]:
    """Return fault, message and cause of weights that are not the declared shares."""
    used, old = mixture.clients, mixture.old
    if np.isclose(old, 1, atol=SLACK) and np.allclose(used, 0, atol=SLACK):
        why = "the mean is computed and not returned, or the wrong variable is"
        return Fault.aggregate_not_returned, "the aggregate is the old global parameters", why
    if np.isclose(used.max(), 1, atol=SLACK) and np.isclose(np.abs(used).sum(), 1, atol=2 * SLACK):
        message = f"the aggregate is that of {clients[int(np.argmax(used))]} alone"
        return Fault.aggregate_of_one, message, "one reply is returned, not their mean"
    fault, total = Fault.aggregate_weights, float(used.sum() + old)
    if np.allclose(used, 1 / len(used), atol=SLACK) and abs(old) < SLACK:
        message = f"each client counts {1 / len(used):.3g}, whatever its number of examples"
        return fault, message, "the mean is not weighted"
    if not np.isclose(total, 1, atol=SLACK) and np.allclose(used / max(used.sum(), 1e-12), share, atol=SLACK):
        divided = "the sum is divided by another number than the total of the examples"
        why = divided if abs(old) < SLACK else "the old parameters are added to the mean"
        return fault, f"the weights sum to {total:.4g}, not to 1", why
    if abs(old) > SLACK:
        why = "a server momentum or learning rate that the mean does not have"
        return fault, f"the old parameters stay in the aggregate with weight {old:.3g}", why
    worst = int(np.argmax(np.abs(used - share)))
    message = f"{clients[worst]} counts {used[worst]:.3g}, and declares {share[worst]:.3g}"
    return fault, message, "the weights are not those of the clients they are given to"


def _diagnose_mixture(result: Aggregate, round_: Round, evidence: tuple[Evidence, ...]) -> Cause:
    """Tell tensors that hold another tensor's values from a formula that is none of a mean."""
    assert result.arrays is not None
    mean = round_.mean()
    for name, value in mean.items():
        other = next(
            (
                each
                for each, wanted in mean.items()
                if each != name and wanted.shape == value.shape and np.allclose(result.arrays[name], wanted, rtol=1e-4)
            ),
            None,
        )
        if other:
            return Cause(
                Fault.exchange_incomplete,
                f"{name} has the values of {other}",
                "tensors are paired by position, and the positions differ",
                "pair tensors by name",
                evidence,
            )
    low = np.minimum.reduce([Aggregate(u.arrays, paired=False, raw=None).flat(list(mean)) for u in round_.updates])
    high = np.maximum.reduce([Aggregate(u.arrays, paired=False, raw=None).flat(list(mean)) for u in round_.updates])
    got = result.flat(list(mean))
    outside = int(((got < low - ROUNDING) | (got > high + ROUNDING)).sum())
    if outside:
        return Cause(
            Fault.aggregate_outside,
            f"{outside} of {got.size} values lie outside the range of all clients",
            "it is not a mean of the clients",
            REMEDY,
            evidence,
        )
    return Cause(
        Fault.aggregate_weights,
        "the aggregate is not a mixture of the clients with one weight each",
        "clients weigh differently from tensor to tensor",
        REMEDY,
        evidence,
    )


def _list(weights: NDArray[np.float64]) -> str:
    return ", ".join(f"{weight:.4g}" for weight in weights)
