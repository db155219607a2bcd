"""Average the clients' tensors, and reject replies that would spoil the average.

Flower's own aggregation checks names only: a NaN passes, a negative weight passes, shapes broadcast. Here a reply is
used only if it is complete, finite, of the right shapes and dtypes and of positive weight; every other reply is
rejected with a reason. The mean is computed in float64 in the order of the clients' names, so it does not depend on
which client answered first. Both work on a part of a tensor at a time, which stays in a core's cache, so memory holds
the replies and the mean and nothing else of their size.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from zk0.core.errors import RoundFailedError
from zk0.federation.exchange import Array32, Arrays
from zk0.ledger import RejectedReply, short
from zk0.training.parameters import digest_of

PART = 2**15  # values at a time: their float64 copies stay in a core's cache, which halves the time of the mean


@dataclass(frozen=True)
class ClientUpdate:
    """A client's reply: its tensors, its weight (training frames), the digests it states, its bytes on the wire."""

    client: str
    arrays: Arrays
    weight: float
    digest_in: str | None
    digest_out: str | None
    size: int | None = None


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
        flat = array.reshape(-1)
        finite = sum(np.count_nonzero(np.isfinite(flat[part])) for part in parts(flat.size))
        if finite < flat.size:
            yield f"tensor {name} has {flat.size - finite} values that are not finite"
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
    updates = sorted(updates, key=lambda update: update.client)
    with ThreadPoolExecutor() as threads:  # SHA-256 of a large reply takes longest, and leaves Python's lock meanwhile
        reasons = list(threads.map(lambda update: next(_problems(update, reference, digest_sent), None), updates))
    for update, reason in zip(updates, reasons, strict=True):
        if reason is None:
            accepted.append(update)
        else:
            rejected.append(RejectedReply(client=update.client, reason=reason))
    return accepted, rejected


def weighted_mean(updates: Sequence[ClientUpdate]) -> Arrays:
    """Return sum(weight * tensor) / sum(weight) for each tensor, computed in float64, in the tensors' own dtype."""
    total = sum(update.weight for update in updates)
    shares = [update.weight / total for update in updates]
    return {name: _mean_of([update.arrays[name] for update in updates], shares) for name in sorted(updates[0].arrays)}


def _mean_of(arrays: Sequence[Array32], shares: Sequence[float]) -> Array32:
    mean = np.empty(arrays[0].shape, arrays[0].dtype)
    flat, result = [array.reshape(-1) for array in arrays], mean.reshape(-1)
    summed, term = np.empty((2, min(PART, result.size)))
    for part in parts(result.size):
        length = part.stop - part.start
        summed[:length] = 0
        for array, share in zip(flat, shares, strict=True):
            np.copyto(term[:length], array[part])
            term[:length] *= share
            summed[:length] += term[:length]
        result[part] = summed[:length]
    return mean


def with_momentum(
    aggregate: Arrays, sent: Mapping[str, Array32], before: Mapping[str, Array32], share: float
) -> Arrays:
    """Return the aggregate moved on by a share of the server's last move, from `before` to `sent`.

    FedAvgM (Hsu et al. 2019, https://arxiv.org/abs/1909.06335) with a server learning rate of 1: its momentum vector is
    the server's last move, so nothing has to be kept but the tensors of the round before.
    """
    moved: Arrays = {}
    for name, array in aggregate.items():
        way = sent[name].astype(np.float64) - before[name]
        moved[name] = (array + share * way).astype(array.dtype)
    return moved


def parts(size: int) -> Iterator[slice]:
    """Yield slices that divide a flat array of a size, each of at most `PART` values."""
    return (slice(begin, min(begin + PART, size)) for begin in range(0, size, PART))


def aggregate(
    state_dicts: Sequence[Mapping[str, Array32]], num_examples: Sequence[float], global_state: Mapping[str, Array32]
) -> Arrays:
    """Average a round's float32 arrays as the strategy with its default rule; `global_state` was sent to the clients.

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
