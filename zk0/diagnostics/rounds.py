"""Do aggregated parameters come back? (`rounds.parameters-move`, `rounds.start-losses`)

Three facts a round, by digest and not by norm, since equal norms do not mean equal parameters: clients start from
what the server sent; the server sends what it aggregated the round before; the aggregate differs from what was sent.
Where a log has no digests, a norm of zero and repeated start losses show the same, with less certainty.
"""

from collections.abc import Iterator
from itertools import pairwise

from zk0.core.checks import check
from zk0.core.faults import Fault
from zk0.core.verdicts import Evidence, Finding, failed, not_available, passed
from zk0.diagnostics.series import by_client, point
from zk0.ledger import Aggregation, Ledger, short

WORKFLOW = "aggregation-fix"
SAME_LOSS = 1e-6  # absolute: two batches, or two sets of weights, never agree to that
ALIKE = 0.8  # share of the clients
ENOUGH_ROUNDS = 3  # that begin alike; two may, when nothing was learnt


@check("rounds.parameters-move")
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
    untold = current.digest_out is None and "digest_out" in current.missing
    if current.digest_in is None:
        return _by_norm(ledger, current, evidence)
    if current.digest_out is None and not untold:
        return failed(
            "the round has no aggregate",
            at=at,
            evidence=evidence,
            cause="no client's reply was valid",
            remedy="mend the clients: clients.participation has each one's reason",
            fault=Fault.client_dropouts,
            confidence=0.7,
        )
    if strays:
        return failed(
            f"{', '.join(strays)} started from other parameters than were sent",
            at=at,
            evidence=evidence,
            cause="the client does not put what it receives into its policy",
            workflow=WORKFLOW,
            fault=Fault.parameters_not_applied,
            confidence=1.0,
        )
    return _lineage(ledger, before, current, evidence, untold=untold)


def _lineage(
    ledger: Ledger, before: Aggregation | None, current: Aggregation, evidence: list[Evidence], *, untold: bool
) -> Finding:
    """Judge whether a round goes on from the one before, and comes to something new, where the log has it."""
    at = f"round {current.round}"
    # A round without an aggregate leaves the parameters as they were.
    expected = current.digest_in if before is None else before.digest_out or before.digest_in
    if before is not None and expected not in (None, current.digest_in):
        return failed(
            f"round {before.round} ended with {short(expected)} and {short(current.digest_in)} was sent",
            at=at,
            evidence=[*evidence, point("digest the round before ended with", expected, f"round {before.round}")],
            cause="the strategy does not return what it aggregated",
            remedy="return the aggregated parameters from the strategy's aggregate function",
            workflow=WORKFLOW,
            fault=Fault.aggregate_not_returned,
            confidence=1.0,
        )
    if untold or current.digest_out == current.digest_in:
        return (_by_norm if untold else _unchanged)(ledger, current, evidence)
    distance = "" if current.update_norm is None else f", moved by {current.update_norm:.3g}"
    return passed(f"{short(current.digest_in)} to {short(current.digest_out)}{distance}", at=at, evidence=evidence)


def _by_norm(ledger: Ledger, current: Aggregation, evidence: list[Evidence]) -> Finding:
    """Judge a round whose digests are not known: an aggregate that does not move while the clients do."""
    at = f"round {current.round}"
    moved = [
        training.client
        for training in ledger.trainings
        if training.round == current.round and any(norm for norm in training.update_norm.values())
    ]
    if current.update_norm != 0 or not moved:
        return not_available("needs digests of what was sent and aggregated", at=at)
    return failed(
        f"the aggregate did not move, and {', '.join(moved)} did",
        at=at,
        evidence=evidence,
        cause="the strategy keeps the old parameters",
        remedy="return the aggregated parameters from the strategy's aggregate function",
        workflow=WORKFLOW,
        fault=Fault.aggregate_not_returned,
        confidence=0.95,
    )


def _unchanged(ledger: Ledger, current: Aggregation, evidence: list[Evidence]) -> Finding:
    at = f"round {current.round}"
    returned = [training for training in ledger.trainings if training.round == current.round]
    idle = bool(returned) and all(training.digest_out == current.digest_in for training in returned)
    return failed(
        "the aggregate is what was sent: nothing was learnt",
        at=at,
        evidence=[*evidence, *(point(f"digest {one.client} returned", one.digest_out, at) for one in returned)],
        cause="clients return the parameters they got" if idle else "the strategy keeps the old parameters",
        remedy="look at what the optimizer holds" if idle else "return the aggregated parameters from the strategy",
        workflow=None if idle else WORKFLOW,
        fault=Fault.parameters_not_trained if idle else Fault.aggregate_not_returned,
        confidence=1.0,
    )


@check("rounds.start-losses")
def start_losses(ledger: Ledger) -> Iterator[Finding]:
    """A round does not begin with the very loss the round before began with."""
    known = {
        # Exact zeros and ones are nobody's loss (`sentinels.values`).
        client: [loss for one in trainings if (loss := next(iter(one.policy_loss), None)) not in (None, 0.0, 1.0)]
        for client, trainings in by_client(ledger.trainings)
    }
    enough = {client: losses for client, losses in known.items() if len(losses) >= ENOUGH_ROUNDS}
    if not enough:
        yield not_available(f"needs the first loss of {ENOUGH_ROUNDS} rounds of a client")
        return
    alike = [client for client, losses in enough.items() if all(abs(a - b) < SAME_LOSS for a, b in pairwise(losses))]
    evidence = [point("first loss of each round", ", ".join(f"{x:.6g}" for x in ls), c) for c, ls in enough.items()]
    if len(alike) >= ALIKE * len(enough):
        yield failed(
            f"{len(alike)} of {len(enough)} clients begin every round with the same loss",
            evidence=evidence,
            cause="what was aggregated does not come back: the strategy does not return it",
            remedy="return the aggregated parameters from the strategy's aggregate function",
            workflow=WORKFLOW,
            fault=Fault.aggregate_not_returned,
            confidence=0.9,
        )
    else:
        yield passed(f"the rounds of {len(enough) - len(alike)} clients begin at other losses", evidence=evidence)
