"""Does the proximal term act? (`proximal.acts`)

A FedProx term mu/2 * ||w - w_round||^2 is zero at a round's first step, where w is w_round, and positive after the
first update. A first value above zero was measured after the optimizer step: it adds to the logged loss and to
nothing else. That the term is positive does not prove that it is in the gradient; that its gradient has the size
mu * drift beside the loss's own is what `proximal_ratio` records.
"""

from collections.abc import Iterator

from zk0.diagnostics.registry import diagnostic, measured, point, where
from zk0.ledger import Ledger
from zk0.verdicts import Finding, failed, not_applicable, not_available, passed

FIRST_STEP_TOLERANCE = 1e-9  # a sum of squares of exact zeros is zero; this is generous


@diagnostic("proximal.acts")
def proximal_acts(ledger: Ledger) -> Iterator[Finding]:
    """The proximal term is 0 at a round's first step and positive afterwards."""
    if not ledger.trainings:
        yield not_available("no client has trained")
    for training in ledger.trainings:
        at = where(training)
        mu = training.settings.get("proximal-mu")
        values = measured(training.proximal_loss)
        if mu == 0:
            yield not_applicable("mu is 0: this is FedAvg", at=at)
            continue
        if mu is None or not values or values[0][0] != 0 or len(values) == 1:
            yield not_available("needs mu, and the term at the first and at a later step", at=at)
            continue
        first, (step, last) = values[0][1], values[-1]
        evidence = [
            point("proximal_loss at step 0", first, at),
            point(f"proximal_loss at step {step}", last, at),
            point(f"proximal_ratio at step {step}", training.proximal_ratio[step], at),
        ]
        if first > FIRST_STEP_TOLERANCE:
            yield failed(
                f"the term is {first:.3g} at the first step, where it must be 0",
                at=at,
                evidence=evidence,
                cause="it is computed after the optimizer step and has no gradient",
                remedy="add mu * (w - w_round) to the gradient before clipping and the optimizer step",
            )
        elif last <= 0:
            yield failed(
                f"the term is still {last:.3g} at step {step}",
                at=at,
                evidence=evidence,
                cause="its reference moves with the weights, or the weights do not move",
                remedy="snapshot the reference once a round: detached, in storage of its own",
            )
        else:
            yield passed(f"0 at the first step, {last:.3g} at step {step}", at=at, evidence=evidence)
