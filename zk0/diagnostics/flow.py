"""Follow the parameters of a federation through its rounds: where they come from at each boundary, and how large.

Four boundaries a round: what is sent to fit, what each client returns, what is sent to evaluate, what is sent to the
next fit. Equal digests mean equal parameters; equal norms mean little, so a norm is shown beside its digest and never
alone.
"""

from zk0.ledger import Aggregation, Ledger, Reply, short

FLOW_HEAD = ("round", "sent to fit", "returned", "aggregated", "sent to evaluate", "sent to next fit")


def flow_rows(ledger: Ledger) -> list[list[str]]:
    """Return one row a round, under `FLOW_HEAD`: digests, 8 digits, with the L2 norm behind where it is known."""
    norms = {one.digest_out: one.weight_norm for one in ledger.aggregations if one.digest_out}
    following = {
        before.round: after for before, after in zip(ledger.aggregations, ledger.aggregations[1:], strict=False)
    }
    return [_row(ledger, one, following.get(one.round), norms) for one in ledger.aggregations]


def _row(ledger: Ledger, current: Aggregation, after: Aggregation | None, norms: dict[str, float | None]) -> list[str]:
    def label(digest: str | None) -> str:
        if digest is None:
            return "unknown"
        norm = norms.get(digest)
        return digest[:8] if norm is None else f"{digest[:8]}, {norm:.4g}"

    evaluated = dict.fromkeys(
        label(one.digest) for one in ledger.evaluations if one.round == current.round and one.digest
    )
    return [
        str(current.round),
        label(current.digest_in),
        "; ".join(map(_returned, current.accepted)) or "nothing",
        label(current.digest_out),
        "; ".join(evaluated) or "unknown",
        "the last round" if after is None else label(after.digest_in),
    ]


def _returned(reply: Reply) -> str:
    moved = "" if reply.update_norm is None else f", moved by {reply.update_norm:.3g}"
    return f"{reply.client} {short(reply.digest)}{moved}"
