"""Average the clients' tensors, and reject replies that would spoil the average.

Flower's own aggregation checks names only: a NaN passes, a negative weight passes, shapes broadcast. Here a reply is
averaged only if it is complete, finite, of the right shapes and dtypes and of positive weight; every other reply is
rejected with a reason. The mean is computed in float64 in the order of the clients' names, so it does not depend on
which client answered first.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from zk0.core.errors import RoundFailedError
from zk0.federation.exchange import Array32, Arrays
from zk0.ledger import RejectedReply, short
from zk0.training.parameters import digest_of


@dataclass(frozen=True)
class ClientUpdate:
    """A client's reply: its tensors, its weight (training frames) and the digests it states."""

    client: str
    arrays: Arrays
    weight: float
    digest_in: str | None
    digest_out: str | None


def _problems(update: ClientUpdate, reference: Mapping[str, Array32], digest_sent: str) -> Iterator[str]:
    """Yield why an update must not be averaged, the simplest first; a later test assumes that the earlier ones passed.

    `reference` are the global tensors of this round, for names, shapes and dtypes, and `digest_sent` is their digest.
    """
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
    if (digest := digest_of(update.arrays)) != update.digest_out:
        yield f"it states digest {short(update.digest_out)} and its tensors have {digest[:8]}"


def split_updates(
    updates: Sequence[ClientUpdate], reference: Mapping[str, Array32], digest_sent: str
) -> tuple[list[ClientUpdate], list[RejectedReply]]:
    """Return the updates to average, in the order of the clients' names, and the others with their reasons."""
    accepted: list[ClientUpdate] = []
    rejected: list[RejectedReply] = []
    for update in sorted(updates, key=lambda update: update.client):
        reason = next(_problems(update, reference, digest_sent), None)
        if reason is None:
            accepted.append(update)
        else:
            rejected.append(RejectedReply(client=update.client, reason=reason))
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


def aggregate(
    state_dicts: Sequence[Mapping[str, Array32]], num_examples: Sequence[float], global_state: Mapping[str, Array32]
) -> Arrays:
    """Average the float32 arrays of a round's replies as the strategy does; `global_state` was sent to the clients.

    For `zk0 probe`, which has no federation to run a strategy in.

    Raises:
        RoundFailedError: no update is valid.
    """
    sent = digest_of(global_state)
    updates = [
        ClientUpdate(f"client-{number}", dict(arrays), float(weight), sent, digest_of(arrays))
        for number, (arrays, weight) in enumerate(zip(state_dicts, num_examples, strict=True))
    ]
    accepted, rejected = split_updates(updates, global_state, sent)
    if not accepted:
        raise RoundFailedError("; ".join(f"{reply.client}: {reply.reason}" for reply in rejected) or "nobody answered")
    return weighted_mean(accepted)
