"""Do the right tensors move? (`parameters.trained`, `parameters.frozen`, `parameters.modules`, `parameters.drift`)

SageMaker Debugger knows UnchangedTensor and WeightUpdateRatio. In a federation there is one thing more: what a client
learns in a round has to survive the average. Where clients pull apart, each round begins far above where the clients
ended the one before, and their updates point away from each other.
"""

import math
from collections.abc import Iterator
from itertools import pairwise
from statistics import median

from zk0.core.checks import check
from zk0.core.faults import Fault
from zk0.core.verdicts import Finding, failed, not_available, passed, warned
from zk0.diagnostics.series import by_client, each, each_training, judge_each, losses_of, point, with_places
from zk0.ledger import Ledger, Training

TOO_MUCH = 1.5  # times the weights' norm, in one round: what was there before is lost
TOO_LITTLE = 1e-5  # of the weights' norm, over a whole round; a rate that teaches moves a thousandth or more
EDGE = 3  # steps at a round's end and start: one is a batch, five are half of a short round
FALLS_BACK = 3.0  # times the loss of the round's end; shuffled batches and a mean of healthy clients give 1 to 1.5
ENOUGH_ROUNDS = 3
LEVEL = 0.1  # of the loss at the start: falling back from almost nothing to little does no harm


@check("parameters.trained")
@each_training
def trained(training: Training, ledger: Ledger) -> Finding:
    """A client returns other parameters than it got, by more than rounding and less than all."""
    norms = [norm for norm in training.update_norm.values() if norm is not None]
    moved = math.hypot(*norms) if norms else None
    norm = next((one.weight_norm for one in reversed(ledger.aggregations) if one.round == training.round), None)
    evidence = [point("L2 norm of the round's change", moved), point("L2 norm of the weights", norm)]
    if training.digest_in is not None and training.digest_in == training.digest_out:
        return failed(
            "what comes back is what was sent",
            evidence=evidence,
            cause="the optimizer holds other tensors than the policy, or makes no step",
            remedy="build the optimizer after the policy is on its device, from its own parameters",
            fault=Fault.parameters_not_trained,
            confidence=1.0,
        )
    if moved is None or not norm:
        return not_available("needs the norms of the update and of the weights")
    if moved < TOO_LITTLE * norm:
        return failed(
            f"the round moved the weights by {moved / norm:.1g} of their norm",
            evidence=[*evidence, point("learning rate at the last step", training.learning_rate[-1])],
            cause="a learning rate too small to matter",
            remedy="raise learning_rate by a factor of 10 until the loss moves",
            fault=Fault.learning_rate_too_low,
            confidence=0.9,
        )
    if moved > TOO_MUCH * norm:
        return warned(
            f"the round moved the weights by {moved / norm:.2g} times their norm",
            evidence=evidence,
            cause="steps so long that the round keeps nothing of what it began with",
            remedy="lower learning_rate by a factor of 5",
            fault=Fault.learning_rate_too_high,
            confidence=0.6,
        )
    return passed(f"moved by {moved / norm:.2g} of the weights' norm", evidence=evidence)


@check("parameters.frozen")
@each(
    lambda ledger: with_places(one for one in ledger.trainings if ledger.opened and one.frozen_digest is not None),
    "needs the digest of the frozen tensors, before and after",
)
def frozen(training: Training, ledger: Ledger) -> Finding:
    """Frozen tensors stay as they were before the first round."""
    before = ledger.opened.frozen_digest if ledger.opened else None
    if training.frozen_digest == before:
        return passed("as before the first round")
    return failed(
        "frozen tensors have changed",
        evidence=[
            point("digest before the first round", before),
            point("digest after this round", training.frozen_digest),
        ],
        cause="the optimizer, or a layer's running statistics, changes what is neither exchanged nor averaged",
        remedy="set requires_grad to False and the frozen part to eval, or exchange what it learns",
        fault=Fault.frozen_moved,
        confidence=1.0,
    )


@check("parameters.modules")
@each(
    lambda ledger: with_places(one for one in ledger.trainings if len(one.update_norm) > 1),
    "needs the change of each module",
)
def modules(training: Training, _: Ledger) -> Finding:
    """Every module that is trained moves."""
    still = [name for name, norm in training.update_norm.items() if norm == 0]
    evidence = [point(f"change of {name}", norm) for name, norm in training.update_norm.items()]
    if not still or len(still) == len(training.update_norm):
        return passed(f"all of {', '.join(training.update_norm)}", evidence=evidence)
    return warned(
        f"{', '.join(still)} did not move, and the rest did",
        evidence=evidence,
        cause="no gradient reaches it",
        remedy="look at the gradient norm of each module after one backward pass",
        fault=Fault.gradient_vanishing,
        confidence=0.7,
    )


@check("parameters.drift")
def drift(ledger: Ledger) -> Iterator[Finding]:
    """The average keeps what clients learn in a round."""
    cosines = [r.cosine for one in ledger.aggregations for r in one.accepted if r.cosine is not None]
    together = median(cosines) if cosines else None
    weak = any(one.settings.get("proximal-mu") for one in ledger.trainings)
    return judge_each(
        by_client(ledger.trainings), lambda trainings: _drift(trainings, together, "or raise" if weak else "or set a")
    )


def _drift(trainings: list[Training], together: float | None, mu_remedy: str) -> Finding:
    falls = falls_back(trainings)
    if len(falls) < ENOUGH_ROUNDS - 1:
        return not_available(f"needs the losses of {ENOUGH_ROUNDS} rounds of {2 * EDGE} steps")
    typical = median(falls)
    known = [losses for one in trainings if (losses := losses_of([one]))]
    start, again = median(known[0][:EDGE]), median(known[-1][:EDGE])
    evidence = [
        point("loss at a round's start over that at the end of the one before, median", typical),
        point("loss at the last round's start over that at the first's", again / start if start else None),
        point("cosine of an update with the aggregate's, median", together),
    ]
    if typical <= FALLS_BACK or again <= LEVEL * start:
        return passed(f"{typical:.2f} times the loss the round before ended with", evidence=evidence)
    return failed(
        f"each round begins at {typical:.1f} times the loss the one before ended with",
        evidence=evidence,
        cause="clients drift apart in a round, and the average fits none of them",
        remedy=f"divide local_steps by 4, {mu_remedy} proximal_mu",
        workflow="mu-tuning",
        fault=Fault.client_drift,
        confidence=0.85,
    )


def falls_back(trainings: list[Training]) -> list[float]:
    """Return by how many times the loss at each round's start exceeds that at the end of the client's round before."""
    falls = []
    for before, after in pairwise(trainings):
        ended, begins = losses_of([before])[-EDGE:], losses_of([after])[:EDGE]
        enough = len(before.policy_loss) >= 2 * EDGE and len(begins) == len(ended) == EDGE
        if enough and median(ended) > 0:
            falls.append(median(begins) / median(ended))
    return falls
