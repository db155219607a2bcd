"""Judge an optimizer that carries the term itself, and has a memory, as Adam: by doing its steps again.

The optimizer that PyTorch has under this class is given the gradients of each step plus mu * (w - w_round). Where its
weights are those that were seen, the term is right. Else the two can't be separated, and nothing is said.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from .findings import PointFinding, not_available, passed
from .tensors import Named
from .trainings import MU, Comparison

CLOSE = 1e-4  # relative to a step: single precision, and Adam divides by small numbers


def judged_by_replay(comparison: Comparison) -> dict[str, PointFinding]:
    """Return findings that take the place of those from gradients, by point; none where gradients tell all."""
    optimizer = comparison.proximal.recorder.optimizer
    base = None if optimizer is None else _base_of(type(optimizer))
    if base is None or base is type(optimizer) or len(comparison.steps) < 2:  # noqa: PLR2004  w = w_round at the first
        return {}
    if any(not sample.is_zero() for sample in comparison.samples()) or not comparison.acts():
        return {}
    if _replays(comparison, base, MU):
        return {
            "gradient": passed(f"the optimizer's steps are those of {base.__name__} with mu * (w - w_round) added"),
            "zero": passed("the term is 0 at the round's first step"),
            "reference": passed("w_round stays as it was sent"),
        }
    name = type(comparison.proximal.recorder.optimizer).__name__
    unknown = not_available(
        f"mu acts inside of {name}.step, and what it adds can't be separated from the optimizer's memory: "
        "probe it with plain SGD below it, or the function that computes the term"
    )
    return dict.fromkeys(("gradient", "zero", "reference"), unknown)


def _base_of(kind: type) -> Any:
    return next((base for base in kind.__mro__ if base.__module__.startswith("torch.optim")), None)


def _replays(comparison: Comparison, base: Any, mu: float) -> bool:
    """Return whether PyTorch's optimizer, given the term, makes the same steps."""
    optimizer = comparison.proximal.recorder.optimizer
    steps, references = comparison.proximal.recorder.steps, comparison.references
    known = torch.optim.Optimizer.__init__ is not base.__init__ and base is not torch.optim.Optimizer
    if optimizer is None or not known:
        return False
    accepted = base.__init__.__code__.co_varnames[
        : base.__init__.__code__.co_argcount + base.__init__.__code__.co_kwonlyargcount
    ]
    options = {name: value for name, value in optimizer.defaults.items() if name in accepted}
    values = {name: torch.tensor(value, requires_grad=True) for name, value in steps[0].weights.items()}
    replay = base(list(values.values()), **options)
    for step in steps:
        with torch.no_grad():
            for name, value in values.items():
                value.copy_(torch.as_tensor(step.weights[name]))
                value.grad = torch.as_tensor(step.gradients[name] + mu * (step.weights[name] - references[name]))
        replay.step()
        if not _same({name: value.detach().numpy() for name, value in values.items()}, step.after, step.weights):
            return False
    return True


def _same(one: Named, other: Named, before: Named) -> bool:
    for name, value in one.items():
        size = float(np.abs(other[name] - before[name]).max())
        if not np.allclose(value, other[name], rtol=1e-7, atol=CLOSE * size):
            return False
    return True
