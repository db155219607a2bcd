"""Make one set of tensors of a round's replies, also where some of them are faulty.

| rule | what it computes | survives f faulty replies of |
|---|---|---|
| mean | the mean by examples | no faulty one |
| trimmed-mean | for each number the mean without the f smallest and the f largest values (Yin et al. 2018) | 2f + 1 |
| median | for each number the middle value (Yin et al. 2018, https://arxiv.org/abs/1803.01498) | 2f + 1 |
| krum | the update nearest to its n - f - 2 nearest (Blanchard et al. 2017) | 2f + 3 |
| multi-krum | the mean of the n - f updates that are nearest to their nearest | 2f + 3 |

A robust rule counts every client once: the number of examples is the client's own word. A bound on the norm of an
update is the norm thresholding of Sun et al. 2019, https://arxiv.org/abs/1911.07963: the reply is refused.

Flower's FedMedian, FedTrimmedAvg, Krum and MultiKrum compute the same, and tests hold both equal. They are not called
here, for three reasons. They take whole replies, so that none could be refused before. A trimmed mean cuts a share of
the replies, by default none of four. And Krum subtracts squared norms of float32 weights, in whose rounding a small
update drowns: of 40 rounds with weights of norm 224 and updates of norm 0.05, it chose a flipped update in 22. Here
distances are those of updates, summed in float64, a part of a tensor at a time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

import numpy as np
from numpy.typing import NDArray

from zk0.federation.aggregation import ClientUpdate, weighted_mean
from zk0.federation.configuration import RunConfig, replies_needed
from zk0.federation.exchange import Array32, Arrays
from zk0.federation.geometry import pieces
from zk0.ledger import AggregationRule, RejectedReply


@dataclass(frozen=True)
class RuleResult:
    """What a rule made: the tensors, each update's share in their mean, and how many values it left out at each end.

    The shares are in the order of the updates and sum to 1; `trimmed` counts for each number of each tensor.
    """

    arrays: Arrays
    shares: Sequence[float]
    trimmed: int = 0


@dataclass(frozen=True)
class UsableUpdates:
    """The updates for a rule, the replies refused, how many of the former may be faulty, and why they are too few."""

    accepted: Sequence[ClientUpdate]
    refused: Sequence[RejectedReply]
    faulty: int
    too_few: str  # empty where they are enough


def combine(
    rule: AggregationRule, updates: Sequence[ClientUpdate], sent: Mapping[str, Array32], faulty: int
) -> RuleResult:
    """Aggregate updates, of which at most `faulty` may be faulty; the caller has made sure that there are enough."""
    match rule:
        case "mean":
            total = sum(update.weight for update in updates)
            return RuleResult(weighted_mean(updates), [update.weight / total for update in updates])
        case "krum" | "multi-krum":
            count = 1 if rule == "krum" else len(updates) - faulty
            chosen = sorted(_by_score(updates, sent, faulty)[:count])
            shares = [1 / count if number in chosen else 0.0 for number in range(len(updates))]
            return RuleResult(weighted_mean([replace(updates[number], weight=1.0) for number in chosen]), shares)
        case "trimmed-mean" | "median":
            trimmed = faulty if rule == "trimmed-mean" else (len(updates) - 1) // 2
            return RuleResult(_middle(updates, trimmed), [1 / len(updates)] * len(updates), trimmed)


def select(
    valid: Sequence[ClientUpdate], wrong: Sequence[RejectedReply], sent: Mapping[str, Array32], config: RunConfig
) -> UsableUpdates:
    """Refuse updates above the bounds of the norm, and say whether enough are left for the rule.

    A reply that was refused for what is in it is one of the faulty ones, and the rule has to survive one less. A reply
    that did not come is not: it may be an honest client's.
    """
    left = max(0, config.faulty_clients - len(wrong))
    if config.update_norm_factor and valid and len(valid) < (needed := replies_needed("median", left)):
        return UsableUpdates([], wrong, left, _too_few(valid, "update-norm-factor", needed))
    kept, large = _within_bounds(valid, sent, config)
    left = max(0, left - len(large))
    needed = replies_needed(config.aggregation, left)
    return UsableUpdates(kept, [*wrong, *large], left, _too_few(kept, config.aggregation, needed))


def _too_few(updates: Sequence[ClientUpdate], who: str, needed: int) -> str:
    if not updates:
        return "no valid reply"
    return f"{len(updates)} valid replies, and {who} needs {needed}" if len(updates) < needed else ""


def _within_bounds(
    updates: Sequence[ClientUpdate], sent: Mapping[str, Array32], config: RunConfig
) -> tuple[Sequence[ClientUpdate], list[RejectedReply]]:
    """Return the updates within the configured bounds of the norm, and the others as refused, with their norm."""
    bounds = config.update_norm_bound, config.update_norm_factor
    if not updates or not any(bounds):
        return updates, []
    norms = np.sqrt(np.diag(_products(updates, sent))).tolist()
    limits = ((bounds[0], "update-norm-bound"), (bounds[1] * median(norms), f"{bounds[1]:g} x the round's median"))
    limit, origin = min(one for one, bound in zip(limits, bounds, strict=True) if bound)
    kept: list[ClientUpdate] = []
    refused: list[RejectedReply] = []
    for update, norm in zip(updates, norms, strict=True):
        if norm <= limit:
            kept.append(update)
        else:
            reason = f"its update's norm {norm:.4g} is above {limit:.4g} ({origin})"
            refused.append(RejectedReply(client=update.client, reason=reason))
    return kept, refused


def _middle(updates: Sequence[ClientUpdate], trimmed: int) -> Arrays:
    """Return for each number the mean of its values without the `trimmed` smallest and largest."""
    found: Arrays = {}
    for name in sorted(updates[0].arrays):
        values = np.sort(np.stack([update.arrays[name] for update in updates]), axis=0)
        middle = values[trimmed : len(updates) - trimmed].mean(axis=0, dtype=np.float64)
        found[name] = np.asarray(middle).astype(updates[0].arrays[name].dtype)
    return found


def _by_score(updates: Sequence[ClientUpdate], sent: Mapping[str, Array32], faulty: int) -> list[int]:
    """Return the numbers of the updates, the one that is nearest to its n - f - 2 nearest first."""
    products = _products(updates, sent)
    squares = np.diag(products)
    distances = np.sort(squares[:, None] + squares[None, :] - 2 * products, axis=1)
    scores = distances[:, 1 : len(updates) - faulty - 1].sum(axis=1)  # the first is its distance to itself
    return [int(number) for number in np.argsort(scores, kind="stable")]


def _products(updates: Sequence[ClientUpdate], sent: Mapping[str, Array32]) -> NDArray[np.float64]:
    """Return the scalar products of each two updates, each a difference from what was sent."""
    products = np.zeros((len(updates), len(updates)))
    for origin, *own in pieces([sent, *(update.arrays for update in updates)], sent):
        ways = np.stack(own) - origin
        products += ways @ ways.T
    return products
