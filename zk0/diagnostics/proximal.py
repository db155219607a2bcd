"""Does the proximal term act? (`proximal.acts`, `proximal.formula`, `proximal.gradient`)

A FedProx term mu/2 * ||w - w_round||^2 is zero at a round's first step, where w is w_round, and positive after the
first update. A first value above zero was measured after the optimizer step, or from another point than the round's
start. That the term is positive does not prove that it is in the gradient: `proximal.gradient` shows that by the
norms of the gradient with and without it. `scaling` compares two runs that differ in mu alone.
"""

import math
from collections.abc import Iterator
from statistics import median

from zk0.core.checks import check
from zk0.core.faults import Fault
from zk0.core.verdicts import Finding, failed, not_applicable, not_available, passed
from zk0.diagnostics.series import by_client, measured, point, where
from zk0.ledger import Ledger, Training

FIRST_STEP_TOLERANCE = 1e-9  # a sum of squares of exact zeros is zero; this is generous
ONE_STEP = 2.0  # times learning rate * sqrt(parameters), the longest first step of Adam; weight decay adds a little
DEBUG = "fedprox-debug"
IN_THE_GRADIENT = "add mu * (w - w_round) to the gradient before clipping and the optimizer step"
SNAPSHOT = "snapshot the reference once a round: detached, in storage of its own"

VALUE_TOLERANCE = 0.02  # relative, of the value beside mu/2 * drift^2; logs have four digits or more
ADDS_UP = 1.5  # times its right value at the end, from right at the start

SMALL_RATIO = 0.01  # below it the term's share of the gradient drowns in fp32's rounding of the norm
MINIMUM_NORMS = 5
UNMOVED = 0.01  # of the term's share: were it in the gradient, the norm would differ by about its cosine with it


@check("proximal.acts")
def proximal_acts(ledger: Ledger) -> Iterator[Finding]:
    """The proximal term is 0 at a round's first step and positive afterwards."""
    if not ledger.trainings:
        yield not_available("no client has trained")
    clean = {one.client for one in ledger.trainings if one.round == 1 and _begins_at_0(one)}
    for training in ledger.trainings:
        at = where(training)
        mu = training.settings.get("proximal-mu")
        values = measured(training.proximal_loss)
        if mu == 0:
            yield not_applicable("mu is 0: this is FedAvg", at=at)
        elif (
            not isinstance(mu, int | float)
            or mu < 0
            or not values
            or values[0][0] != 0
            or (len(values) == 1 and _begins_at_0(training))
        ):
            yield not_available("needs mu, and the term at the first and at a later step", at=at)
        elif not _begins_at_0(training):
            yield _not_from_0(training, float(mu), began_well=training.client in clean, parameters=_trainable(ledger))
        else:
            yield _later(training, values)


def _begins_at_0(training: Training) -> bool:
    first = next(iter(training.proximal_loss), None)
    return first is not None and first <= FIRST_STEP_TOLERANCE


def _trainable(ledger: Ledger) -> int | None:
    return ledger.opened.trainable if ledger.opened and ledger.opened.trainable > 0 else None


def _not_from_0(training: Training, mu: float, *, began_well: bool, parameters: int | None) -> Finding:
    """Distinguish a term after the step from one whose reference is another point than the round's start."""
    at, first = where(training), measured(training.proximal_loss)[0][1]
    step, last = measured(training.proximal_loss)[-1]
    rate = training.learning_rate[0]
    evidence = [point("proximal_loss at step 0", first, at), point(f"proximal_loss at step {step}", last, at)]
    distance = math.sqrt(2 * first / mu)
    far = False
    if parameters is not None and rate is not None:
        longest = rate * math.sqrt(parameters)
        far = distance > ONE_STEP * longest
        evidence += [
            point("distance from the reference at step 0", distance, at),
            point("longest first step of Adam", longest, at),
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
        at=at,
        evidence=evidence,
        cause=cause,
        remedy=remedy,
        workflow=DEBUG,
        fault=fault,
        confidence=confidence,
    )


def _later(training: Training, values: list[tuple[int, float]]) -> Finding:
    at, first, (step, last) = where(training), values[0][1], values[-1]
    evidence = [
        point("proximal_loss at step 0", first, at),
        point(f"proximal_loss at step {step}", last, at),
        point(f"proximal_ratio at step {step}", training.proximal_ratio[step], at),
    ]
    if last > 0:
        return passed(f"0 at the first step, {last:.3g} at step {step}", at=at, evidence=evidence)
    if training.digest_in is not None and training.digest_in == training.digest_out:
        return not_available("the weights do not move, so the term has nothing to do", at=at)
    return failed(
        f"the term is still {last:.3g} at step {step}",
        at=at,
        evidence=evidence,
        cause="its reference moves with the weights, or the weights do not move",
        remedy=SNAPSHOT,
        workflow=DEBUG,
        fault=Fault.proximal_reference,
        confidence=0.95,
    )


@check("proximal.formula")
def proximal_formula(ledger: Ledger) -> Iterator[Finding]:
    """The term's value is mu/2 times the squared drift."""
    if not ledger.trainings:
        yield not_available("no client has trained")
    for training in ledger.trainings:
        at, mu = where(training), training.settings.get("proximal-mu")
        both = [
            (step, value, drift)
            for step, (value, drift) in enumerate(zip(training.proximal_loss, training.drift, strict=True))
            if value is not None and drift and isinstance(mu, int | float) and 0 < _formula(mu, drift) < math.inf
        ]
        if mu == 0:
            yield not_applicable("mu is 0: this is FedAvg", at=at)
        elif not isinstance(mu, int | float) or len(both) < 2:  # noqa: PLR2004  one could be chance
            yield not_available("needs mu, and value and drift at two steps after the first", at=at)
        else:
            yield _compared(both, float(mu), at)


