"""Do aggregated parameters come back? (`rounds.parameters-move`)

Three facts a round, by digest and not by norm, since equal norms do not mean equal parameters: clients start from
what the server sent; the server sends what it aggregated the round before; the aggregate differs from what was sent.
"""

from collections.abc import Iterator

from zk0.diagnostics.registry import diagnostic, point
from zk0.ledger import Aggregation, Ledger, short
from zk0.verdicts import Evidence, Finding, failed, not_available, passed


@diagnostic("rounds.parameters-move")
def parameters_move(ledger: Ledger) -> Iterator[Finding]:
    """Each round starts from the aggregate of the round before, and changes it."""
    if not ledger.aggregations:
        yield not_available("no round was aggregated")
    before: Aggregation | None = None
    for current in ledger.aggregations:
        yield _judge(ledger, before, current)
        before = current


def _judge(ledger: Ledger, before: Aggregation | None, current: Aggregation) -> Finding:
    at = f"round {current.round}"
    evidence = [
        point("digest sent", current.digest_in, at),
        point("digest aggregated", current.digest_out, at),
        point("update norm", current.update_norm, at),
    ]
    strays = [
        training.client
        for training in ledger.trainings
        if training.round == current.round and training.digest_in not in (None, current.digest_in)
    ]
    if ("digest_out" in current.missing and current.accepted) or current.digest_in is None:
        return not_available("needs digests of what was sent and aggregated; the log does not tell", at=at)
    if current.digest_out is None:
        return failed("the round has no aggregate", at=at, evidence=evidence, cause="no client's reply was valid")
    if strays:
        return failed(
            f"{', '.join(strays)} started from other parameters than were sent",
            at=at,
            evidence=evidence,
            cause="the client does not put what it receives into its policy",
        )
    # A round without an aggregate leaves the parameters as they were.
    expected = current.digest_in if before is None else before.digest_out or before.digest_in
    if before is not None and expected not in (None, current.digest_in):
        return failed(
            f"round {before.round} ended with {short(expected)} and {short(current.digest_in)} was sent",
            at=at,
            evidence=[*evidence, point("digest the round before ended with", expected, f"round {before.round}")],
            cause="the strategy does not return what it aggregated",
            remedy="return the aggregated parameters from the strategy's aggregate function",
        )
    if current.digest_out == current.digest_in:
        return failed(
            "the aggregate is what was sent: nothing was learnt",
            at=at,
            evidence=_with_clients(ledger, current, evidence),
            cause="clients return the parameters they got, or the strategy keeps the old ones",
        )
    distance = "" if current.update_norm is None else f", moved by {current.update_norm:.3g}"
    return passed(f"{short(current.digest_in)} to {short(current.digest_out)}{distance}", at=at, evidence=evidence)


def _with_clients(ledger: Ledger, current: Aggregation, evidence: list[Evidence]) -> list[Evidence]:
    returned = [
        point(f"digest {training.client} returned", training.digest_out, f"round {training.round}")
        for training in ledger.trainings
        if training.round == current.round
    ]
    return [*evidence, *returned]
