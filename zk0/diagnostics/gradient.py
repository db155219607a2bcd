"""Are the gradients of a size that teaches? (`gradient.vanishing`, `gradient.exploding`, `gradient.clipping`)

Norms are those of the total gradient before clipping. SageMaker Debugger's VanishingGradient and ExplodingTensor look
at single tensors; a ledger has one norm a step, which suffices to see a whole network stand still or run away.
"""

from statistics import median

from zk0.core.checks import check
from zk0.core.faults import Fault
from zk0.core.verdicts import Evidence, Finding, failed, not_available, passed, warned
from zk0.diagnostics.series import by_client, each, each_client, ends, joined, losses_of, point
from zk0.ledger import Ledger, Training

MINIMUM_STEPS = 20
FEWEST = 5  # norms and losses that are all beyond what any loss of a policy is
BEYOND = 1e5
NOTHING = 1e-7  # Adam divides by the gradient's size plus 1e-8: below that its steps shrink with the gradient
SMALL, SHRUNK = 1e-4, 1e-4  # small, and of the start: a policy that converges loses one or two orders of magnitude
GROWN = 100.0  # times the start
AT_CLIP = 0.95  # share of steps: the clip then decides the length of every step, and the gradient only its direction

# A client without a name and rounds where none has trained, so that each check says how many norms it needs.
each_or_nobody = each(lambda ledger: by_client(ledger.trainings) if ledger.trainings else [("", [])])


@check("gradient.vanishing")
@each_or_nobody
def vanishing(trainings: list[Training], _: Ledger) -> Finding:
    """The loss's own gradients stay of a size that moves the weights."""
    norms = joined(trainings, _norms_of_the_loss)
    if len(norms) < MINIMUM_STEPS:
        return not_available(f"needs {MINIMUM_STEPS} gradient norms, has {len(norms)}")
    first, last = ends(norms)
    if not (0 < median(norms) < NOTHING or 0 < last < min(SMALL, SHRUNK * first)):
        return passed(f"{first:.3g} to {last:.3g}", evidence=_ends_shown(first, last))
    return failed(
        f"gradients of {last:.2g} teach nothing",
        evidence=_ends_shown(first, last),
        cause="the loss hardly depends on what is trained: a wrong scale, a saturated layer, a cut graph",
        remedy="look at the gradient norm of each module after one backward pass",
        fault=Fault.gradient_vanishing,
        confidence=0.9,
    )


def _norms_of_the_loss(training: Training) -> list[float | None]:
    """Return the norms of the loss's gradient: mu * drift over the recorded ratio, or the whole where mu is 0."""
    mu = training.settings.get("proximal-mu")
    if not isinstance(mu, int | float) or mu == 0:
        return training.gradient_norm
    parts = zip(training.gradient_norm, training.drift, training.proximal_ratio, strict=True)
    return [mu * drift / ratio if drift and ratio else norm if drift == 0 else None for norm, drift, ratio in parts]


def _ends_shown(first: float, last: float) -> list[Evidence]:
    return [
        point("gradient norm, median of the first tenth", first),
        point("gradient norm, median of the last tenth", last),
    ]


@check("gradient.exploding")
@each_or_nobody
def exploding(trainings: list[Training], _: Ledger) -> Finding:
    """Gradients do not grow to many times their start."""
    norms = joined(trainings, lambda one: one.gradient_norm)
    if len(norms) >= FEWEST and median(norms) > BEYOND and (losses := losses_of(trainings)) and median(losses) > BEYOND:
        return _beyond(median(norms), median(losses))
    if len(norms) < MINIMUM_STEPS or not ends(norms)[0]:
        return not_available(f"needs {MINIMUM_STEPS} gradient norms above 0, has {len(norms)}")
    first, last = ends(norms)
    if last <= GROWN * first:
        return passed(f"{first:.3g} to {last:.3g}", evidence=_ends_shown(first, last))
    return failed(
        f"grown from {first:.3g} to {last:.3g}",
        evidence=_ends_shown(first, last),
        cause="a learning rate that is too large, or a loss scale that is never taken back",
        remedy="lower learning_rate by a factor of 10; with mixed precision, unscale before clipping",
        fault=Fault.gradient_exploding,
        confidence=0.85,
    )


def _beyond(norm: float, loss: float) -> Finding:
    return warned(
        f"gradients of {norm:.3g} and a loss of {loss:.3g}, for as long as the log goes",
        evidence=[point("gradient norm, median", norm), point("policy_loss, median", loss)],
        cause="values far from 1 go in or out: statistics of another data set, a constant joint whose deviation is 0, "
        "or weights that ran away before this log begins",
        remedy="print minimum and maximum of a normalised batch; compare the statistics with the data set's own",
        fault=Fault.gradient_exploding,
        confidence=0.7,
    )


@check("gradient.clipping")
@each_client
def clipping(trainings: list[Training], _: Ledger) -> Finding:
    """The clip is for the odd step and not for all of them."""
    clip = trainings[0].settings.get("clip-norm")
    norms = joined(trainings, lambda one: one.gradient_norm)
    if not isinstance(clip, int | float) or len(norms) < MINIMUM_STEPS:
        return not_available(f"needs the clip and {MINIMUM_STEPS} gradient norms, has {len(norms)}")
    share, typical = sum(norm >= clip for norm in norms) / len(norms), median(norms)
    evidence = [
        point("clip", clip),
        point("share of steps at the clip", share),
        point("median gradient norm", typical),
    ]
    if share < AT_CLIP:
        return passed(f"{share:.0%} of the steps are cut", evidence=evidence)
    return warned(
        f"{share:.0%} of the steps are cut to {clip:g}; the median norm is {typical:.3g}",
        evidence=evidence,
        cause="the clip is below every gradient, so every step is as long as any other",
        remedy=f"set clip_norm to about {3 * typical:.2g}, or find what makes the gradients so large",
        fault=Fault.gradient_clipped,
        confidence=0.95,
    )
