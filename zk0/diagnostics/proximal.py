"""Does the proximal term act? (`proximal.acts`, `proximal.formula`, `proximal.gradient`)

A FedProx term mu/2 * ||w - w_round||^2 is zero at a round's first step, where w is w_round, and positive after the
first update. A first value above zero was measured after the optimizer step, or from another point than the round's
start. That the term is positive does not prove that it is in the gradient: `proximal.gradient` shows that by the
norms of the gradient with and without it. `scaling` compares two runs that differ in mu alone.
"""

import math
from collections.abc import Iterator
from functools import partial
from statistics import median

from zk0.core import verdicts
from zk0.core.checks import check
from zk0.core.faults import Fault
from zk0.core.verdicts import Finding, not_applicable, not_available, passed
from zk0.diagnostics.series import (
    FEDAVG,
    Points,
    each_client,
    each_training,
    judge_each,
    measured,
    point,
    where,
    with_places,
)
from zk0.ledger import Ledger, Training

FIRST_STEP_TOLERANCE = 1e-9  # a sum of squares of exact zeros is zero; this is generous
ONE_STEP = 2.0  # times learning rate * sqrt(parameters), the longest first step of Adam; weight decay adds a little
IN_THE_GRADIENT = "add mu * (w - w_round) to the gradient before clipping and the optimizer step"
SNAPSHOT = "snapshot the reference once a round: detached, in storage of its own"

VALUE_TOLERANCE = 0.02  # relative, of the value beside mu/2 * drift^2; logs have four digits or more
ADDS_UP = 1.5  # times its right value at the end, from right at the start
ENOUGH_TERMS = 3  # of two runs: the first value after a step scales with mu always

SMALL_RATIO = 0.01  # below it the term's share of the gradient drowns in fp32's rounding of the norm
MINIMUM_NORMS = 5
UNMOVED = 0.01  # of the term's share: were it in the gradient, the norm would differ by about its cosine with it

failed = partial(verdicts.failed, workflow="fedprox-debug")


@check("proximal.acts")
def proximal_acts(ledger: Ledger) -> Iterator[Finding]:
    """The proximal term is 0 at a round's first step and positive afterwards."""
    clean = {one.client for one in ledger.trainings if one.round == 1 and _begins_at_0(one)}
    parameters = ledger.opened.trainable if ledger.opened and ledger.opened.trainable > 0 else None

    def judge(training: Training) -> Finding:
        mu, values = training.settings.get("proximal-mu"), measured(training.proximal_loss)
        if mu == 0:
            return not_applicable(FEDAVG)
        begins_at_0 = _begins_at_0(training)
        known = isinstance(mu, int | float) and mu > 0 and values and values[0][0] == 0
        if not known or (len(values) == 1 and begins_at_0):
            return not_available("needs mu, and the term at the first and at a later step")
        if begins_at_0:
            return _later(training, values)
        return _not_from_0(training, values, began_well=training.client in clean, parameters=parameters)

    return judge_each(with_places(ledger.trainings), judge)


def _begins_at_0(training: Training) -> bool:
    first = next(iter(training.proximal_loss), None)
    return first is not None and first <= FIRST_STEP_TOLERANCE


