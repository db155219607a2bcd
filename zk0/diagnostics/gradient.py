"""Are the gradients of a size that teaches? (`gradient.vanishing`, `gradient.exploding`, `gradient.clipping`)

Norms are those of the total gradient before clipping. SageMaker Debugger's VanishingGradient and ExplodingTensor look
at single tensors; a ledger has one norm a step, which suffices to see a whole network stand still or run away.
"""

from collections.abc import Iterator
from statistics import median

from zk0.core.checks import check
from zk0.core.faults import Fault
from zk0.core.verdicts import Finding, failed, not_available, passed, warned
from zk0.diagnostics.series import by_client, ends, joined, point
from zk0.ledger import Ledger, Training

MINIMUM_STEPS = 20
NOTHING = 1e-7  # Adam divides by the gradient's size plus 1e-8: below that its steps shrink with the gradient
SMALL, SHRUNK = 1e-4, 1e-4  # small, and of the start: a policy that converges loses one or two orders of magnitude
GROWN = 100.0  # times the start
AT_CLIP = 0.95  # share of steps: the clip then decides the length of every step, and the gradient only its direction


@check("gradient.vanishing")
def vanishing(ledger: Ledger) -> Iterator[Finding]:
    """The loss's own gradients stay of a size that moves the weights."""
    for client, norms in _norms(ledger, own=True):
        if len(norms) < MINIMUM_STEPS:
            yield not_available(f"needs {MINIMUM_STEPS} gradient norms, has {len(norms)}", at=client)
            continue
        first, last = ends(norms)
        evidence = [
            point("gradient norm, median of the first tenth", first, client),
            point("gradient norm, median of the last tenth", last, client),
        ]
        if 0 < median(norms) < NOTHING or 0 < last < min(SMALL, SHRUNK * first):
            yield failed(
                f"gradients of {last:.2g} teach nothing",
                at=client,
                evidence=evidence,
                cause="the loss hardly depends on what is trained: a wrong scale, a saturated layer, a cut graph",
                remedy="look at the gradient norm of each module after one backward pass",
                fault=Fault.gradient_vanishing,
                confidence=0.9,
            )
        else:
            yield passed(f"{first:.3g} to {last:.3g}", at=client, evidence=evidence)


@check("gradient.exploding")
def exploding(ledger: Ledger) -> Iterator[Finding]:
    """Gradients do not grow to many times their start."""
    for client, norms in _norms(ledger):
        if len(norms) < MINIMUM_STEPS or not ends(norms)[0]:
            yield not_available(f"needs {MINIMUM_STEPS} gradient norms above 0, has {len(norms)}", at=client)
            continue
        first, last = ends(norms)
        evidence = [
            point("gradient norm, median of the first tenth", first, client),
            point("gradient norm, median of the last tenth", last, client),
        ]
        if last > GROWN * first:
            yield failed(
                f"grown from {first:.3g} to {last:.3g}",
                at=client,
                evidence=evidence,
                cause="a learning rate that is too large, or a loss scale that is never taken back",
                remedy="lower learning_rate by a factor of 10; with mixed precision, unscale before clipping",
                fault=Fault.gradient_exploding,
                confidence=0.85,
            )
        else:
            yield passed(f"{first:.3g} to {last:.3g}", at=client, evidence=evidence)


@check("gradient.clipping")
def clipping(ledger: Ledger) -> Iterator[Finding]:
    """The clip is for the odd step and not for all of them."""
    if not ledger.trainings:
        yield not_available("no client has trained")
    for client, trainings in by_client(ledger.trainings):
        clip = trainings[0].settings.get("clip-norm")
        norms = joined(trainings, lambda one: one.gradient_norm)
        if not isinstance(clip, int | float) or len(norms) < MINIMUM_STEPS:
            yield not_available(f"needs the clip and {MINIMUM_STEPS} gradient norms, has {len(norms)}", at=client)
            continue
        share = sum(norm >= clip for norm in norms) / len(norms)
        evidence = [
            point("clip", clip, client),
            point("share of steps at the clip", share, client),
            point("median gradient norm", median(norms), client),
        ]
        if share >= AT_CLIP:
            yield warned(
                f"{share:.0%} of the steps are cut to {clip:g}; the median norm is {median(norms):.3g}",
                at=client,
                evidence=evidence,
                cause="the clip is below every gradient, so every step is as long as any other",
                remedy=f"set clip_norm to about {3 * median(norms):.2g}, or find what makes the gradients so large",
                fault=Fault.gradient_clipped,
                confidence=0.95,
            )
        else:
            yield passed(f"{share:.0%} of the steps are cut", at=client, evidence=evidence)


def _norms(ledger: Ledger, *, own: bool = False) -> Iterator[tuple[str, list[float]]]:
    """Yield each client with its gradient norms; `own` leaves the proximal term out where it is known."""
    if not ledger.trainings:
        yield "", []
    for client, trainings in by_client(ledger.trainings):
        yield client, joined(trainings, _of_the_loss if own else lambda one: one.gradient_norm)


def _of_the_loss(training: Training) -> list[float | None]:
    """Return the norms of the loss's gradient: mu * drift over the recorded ratio, or the whole where mu is 0."""
    mu = training.settings.get("proximal-mu")
    if not isinstance(mu, int | float) or mu == 0:
        return training.gradient_norm
    parts = zip(training.gradient_norm, training.drift, training.proximal_ratio, strict=True)
    return [mu * drift / ratio if drift and ratio else norm if drift == 0 else None for norm, drift, ratio in parts]