def _formula(mu: float, drift: float) -> float:
    return mu / 2 * drift * drift


def _compared(both: list[tuple[int, float, float]], mu: float, at: str) -> Finding:
    ratios = [value / _formula(mu, drift) for _, value, drift in both]
    unsquared = [value / (mu / 2 * drift) for _, value, drift in both]
    typical = median(ratios)
    step, value, drift = both[-1]
    evidence = [
        point(f"proximal_loss at step {step}", value, at),
        point("mu/2 times the squared drift there", _formula(mu, drift), at),
        point("value over formula, median", typical, at),
    ]
    if all(abs(ratio - 1) < VALUE_TOLERANCE for ratio in ratios):
        return passed("mu/2 times the squared drift", at=at, evidence=evidence)
    if abs(ratios[0] - 1) < VALUE_TOLERANCE and ratios[-1] > ADDS_UP:
        return failed(
            f"the term grows to {ratios[-1]:.3g} times mu/2 of the squared drift",
            at=at,
            evidence=evidence,
            cause="it is added to a total that is never set back",
            remedy="recompute the term at every step",
            workflow=DEBUG,
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
        at=at,
        evidence=evidence,
        cause=cause,
        remedy="mu/2 * sum of (w - w_round)^2 over the trained tensors",
        workflow=DEBUG,
        fault=Fault.proximal_formula,
        confidence=0.9,
    )


@check("proximal.gradient")
def proximal_gradient(ledger: Ledger) -> Iterator[Finding]:
    """The term's gradient is in the gradient that the optimizer gets."""
    if not ledger.trainings:
        yield not_available("no client has trained")
    for client, trainings in by_client(ledger.trainings):
        if all(one.settings.get("proximal-mu") == 0 for one in trainings):
            yield not_applicable("mu is 0: this is FedAvg", at=client)
            continue
        shares = [share for one in trainings for share in _shares(one)]
        if len(shares) < MINIMUM_NORMS:
            yield not_available(
                f"needs {MINIMUM_NORMS} steps with a term of {SMALL_RATIO:.0%} of the gradient or more", at=client
            )
            continue
        largest = max(shares)
        evidence = [
            point("steps compared", len(shares), client, "steps"),
            point("largest change of the gradient's norm, over the term's share", largest, client),
        ]
        if largest < UNMOVED:
            yield failed(
                "the gradient's norm is that of the loss alone, at every step",
                at=client,
                evidence=evidence,
                cause="the term is only a number: detached, `.item()`, or not in what `backward` is called on",
                remedy=IN_THE_GRADIENT,
                workflow=DEBUG,
                fault=Fault.proximal_detached,
                confidence=0.95,
            )
        else:
            yield passed("the term changes the gradient", at=client, evidence=evidence)


def _shares(training: Training) -> Iterator[float]:
    """Yield by how much the norm of the whole gradient differs from the loss's own, over the term's share of it."""
    mu = training.settings.get("proximal-mu")
    if not isinstance(mu, int | float) or mu <= 0:
        return
    for drift, ratio, norm in zip(training.drift, training.proximal_ratio, training.gradient_norm, strict=True):
        if drift and norm and ratio and ratio >= SMALL_RATIO:
            own = mu * drift / ratio
            if own > 0:
                yield abs(norm / own - 1) / ratio


def scaling(one: Ledger, other: Ledger) -> Finding:
    """Judge two runs of the same seed that differ in mu: a term that acts does not grow in proportion to mu."""
    for left in one.trainings:
        for right in other.trainings:
            if (left.client, left.round) == (right.client, right.round):
                found = _scaled(left, right)
                if found is not None:
                    return found
    return not_available("needs a round of one client in both runs, with different mu and the term at 3 steps")


def _scaled(left: Training, right: Training) -> Finding | None:
    mu, nu = left.settings.get("proximal-mu"), right.settings.get("proximal-mu")
    both = [
        (a, b) for a, b in zip(left.proximal_loss[1:], right.proximal_loss[1:], strict=False) if a is not None and b
    ]
    if not mu or not nu or mu == nu or len(both) < 3:  # noqa: PLR2004  the first value after a step scales always
        return None
    wanted = float(mu) / float(nu)
    scales = [a / b for a, b in both]
    evidence = [
        point("ratio of mu", wanted, where(left)),
        point("ratio of the terms at the first step", scales[0], where(left)),
        point("ratio of the terms at the last step", scales[-1], where(left)),
    ]
    if all(abs(scale / wanted - 1) < VALUE_TOLERANCE for scale in scales):
        return failed(
            f"the terms differ by the ratio of mu, {wanted:.3g}, at all {len(both)} steps: the weights went one way",
            at=where(left),
            evidence=evidence,
            cause="the term has no gradient: mu changes the log and nothing else",
            remedy=IN_THE_GRADIENT,
            workflow=DEBUG,
            fault=Fault.proximal_detached,
            confidence=0.99,
        )
    return passed(f"a larger mu holds more: {scales[0]:.3g} to {scales[-1]:.3g}", at=where(left), evidence=evidence)
