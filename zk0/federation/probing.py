"""zk0's own aggregation as a function of arrays, for `zk0 probe aggregation zk0.federation.probing:aggregate`.

The strategy needs a federation around it, which a probe does not have. This is what it does with a round's replies:
refuse the ones that are not valid, by the same rules, and average the others.
"""

from collections.abc import Mapping, Sequence

from zk0.core.errors import RoundFailedError
from zk0.federation.aggregation import ClientUpdate, split_updates, weighted_mean
from zk0.federation.exchange import Array32, Arrays
from zk0.training.parameters import digest_of


def aggregate(
    state_dicts: Sequence[Mapping[str, Array32]], num_examples: Sequence[float], global_state: Mapping[str, Array32]
) -> Arrays:
    """Return the mean of the valid updates by their number of examples.

    Args:
        state_dicts: what each client sent back, float32 arrays by name.
        num_examples: of each client.
        global_state: what was sent to the clients.

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
