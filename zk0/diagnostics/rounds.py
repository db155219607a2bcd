"""Do aggregated parameters come back? (`rounds.parameters-move`, `rounds.start-losses`)

Three facts a round, by digest and not by norm, since equal norms do not mean equal parameters: clients start from
what the server sent; the server sends what it aggregated the round before; the aggregate differs from what was sent.
Where a log has no digests, a norm of zero and repeated start losses show the same, with less certainty.
"""

from collections.abc import Iterator
from itertools import pairwise

from zk0.core.checks import check
from zk0.core.faults import Fault
from zk0.core.verdicts import Evidence, Finding, failed, not_applicable, not_available, passed
from zk0.diagnostics.series import by_client, judge_each, point
from zk0.ledger import Aggregation, Ledger, Training, short

WORKFLOW = "aggregation-fix"
SAME_LOSS = 1e-6  # absolute: two batches, or two sets of weights, never agree to that
ALIKE = 0.8  # share of the clients
ENOUGH_ROUNDS = 3  # that begin alike; two may, when nothing was learnt


@check("rounds.parameters-move")
def parameters_move(ledger: Ledger) -> Iterator[Finding]:
    """Each round starts from the aggregate of the round before, and changes it."""
    rounds = zip((None, *ledger.aggregations), ledger.aggregations, strict=False)
    return judge_each(
        ((f"round {current.round}", (before, current)) for before, current in rounds),
        lambda pair: _judge(ledger, *pair),
        nothing="no round was aggregated",
    )


def _judge(ledger: Ledger, before: Aggregation | None, current: Aggregation) -> Finding:
    evidence = [
        point("digest sent", current.digest_in),
        point("digest aggregated", current.digest_out),
        point("update norm", current.update_norm),
    ]
    trainings = [training for training in ledger.trainings if training.round == current.round]
    strays = [one.client for one in trainings if one.digest_in not in (None, current.digest_in)]
    if current.digest_in is None:
        return _by_norm(trainings, current, evidence)
    if current.digest_out is None and "digest_out" not in current.missing:
        return failed(
            "the round has no aggregate",
            evidence=evidence,
            cause="no client's reply was valid",
            remedy="mend the clients: clients.participation has each one's reason",
            fault=Fault.client_dropouts,
            confidence=0.7,
        )
    if strays:
        return failed(
            f"{', '.join(strays)} started from other parameters than were sent",
            evidence=evidence,
            cause="the client does not put what it receives into its policy",
            workflow=WORKFLOW,
            fault=Fault.parameters_not_applied,
            confidence=1.0,
        )
    return _lineage(before, current, trainings, evidence)


def _lineage(
    before: Aggregation | None, current: Aggregation, trainings: list[Training], evidence: list[Evidence]
) -> Finding:
    """Judge whether a round goes on from the one before, and comes to something new, where the log has it."""
    # A round without an aggregate leaves the parameters as they were.
    expected = before.digest_out or before.digest_in if before else None
    if before is not None and expected not in (None, current.digest_in):
        ended = point("digest the round before ended with", expected, at=f"round {before.round}")
        return _not_returned(
            f"round {before.round} ended with {short(expected)} and {short(current.digest_in)} was sent",
            [*evidence, ended],
            cause="the strategy does not return what it aggregated",
        )
    if current.digest_out is None and before is not None and expected is not None:
        # A server that evaluates nowhere tells nobody what it made of the last round.
        return not_applicable(f"it starts from what round {before.round} ended with; nothing was sent after it")
    if current.digest_out is None:
        return _by_norm(trainings, current, evidence)
    if current.digest_out == current.digest_in:
        return _unchanged(trainings, current, evidence)
    distance = "" if current.update_norm is None else f", moved by {current.update_norm:.3g}"
    return passed(f"{short(current.digest_in)} to {short(current.digest_out)}{distance}", evidence=evidence)


def _not_returned(message: str, evidence: list[Evidence], *, cause: str, confidence: float = 1.0) -> Finding:
    return failed(
        message,
        evidence=evidence,
        cause=cause,
        remedy="return the aggregated parameters from the strategy's aggregate function",
        workflow=WORKFLOW,
        fault=Fault.aggregate_not_returned,
        confidence=confidence,
    )


def _by_norm(trainings: list[Training], current: Aggregation, evidence: list[Evidence]) -> Finding:
    """Judge a round whose digests are not known: an aggregate that does not move while the clients do."""
    moved = [one.client for one in trainings if any(one.update_norm.values())]
    if current.update_norm != 0 or not moved:
        return not_available("needs digests of what was sent and aggregated")
    message = f"the aggregate did not move, and {', '.join(moved)} did"
    return _not_returned(message, evidence, cause="the strategy keeps the old parameters", confidence=0.95)


def _unchanged(trainings: list[Training], current: Aggregation, evidence: list[Evidence]) -> Finding:
    message = "the aggregate is what was sent: nothing was learnt"
    evidence = [*evidence, *(point(f"digest {one.client} returned", one.digest_out) for one in trainings)]
    if not trainings or any(training.digest_out != current.digest_in for training in trainings):
        return _not_returned(message, evidence, cause="the strategy keeps the old parameters")
    return failed(
        message,
        evidence=evidence,
        cause="clients return the parameters they got",
        remedy="look at what the optimizer holds",
        fault=Fault.parameters_not_trained,
        confidence=1.0,
    )


@check("rounds.start-losses")
def start_losses(ledger: Ledger) -> Finding:
    """A round does not begin with the very loss the round before began with."""
    known = {
        # Exact zeros and ones are nobody's loss (`sentinels.values`).
        # One number a round is its mean as well.
        client: [
            one.policy_loss[0] for one in trainings if one.steps > 1 and one.policy_loss[0] not in (None, 0.0, 1.0)
        ]
        for client, trainings in by_client(ledger.trainings)
    }
    enough = {client: losses for client, losses in known.items() if len(losses) >= ENOUGH_ROUNDS}
    if not enough:
        return not_available(f"needs the first loss of {ENOUGH_ROUNDS} rounds of a client")
    alike = [client for client, losses in enough.items() if all(abs(a - b) < SAME_LOSS for a, b in pairwise(losses))]
    shown = {client: ", ".join(f"{loss:.6g}" for loss in losses) for client, losses in enough.items()}
    evidence = [point("first loss of each round", losses, at=client) for client, losses in shown.items()]
    if len(alike) < ALIKE * len(enough):
        others = len(enough) - len(alike)
        return passed(f"the rounds of {others} clients begin at other losses", evidence=evidence)
    message = f"{len(alike)} of {len(enough)} clients begin every round with the same loss"
    cause = "what was aggregated does not come back: the strategy does not return it"
    return _not_returned(message, evidence, cause=cause, confidence=0.9)