def _not_from_0(training: Training, values: Points, *, began_well: bool, parameters: int | None) -> Finding:
    """Distinguish a term after the step from one whose reference is another point than the round's start."""
    (_, first), (step, last) = values[0], values[-1]
    rate = training.learning_rate[0]
    evidence = [point("proximal_loss at step 0", first), point(f"proximal_loss at step {step}", last)]
    far = False
    if parameters is not None and rate is not None:
        distance = math.sqrt(2 * first / float(training.settings["proximal-mu"]))
        longest = rate * math.sqrt(parameters)
        far = distance > ONE_STEP * longest
        evidence += [
            point("distance from the reference at step 0", distance),
            point("longest first step of Adam", longest),
        ]
    if began_well:
        cause = "its reference is not the round's start: it was kept from an earlier round"
        remedy, fault, confidence = SNAPSHOT, Fault.proximal_reference, 0.95
    elif far:
        cause = "weights are compared with another tensor's reference: the lists are in different orders"
        remedy, fault, confidence = "pair weights and reference by name, strictly", Fault.proximal_pairing, 0.85
    else:
        cause = "it is computed after the optimizer step and has no gradient"
        remedy, fault, confidence = IN_THE_GRADIENT, Fault.proximal_inert, 0.95
    return failed(
        f"the term is {first:.3g} at the first step, where it must be 0",
        evidence=evidence,
        cause=cause,
        remedy=remedy,
        fault=fault,
        confidence=confidence,
    )


def _later(training: Training, values: Points) -> Finding:
    (_, first), (step, last) = values[0], values[-1]
    evidence = [
        point("proximal_loss at step 0", first),
        point(f"proximal_loss at step {step}", last),
        point(f"proximal_ratio at step {step}", training.proximal_ratio[step]),
    ]
    if last > 0:
        return passed(f"0 at the first step, {last:.3g} at step {step}", evidence=evidence)
    if training.digest_in is not None and training.digest_in == training.digest_out:
        return not_available("the weights do not move, so the term has nothing to do")
    return failed(
        f"the term is still {last:.3g} at step {step}",
        evidence=evidence,
        cause="its reference moves with the weights, or the weights do not move",
        remedy=SNAPSHOT,
        fault=Fault.proximal_reference,
        confidence=0.95,
    )


@check("proximal.formula")
@each_training
def proximal_formula(training: Training, _: Ledger) -> Finding:
    """The term's value is mu/2 times the squared drift."""
    mu = training.settings.get("proximal-mu")
    if mu == 0:
        return not_applicable(FEDAVG)
    both = [
        (step, value, drift)
        for step, (value, drift) in enumerate(zip(training.proximal_loss, training.drift, strict=True))
        if value is not None and drift and isinstance(mu, int | float) and 0 < _formula(mu, drift) < math.inf
    ]
    if not isinstance(mu, int | float) or len(both) < 2:  # noqa: PLR2004  one could be chance
        return not_available("needs mu, and value and drift at two steps after the first")
    return _compare_with_formula(both, float(mu))


def _formula(mu: float, drift: float) -> float:
    return mu / 2 * drift * drift


def _compare_with_formula(both: list[tuple[int, float, float]], mu: float) -> Finding:
    ratios = [value / _formula(mu, drift) for _, value, drift in both]
    unsquared = [value / (mu / 2 * drift) for _, value, drift in both]
    typical = median(ratios)
    step, value, drift = both[-1]
    evidence = [
        point(f"proximal_loss at step {step}", value),
        point("mu/2 times the squared drift there", _formula(mu, drift)),
        point("value over formula, median", typical),
    ]
    if all(abs(ratio - 1) < VALUE_TOLERANCE for ratio in ratios):
        return passed("mu/2 times the squared drift", evidence=evidence)
    if abs(ratios[0] - 1) < VALUE_TOLERANCE and ratios[-1] > ADDS_UP:
        return failed(
            f"the term grows to {ratios[-1]:.3g} times mu/2 of the squared drift",
            evidence=evidence,
            cause="it is added to a total that is never set back",
            remedy="recompute the term at every step",
            fault=Fault.proximal_repeated,
            confidence=0.95,
        )
    if abs(typical - 2) < 2 * VALUE_TOLERANCE:
        cause = "the half is missing, or the term is added twice"
    elif median(unsquared) > 0 and all(abs(one / median(unsquared) - 1) < VALUE_TOLERANCE for one in unsquared):
        cause = "the norm is not squared"
    else:
        cause = "another formula, another mu than configured, or other tensors than are trained"
    return failed(
        f"the term is {typical:.3g} times mu/2 of the squared drift",
        evidence=evidence,
        cause=cause,
        remedy="mu/2 * sum of (w - w_round)^2 over the trained tensors",
        fault=Fault.proximal_formula,
        confidence=0.9,
    )


