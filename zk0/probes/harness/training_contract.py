"""The contract of code that trains: a step, a loop, a client.

What the optimizer is given at each step must be the loss's gradient plus mu * (w - w_round), w_round being what the
server sent; at the first step the term is zero.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .findings import PointFinding, Points, Shown, failed, largest_gap, not_available, passed, warned
from .gradients import GradientSample, explain, half_of_formula
from .terms import NO_GRADIENT, SNAPSHOT, WITH_GRADIENT
from .trainings import MU, Comparison, is_as_sent

BEFORE_THE_STEP = "add it to the loss before backward, or mu * (w - w_round) to the gradients before the step"

# What moves with the weights, by kind of reference.
MOVING = {
    "model": "the reference is the model that is trained",
    "parameters": "what is kept are the weights themselves",
    "alias": "the reference shares its storage with the weights",
    "refreshed": "the reference is taken again at each step",
}


def training_points(comparison: Comparison, *, uses_mu: bool, made_with_mu: bool = False) -> Points:
    """Yield what is found at each point, the root cause first.

    Args:
        comparison: the training with and without mu.
        uses_mu: whether the code reads the mu it is given at all.
        made_with_mu: whether a client is given mu when it is made.
    """
    if reason := _not_comparable(comparison):
        yield "gradient", not_available(reason)
        return
    if unset := _received(comparison):
        yield "received", unset
    cause = root_cause(comparison, uses_mu=uses_mu)
    steps = f"at each of {len(comparison.steps)} steps the optimizer is given mu * (w - w_round)"
    yield "gradient", cause or passed(steps, comparison.last.worst())
    yield "acts", _acts(comparison, cause)
    if (lost := _returned(comparison)) is not None:
        yield "returned", lost
    yield "zero", _zero(comparison)
    yield "mu", _mu(comparison, uses_mu=uses_mu, made_with_mu=made_with_mu)
    yield "reference", _reference(comparison, cause)
    yield "frozen", _frozen(comparison)


def _not_comparable(comparison: Comparison) -> str | None:
    """Return why nothing can be said of a training; None where it can."""
    if len(comparison.steps) < 2:  # noqa: PLR2004  the second is the first with w != w_round
        return f"needs 2 optimizer steps of one call or more, saw {len(comparison.steps)}"
    if not comparison.is_repeatable():
        return "run twice it does not do the same: seed what it draws from"
    if not comparison.is_measurable():
        return "the weights move too little for the term to be seen above rounding"
    return None


def root_cause(comparison: Comparison, *, uses_mu: bool) -> PointFinding | None:  # noqa: PLR0911  one cause each
    """Return why the optimizer is not given mu * (w - w_round); None where it is."""
    samples = comparison.samples()
    inert = comparison.is_inert()
    if not uses_mu or (comparison.proximal.read_mu is False and inert):
        return _undelivered(comparison)
    if inert:
        return _inert(comparison)
    if not samples[0].is_zero() and np.isfinite(next(iter(samples[0].found.values()))).all():
        return _begins_elsewhere(comparison)
    if (late := _begins_late(samples)) is not None:
        return late
    if _adds_up(comparison):
        return failed(
            "the term adds up: each step's gradient holds those of the steps before",
            "proximal-repeated",
            "the sum is begun once, before the loop",
            "begin it at 0 in each step",
            samples[-1].worst(),
        )
    if _follows(comparison):
        return _moving_reference(comparison, "the reference is the weights of the step before")
    return next((cause for sample in samples[1:] if (cause := explain(sample, samples[-1]))), None)


def _begins_late(samples: Sequence[GradientSample]) -> PointFinding | None:
    """Judge a term that is right where it is there, and missing at the steps before or after."""
    numbered = [(number, sample) for number, sample in enumerate(samples, 1) if not sample.conforms_to_zero()]
    silent = [number for number, sample in numbered if sample.is_zero()]
    there = [number for number, sample in numbered if not sample.is_zero()]
    if not silent or not there or not all(samples[number - 1].conforms() for number in there):
        return None
    late = silent[-1] < there[0]
    when = f"from step {there[0]} on" if late else f"at {len(there)} of {len(samples) - 1} steps"
    return failed(
        f"the term acts only {when} of {len(samples)}",
        "proximal-inert",
        "it is added in some epochs or steps only: a condition on the epoch, the step or the loss",
        "add it in every step of every epoch",
        samples[silent[0] - 1].worst(),
    )


def _undelivered(comparison: Comparison) -> PointFinding:
    """Return why mu changes nothing: there is no term, if nothing is kept that it could be measured from."""
    if not comparison.proximal.recorder.kept and not comparison.subtracted:
        return failed(
            "there is no proximal term: this trains as FedAvg does, whatever mu is",
            "setting-not-delivered",
            "no variable keeps the weights that the server sent, from which the term is measured",
            f"{SNAPSHOT}; add mu/2 times the squared distance from it to the loss",
        )
    return failed(
        "mu does not arrive: the code never reads the one it is given",
        "setting-not-delivered",
        "the strength is written in the code, or the term is missing",
        'take it from the server: config["proximal_mu"] (Flower\'s FedProx sends it each round)',
    )


def _inert(comparison: Comparison) -> PointFinding:
    """Return why the optimizer's gradients are those of mu = 0."""
    kept, evidence = comparison.proximal.recorder.kept, comparison.last.worst()
    acting = f"the term never acts: at step {len(comparison.steps)} its gradient is 0"
    if "exhausted" in kept:
        return failed(
            f"{acting}; the reference is an exhausted iterator from the second step on ({kept['exhausted']})",
            "proximal-reference",
            "model.parameters() is a generator: the first loop over it empties it, and zip then yields nothing",
            SNAPSHOT,
            evidence,
        )
    losses = [step.loss for step in comparison.steps[-1]]
    if None not in losses and not comparison.same_numbers(losses[:1], losses[1:]):
        return failed(
            f"{acting}; the loss holds it and no gradient flows from it",
            "proximal-detached",
            NO_GRADIENT,
            WITH_GRADIENT,
            {**evidence, "back-propagated loss with mu": losses[0], "and without": losses[1]},
        )
    return _not_in_loss(comparison, acting, evidence)


