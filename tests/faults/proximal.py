"""Faults of the proximal term, put into the real one."""

from dataclasses import replace

import pytest
import torch

from zk0.core.faults import Fault
from zk0.federation import client
from zk0.training import loop
from zk0.training.fedprox import ProximalTerm

from .kinds import first_client, kind


@kind("term after the step", Fault.proximal_inert)
def after_step(patch, values):
    """The project's first notes: the term is computed after the optimizer step and only logged."""
    original = loop.run_training_step
    patch.setattr(ProximalTerm, "add_gradient", lambda _: None)

    def step(components, batch, *, measure, **given):
        found = original(components, batch, measure=False, **given)
        value = components.proximal.value(components.proximal.drift())
        return replace(found, proximal_loss=value) if measure else found

    patch.setattr(loop, "run_training_step", step)


@kind("term after the step, measured rarely", Fault.proximal_inert)
def after_step_measured_rarely(patch, values):
    """The same, where only every fifth step is looked at."""
    values["measure-every"] = 5
    after_step(patch, values)


@kind("term after the step at one client", Fault.proximal_inert)
def after_step_at_one(patch, values):
    """One client runs old code; the others are in order."""
    first = first_client(values)
    original = client.run_training_loop

    def run(*given, purpose, **named):
        with pytest.MonkeyPatch.context() as inner:
            if purpose[0] == first:
                after_step(inner, values)
            return original(*given, purpose=purpose, **named)

    patch.setattr(client, "run_training_loop", run)


@kind("term detached", Fault.proximal_detached)
def detached(patch, values):
    """`.item()` in a helper that was extracted: the value is right, and no gradient flows."""
    patch.setattr(ProximalTerm, "add_gradient", lambda _: None)


@kind("half forgotten", Fault.proximal_formula)
def without_half(patch, values):
    """mu instead of mu/2 in the value, and twice the gradient."""
    original = ProximalTerm.add_gradient

    def twice(term):
        original(term)
        original(term)

    patch.setattr(ProximalTerm, "add_gradient", twice)
    patch.setattr(ProximalTerm, "value", lambda term, drift: term.mu * drift**2)


@kind("not squared", Fault.proximal_formula)
def unsquared(patch, values):
    """The norm itself, as in the recipe of Flower's docstring."""

    @torch.no_grad()
    def add(term):
        drift = term.drift()
        for value, origin in zip(term.parameters, term.reference, strict=True):
            if value.grad is not None and drift > 0:
                value.grad += term.mu / 2 * (value - origin) / drift

    patch.setattr(ProximalTerm, "add_gradient", add)
    patch.setattr(ProximalTerm, "value", lambda term, drift: term.mu / 2 * drift)


@kind("reference aliased", Fault.proximal_reference)
def aliased(patch, values):
    """The reference is the parameters themselves and moves along."""
    patch.setattr(
        ProximalTerm,
        "__post_init__",
        lambda term: object.__setattr__(term, "reference", [value.detach() for value in term.parameters]),
    )


@kind("reference of the first round", Fault.proximal_reference)
def stale(patch, values):
    """The reference is kept from the first round instead of being taken anew."""
    kept = []
    original = ProximalTerm.__post_init__

    def begin(term):
        original(term)
        kept.extend(term.reference if not kept else ())
        object.__setattr__(term, "reference", list(kept))

    patch.setattr(ProximalTerm, "__post_init__", begin)


@kind("reference of another tensor", Fault.proximal_pairing)
def paired_wrongly(patch, values):
    """Two lists in different orders, zipped: weights are compared with another tensor of their shape."""
    original = ProximalTerm.__post_init__

    def begin(term):
        original(term)
        by_shape = {}
        for number, value in enumerate(term.reference):
            by_shape.setdefault(tuple(value.shape), []).append(number)
        reference = list(term.reference)
        for numbers in by_shape.values():
            for number, other in zip(numbers, [*numbers[1:], numbers[0]], strict=True):
                reference[number] = term.reference[other]
        object.__setattr__(term, "reference", reference)

    patch.setattr(ProximalTerm, "__post_init__", begin)


@kind("term adding up", Fault.proximal_repeated)
def adding_up(patch, values):
    """The term is added to a total that is never set back, so each step adds all before."""
    totals = {}

    def value(term, drift):
        totals[id(term)] = totals.get(id(term), 0.0) + term.mu / 2 * drift**2
        return totals[id(term)]

    original = ProximalTerm.add_gradient
    steps = {}

    def add(term):
        steps[id(term)] = steps.get(id(term), 0) + 1
        for _ in range(steps[id(term)]):
            original(term)

    patch.setattr(ProximalTerm, "value", value)
    patch.setattr(ProximalTerm, "add_gradient", add)
    kept = []  # keeps every term alive, so that no id is used twice
    begin = ProximalTerm.__post_init__
    patch.setattr(ProximalTerm, "__post_init__", lambda term: (kept.append(term), begin(term))[1])


@kind("mu a hundred times too large", Fault.proximal_too_strong)
def too_strong(patch, values):
    """A mu that holds the weights at the round's start."""
    values["proximal-mu"] = 100.0


@kind("term overshooting", Fault.proximal_diverging)
def diverging(patch, values):
    """Plain gradient descent with mu times rate above 2: each step throws the weights farther to the other side."""
    values |= {"proximal-mu": 45.0, "learning-rate": 0.05, "final-learning-rate": 0.05, "warmup-steps": 0}
    values["clip-norm"] = 1e12
    original = loop.setup_training_components

    def setup(*given):
        components = original(*given)
        return replace(components, optimizer=torch.optim.SGD(components.parameters.values(), lr=0.05))

    patch.setattr(client, "setup_training_components", setup)