@check("proximal.gradient")
@each_client
def proximal_gradient(trainings: list[Training], _: Ledger) -> Finding:
    """The term's gradient is in the gradient that the optimizer gets."""
    if all(one.settings.get("proximal-mu") == 0 for one in trainings):
        return not_applicable(FEDAVG)
    shares = [share for one in trainings for share in _shares(one)]
    if len(shares) < MINIMUM_NORMS:
        return not_available(f"needs {MINIMUM_NORMS} steps with a term of {SMALL_RATIO:.0%} of the gradient or more")
    largest = max(shares)
    evidence = [
        point("steps compared", len(shares), "steps"),
        point("largest change of the gradient's norm, over the term's share", largest),
    ]
    if largest >= UNMOVED:
        return passed("the term changes the gradient", evidence=evidence)
    return failed(
        "the gradient's norm is that of the loss alone, at every step",
        evidence=evidence,
        cause="the term is only a number: detached, `.item()`, or not in what `backward` is called on",
        remedy=IN_THE_GRADIENT,
        fault=Fault.proximal_detached,
        confidence=0.95,
    )


def _shares(training: Training) -> Iterator[float]:
    """Yield by how much the norm of the whole gradient differs from the loss's own, over the term's share of it."""
    mu = training.settings.get("proximal-mu")
    if not isinstance(mu, int | float) or mu <= 0:
        return
    for drift, ratio, norm in zip(training.drift, training.proximal_ratio, training.gradient_norm, strict=True):
        if drift and norm and ratio and ratio >= SMALL_RATIO and (own := mu * drift / ratio) > 0:
            yield abs(norm / own - 1) / ratio


def scaling(one: Ledger, other: Ledger) -> Finding:
    """Judge two runs of the same seed that differ in mu: a term that acts does not grow in proportion to mu."""
    pairs = (
        (where(left), (left, right))
        for left in one.trainings
        for right in other.trainings
        if (left.client, left.round) == (right.client, right.round) and _mu_differs(left, right)
    )
    nothing = "needs a round of one client in both runs, with different mu and the term at 3 steps"
    return next(judge_each(pairs, lambda pair: _scaling(*pair), nothing=nothing))


def _mu_differs(left: Training, right: Training) -> bool:
    mu, nu = left.settings.get("proximal-mu"), right.settings.get("proximal-mu")
    return bool(mu and nu and mu != nu and len(_terms_of_both(left, right)) >= ENOUGH_TERMS)


def _terms_of_both(left: Training, right: Training) -> list[tuple[float, float]]:
    """Return the terms of two runs at each step after the first, where the term is 0 in both."""
    both = zip(left.proximal_loss[1:], right.proximal_loss[1:], strict=False)
    return [(a, b) for a, b in both if a is not None and b]


def _scaling(left: Training, right: Training) -> Finding:
    wanted = float(left.settings["proximal-mu"]) / float(right.settings["proximal-mu"])
    scales = [a / b for a, b in _terms_of_both(left, right)]
    evidence = [
        point("ratio of mu", wanted),
        point("ratio of the terms at the first step", scales[0]),
        point("ratio of the terms at the last step", scales[-1]),
    ]
    if any(abs(scale / wanted - 1) >= VALUE_TOLERANCE for scale in scales):
        return passed(f"a larger mu holds more: {scales[0]:.3g} to {scales[-1]:.3g}", evidence=evidence)
    return failed(
        f"the terms differ by the ratio of mu, {wanted:.3g}, at all {len(scales)} steps: the weights went one way",
        evidence=evidence,
        cause="the term has no gradient: mu changes the log and nothing else",
        remedy=IN_THE_GRADIENT,
        fault=Fault.proximal_detached,
        confidence=0.99,
    )
