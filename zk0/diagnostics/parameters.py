"""Do the right tensors move? (`parameters.trained`, `parameters.frozen`, `parameters.modules`, `parameters.drift`)

SageMaker Debugger knows UnchangedTensor and WeightUpdateRatio. In a federation there is one thing more: what a client
learns in a round has to survive the average. Where clients pull apart, each round begins far above where the clients
ended the one before, and their updates point away from each other.
"""

from collections.abc import Iterator
from itertools import pairwise
from statistics import median

from zk0.core.checks import check
from zk0.core.faults import Fault
from zk0.core.verdicts import Finding, failed, not_available, passed, warned
from zk0.diagnostics.series import by_client, joined, measured, point, where
from zk0.ledger import Ledger, Training

TOO_MUCH = 1.5  # times the weights' norm, in one round: what was there before is lost
TOO_LITTLE = 1e-5  # of the weights' norm, over a whole round; a rate that teaches moves a thousandth or more
EDGE = 3  # steps at a round's end and start: one is a batch, five are half of a short round
FALLS_BACK = 3.0  # times the loss of the round's end; shuffled batches and a mean of healthy clients give 1 to 1.5
ENOUGH_ROUNDS = 3
LEVEL = 0.1  # of the loss at the start: falling back from almost nothing to little does no harm


@check("parameters.trained")
def trained(ledger: Ledger) -> Iterator[Finding]:
    """A client returns other parameters than it got, by more than rounding and less than all."""
    if not ledger.trainings:
        yield not_available("no client has trained")
    weights = {one.round: one.weight_norm for one in ledger.aggregations}
    for training in ledger.trainings:
        at, moved = where(training), _moved(training)
        norm = weights.get(training.round)
        evidence = [point("L2 norm of the round's change", moved, at), point("L2 norm of the weights", norm, at)]
        if training.digest_in is not None and training.digest_in == training.digest_out:
            yield failed(
                "what comes back is what was sent",
                at=at,
                evidence=evidence,
                cause="the optimizer holds other tensors than the policy, or makes no step",
                remedy="build the optimizer after the policy is on its device, from its own parameters",
                fault=Fault.parameters_not_trained,
                confidence=1.0,
            )
        elif moved is None or not norm:
            yield not_available("needs the norms of the update and of the weights", at=at)
        elif moved < TOO_LITTLE * norm:
            yield failed(
                f"the round moved the weights by {moved / norm:.1g} of their norm",
                at=at,
                evidence=[*evidence, point("learning rate at the last step", training.learning_rate[-1], at)],
                cause="a learning rate too small to matter",
                remedy="raise learning_rate by a factor of 10 until the loss moves",
                fault=Fault.learning_rate_too_low,
                confidence=0.9,
            )
        elif moved > TOO_MUCH * norm:
            yield warned(
                f"the round moved the weights by {moved / norm:.2g} times their norm",
                at=at,
                evidence=evidence,
                cause="steps so long that the round keeps nothing of what it began with",
                remedy="lower learning_rate by a factor of 5",
                fault=Fault.learning_rate_too_high,
                confidence=0.6,
            )
        else:
            yield passed(f"moved by {moved / norm:.2g} of the weights' norm", at=at, evidence=evidence)


@check("parameters.frozen")
def frozen(ledger: Ledger) -> Iterator[Finding]:
    """Frozen tensors stay as they were before the first round."""
    trainings = [training for training in ledger.trainings if training.frozen_digest is not None]
    if ledger.opened is None or not trainings:
        yield not_available("needs the digest of the frozen tensors, before and after")
        return
    for training in trainings:
        at = where(training)
        if training.frozen_digest != ledger.opened.frozen_digest:
            yield failed(
                "frozen tensors have changed",
                at=at,
                evidence=[
                    point("digest before the first round", ledger.opened.frozen_digest, at),
                    point("digest after this round", training.frozen_digest, at),
                ],
                cause="the optimizer, or a layer's running statistics, changes what is neither exchanged nor averaged",
                remedy="set requires_grad to False and the frozen part to eval, or exchange what it learns",
                fault=Fault.frozen_moved,
                confidence=1.0,
            )
        else:
            yield passed("as before the first round", at=at)