def _not_in_loss(comparison: Comparison, acting: str, evidence: Shown) -> PointFinding:
    kept, measured_from = comparison.proximal.recorder.kept, comparison.subtracted
    if kind := next(iter(measured_from), None):
        place = f" ({measured_from[kind]})" if measured_from[kind] else ""
        return _moving_reference(comparison, f"{acting}; {MOVING[kind]}{place}")
    if not comparison.same_numbers(comparison.proximal.returned, comparison.plain.returned):
        message = f"{acting}; only what it reports changes with mu"
        cause = "it is computed after the optimizer step, or after backward"
        return failed(message, "proximal-inert", cause, BEFORE_THE_STEP, evidence)
    if kind := next((kind for kind in ("alias", "refreshed") if kind in kept), None):
        return _moving_reference(comparison, f"{acting}; {MOVING[kind]} ({kept[kind]})")
    if "healthy" not in kept and "parameters" in kept:
        message = f"{acting}; {MOVING['parameters']} ({kept['parameters']})"
        return _moving_reference(comparison, message)
    cause = "it is computed after the optimizer step, or does not reach the loss"
    if not kept:
        cause = "at the step no variable keeps what the server sent: it is never set, or the term comes later"
    return failed(acting, "proximal-inert", cause, BEFORE_THE_STEP, evidence)


def _moving_reference(comparison: Comparison, message: str) -> PointFinding:
    cause = "the reference moves with the weights"
    return failed(message, "proximal-reference", cause, SNAPSHOT, comparison.last.worst())


def _begins_elsewhere(comparison: Comparison) -> PointFinding:
    """Judge a term that is not zero at the first step; another reference is named where one predicts every step."""
    samples = comparison.samples()
    if (half := half_of_formula(samples[0])) is not None:
        return half
    evidence = samples[0].worst()
    met = [{name: sample.weights[name] - value / MU for name, value in sample.found.items()} for sample in samples]
    fixed = all(
        sample.near(MU * each[name], MU * value) for sample, each in zip(samples, met) for name, value in met[0].items()
    )
    if not fixed:
        message = "the term is not 0 at the first step, where w = w_round"
        return failed(message, "proximal-formula", None, BEFORE_THE_STEP, evidence)
    return failed(
        "the reference is not what the server sent: the term is not 0 at the first step",
        "proximal-reference",
        "it is taken before the received weights are set, or from another model",
        "set the received weights first, then take the reference from them",
        evidence,
    )


def _adds_up(comparison: Comparison) -> bool:
    """Return whether a step's gradient is the sum of those expected up to it."""
    samples = comparison.samples()
    if len(samples) < 3:  # noqa: PLR2004  at the second step there is nothing to add up yet
        return False
    last, expected = samples[-1], [sample.expected for sample in samples]
    sums = {name: np.sum([each[name] for each in expected], axis=0) for name in last.found}
    return not last.conforms() and all(last.near(last.found[name], value) for name, value in sums.items())


def _follows(comparison: Comparison) -> bool:
    """Return whether the term's gradient is mu * (w - w of the step before)."""
    last, before = comparison.last, comparison.steps[-2][0].weights
    return not last.conforms() and all(
        last.near(value, MU * (last.weights[name] - before[name])) for name, value in last.found.items()
    )


