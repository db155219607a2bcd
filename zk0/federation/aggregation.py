"""Average the clients' tensors, and refuse what would spoil the average.

Flower's own aggregation checks names only: a NaN passes, a negative weight passes, shapes broadcast. Here a reply is
averaged only if it is complete, finite, of the right shapes and dtypes and of positive weight; every other is named
with its reason. The mean is computed in float64 in the order of the clients' names, so it does not depend on who
answered first.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from zk0.federation.exchange import Array32, Arrays
from zk0.ledger import RejectedReply, short
from zk0.training.parameters import digest_of


@dataclass(frozen=True)
class ClientUpdate:
    """What a client sent back: its tensors, its weight (training frames) and the digests it states."""

    client: str
    arrays: Arrays
    weight: float
    digest_in: str | None
    digest_out: str | None


def fault_of(update: ClientUpdate, reference: Mapping[str, Array32], digest_sent: str) -> str | None:
    """Return why an update must not be averaged, or None.

    Args:
        update: the reply.
        reference: the global tensors of this round, for names, shapes and dtypes.
        digest_sent: the digest of what was sent to the client.
    """
    return next(_faults(update, reference, digest_sent), None)


def _faults(update: ClientUpdate, reference: Mapping[str, Array32], digest_sent: str) -> Iterator[str]:
    """Yield faults, the plainest first; a later one may rest on there being no earlier one."""
    if not (math.isfinite(update.weight) and update.weight > 0):
        yield f"weight {update.weight} is not a positive number"
    if missing := sorted(reference.keys() - update.arrays.keys()):
        yield f"tensor {missing[0]} is missing ({len(missing)} in all)"
    if unknown := sorted(update.arrays.keys() - reference.keys()):
        yield f"tensor {unknown[0]} is unknown ({len(unknown)} in all)"
    for name, origin in reference.items():
        array = update.arrays[name]
        if array.shape != origin.shape or array.dtype != origin.dtype:
            yield f"tensor {name} is {array.shape} {array.dtype}, not {origin.shape} {origin.dtype}"
        if not np.isfinite(array).all():
            yield f"tensor {name} has {int((~np.isfinite(array)).sum())} values that are not finite"
    if update.digest_in != digest_sent:
        yield f"it trained from {short(update.digest_in)}, and {digest_sent[:8]} was sent"
    if (found := digest_of(update.arrays)) != update.digest_out:
        yield f"it states digest {short(update.digest_out)} and its tensors have {found[:8]}"


def split_updates(
    updates: Sequence[ClientUpdate], reference: Mapping[str, Array32], digest_sent: str
) -> tuple[list[ClientUpdate], list[RejectedReply]]:
    """Return the updates to average, in the order of the clients' names, and the others with their reasons."""
    accepted: list[ClientUpdate] = []
    rejected: list[RejectedReply] = []
    for update in sorted(updates, key=lambda update: update.client):
        fault = fault_of(update, reference, digest_sent)
        if fault is None:
            accepted.append(update)
        else:
            rejected.append(RejectedReply(client=update.client, reason=fault))
    return accepted, rejected


def weighted_mean(updates: Sequence[ClientUpdate]) -> Arrays:
    """Return sum(weight * tensor) / sum(weight) for each tensor, computed in float64, in the tensors' own dtype."""
    total = sum(update.weight for update in updates)
    mean: Arrays = {}
    for name in sorted(updates[0].arrays):
        summed = np.zeros(updates[0].arrays[name].shape, dtype=np.float64)
        for update in updates:
            summed += update.arrays[name].astype(np.float64) * (update.weight / total)
        mean[name] = summed.astype(updates[0].arrays[name].dtype)
    return mean