@check("parameters.modules")
def modules(ledger: Ledger) -> Iterator[Finding]:
    """Every module that is trained moves."""
    trainings = [training for training in ledger.trainings if len(training.update_norm) > 1]
    if not trainings:
        yield not_available("needs the change of each module")
    for training in trainings:
        at = where(training)
        still = [name for name, norm in training.update_norm.items() if norm == 0]
        evidence = [point(f"change of {name}", norm, at) for name, norm in training.update_norm.items()]
        if still and len(still) < len(training.update_norm):
            yield warned(
                f"{', '.join(still)} did not move, and the rest did",
                at=at,
                evidence=evidence,
                cause="no gradient reaches it",
                remedy="look at the gradient norm of each module after one backward pass",
                fault=Fault.gradient_vanishing,
                confidence=0.7,
            )
        else:
            yield passed(f"all of {', '.join(training.update_norm)}", at=at, evidence=evidence)


@check("parameters.drift")
def drift(ledger: Ledger) -> Iterator[Finding]:
    """The average keeps what clients learn in a round."""
    if not ledger.trainings:
        yield not_available("no client has trained")
    cosines = [r.cosine for one in ledger.aggregations for r in one.accepted if r.cosine is not None]
    together = median(cosines) if cosines else None
    weak = any(one.settings.get("proximal-mu") for one in ledger.trainings)
    for client, trainings in by_client(ledger.trainings):
        falls = falls_back(trainings)
        if len(falls) < ENOUGH_ROUNDS - 1:
            yield not_available(f"needs the losses of {ENOUGH_ROUNDS} rounds of {2 * EDGE} steps", at=client)
            continue
        typical = median(falls)
        start = median(joined(trainings[:1], lambda one: one.policy_loss)[:EDGE])
        again = median(joined(trainings[-1:], lambda one: one.policy_loss)[:EDGE])
        evidence = [
            point("loss at a round's start over that at the end of the one before, median", typical, client),
            point("loss at the last round's start over that at the first's", again / start if start else None, client),
            point("cosine of an update with the aggregate's, median", together, client),
        ]
        if typical > FALLS_BACK and again > LEVEL * start:
            yield failed(
                f"each round begins at {typical:.1f} times the loss the one before ended with",
                at=client,
                evidence=evidence,
                cause="clients drift apart in a round, and the average fits none of them",
                remedy="divide local_steps by 4, " + ("or raise proximal_mu" if weak else "or set a proximal_mu"),
                workflow="mu-tuning",
                fault=Fault.client_drift,
                confidence=0.85,
            )
        else:
            yield passed(f"{typical:.2f} times the loss the round before ended with", at=client, evidence=evidence)


def falls_back(trainings: list[Training]) -> list[float]:
    """Return by how many times the loss at each round's start exceeds that at the end of the client's round before."""
    return [fall for before, after in pairwise(trainings) if (fall := _fall_back(before, after)) is not None]


def _moved(training: Training) -> float | None:
    norms = [norm for norm in training.update_norm.values() if norm is not None]
    return sum(norm**2 for norm in norms) ** 0.5 if norms else None


def _fall_back(before: Training, after: Training) -> float | None:
    """Return the loss at a round's start over that at the end of the client's round before."""
    ended = [value for _, value in measured(before.policy_loss)][-EDGE:]
    begins = [value for _, value in measured(after.policy_loss)][:EDGE]
    if len(before.policy_loss) < 2 * EDGE or len(begins) < EDGE or len(ended) < EDGE or median(ended) <= 0:
        return None
    return median(begins) / median(ended)