def _acts(comparison: Comparison, cause: PointFinding | None) -> PointFinding:
    free = comparison.free.final
    gap = max(float(np.abs(value - free[name]).max()) for name, value in comparison.proximal.final.items())
    evidence = {"largest difference of a weight to the run with mu = 0": gap}
    if comparison.acts():
        return passed(f"after {len(comparison.steps)} steps the weights are not those of mu = 0", evidence)
    if cause is None:
        return not_available("the weights are those of mu = 0; the steps are too small for a verdict")
    return _same_cause("the weights are those of mu = 0 to the last bit", cause, evidence)


def _same_cause(message: str, cause: PointFinding, evidence: Shown | None = None) -> PointFinding:
    return failed(message, cause.fault, cause.cause, cause.remedy, evidence)


def _zero(comparison: Comparison) -> PointFinding:
    sample = comparison.sample(0)
    largest = sample.largest()
    evidence = {"largest gradient of the term at the first step": largest}
    if not np.isfinite(largest):
        return failed(
            "at the first step the gradient is not finite",
            "proximal-formula",
            "a square root has no derivative at w = w_round",
            "square the distance",
            evidence,
        )
    if sample.is_zero():
        return passed("the term is 0 at the round's first step", evidence)
    return _begins_elsewhere(comparison)


def _mu(comparison: Comparison, *, uses_mu: bool, made_with_mu: bool) -> PointFinding:
    read = comparison.proximal.read_mu
    if read is False and made_with_mu and comparison.acts():
        return warned(
            "mu is fixed when the client is made; the one the server sends is never read",
            "setting-not-delivered",
            "Flower's FedProx sends proximal_mu in each round's configuration",
            'take it from the configuration: config["proximal_mu"]',
        )
    if not uses_mu or read is False:
        return _undelivered(comparison)
    return passed(
        f"mu is {'read from the configuration the server sends' if read else 'taken as an argument and used'}"
    )


def _received(comparison: Comparison) -> PointFinding | None:
    """Return the finding where a client does not begin with the weights it was sent."""
    sent = comparison.proximal.sent
    for name, value in comparison.proximal.recorder.steps[0].weights.items():
        if not is_as_sent(name, value, sent):
            return failed(
                f"the training does not begin with what the server sent: {name} differs",
                "parameters-not-applied",
                "the received parameters are not set, or into another model",
                "set them before training: model.load_state_dict(..., strict=True)",
                largest_gap(name, value, sent[name], labels=(f"{name} at the first step", "as it was sent")),
            )
    return None


def _returned(comparison: Comparison) -> PointFinding | None:
    """Return the finding where the weights that were trained do not come back."""
    run = comparison.proximal
    if run.lost():
        return failed(
            "what is trained is a copy: neither the model that was given nor what is returned has the trained weights",
            "parameters-not-trained",
            "the model is copied before the training, and the copy is dropped",
            "train the model itself, or return the copy's state",
        )
    weights = {} if run.weights is None else run.weights
    gaps = [name for name, value in weights.items() if not np.allclose(value, run.final[name], rtol=1e-3, atol=1e-5)]
    kept = {name: value for name, value in run.recorder.start.items() if name in weights}
    if gaps and all(np.allclose(weights[name], value, rtol=1e-3, atol=1e-5) for name, value in kept.items()):
        return failed(
            f"it returns the weights it began with: {gaps[0]} is trained and not returned",
            "parameters-not-trained",
            "the weights are taken before the training, or from another model",
            "take them from the trained model, after the training",
            largest_gap(gaps[0], weights[gaps[0]], run.final[gaps[0]], labels=("{} returned", "trained")),
        )
    return None


def _reference(comparison: Comparison, cause: PointFinding | None) -> PointFinding:
    if cause is None:
        name = comparison.proximal.recorder.kept.get("healthy")
        return passed(f"w_round stays as it was sent{f' ({name})' if name else ''}")
    if cause.fault == "proximal-reference":
        return _same_cause("w_round, what the server sent, is not kept through the round", cause)
    return not_available("unknown: the gradient is wrong for another reason")


def _frozen(comparison: Comparison) -> PointFinding:
    moved = comparison.proximal.recorder.frozen_moved()
    written = comparison.steps[-1][0].frozen
    if not moved and not written:
        return passed("frozen tensors stay as they are and get no gradient")
    return failed(
        f"frozen tensors {'move' if moved else 'are given a gradient'}, e.g. {(moved or written)[0]}",
        "frozen-moved" if moved else "proximal-frozen",
        "the gradient is written to all parameters",
        "pass over parameters with requires_grad=False",
    )
