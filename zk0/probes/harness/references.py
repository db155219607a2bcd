"""Look at what foreign code keeps as its reference: an emptied iterator, the weights themselves, a copy of some age."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import FrameType, GeneratorType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .frames import place_of, variables
from .tensors import snapshot, snapshots

GENERATORS = ("parameters", "named_parameters", "<genexpr>")  # of tensors, by the name of their code


def kind_of_reference(
    frames: Iterable[FrameType], model: nn.Module, trained: Mapping[str, nn.Parameter], steps: Sequence[Any]
) -> dict[str, str]:
    """Return what looks like a reference, from the second step on: its kind, and the variable's name and line."""
    live = {value.data_ptr(): value for value in trained.values()}
    now = snapshots(dict(trained))
    kept: dict[str, str] = {}
    for frame in frames:
        for name, value in variables(frame):
            kind = _kind_of(value, live, model)
            if kind == "copy":
                tensors = [snapshot(each) for each in tensors_in(value, model) if each.is_floating_point()]
                kind = _age_of(tensors, now, steps)
            if kind:
                kept.setdefault(kind, place_of(name, frame))
    return kept


def _kind_of(value: Any, live: Mapping[int, nn.Parameter], model: nn.Module) -> str | None:
    if isinstance(value, GeneratorType):
        return "exhausted" if value.gi_frame is None and value.gi_code.co_name in GENERATORS else None
    tensors = tensors_in(value, model)
    if len(tensors) < min(2, len(live)):
        return None
    if any(isinstance(each, nn.Parameter) and each.data_ptr() in live for each in tensors):
        return "parameters"
    return "alias" if any(each.data_ptr() in live for each in tensors) else "copy"


def _age_of(found: list[Any], now: Mapping[str, Any], steps: Sequence[Any]) -> str | None:
    """Return whether kept tensors have the values of the first step, or of this or the one before."""

    def holds(weights: Mapping[str, Any]) -> bool:
        return all(any(_same(one, each) for each in found) for one in weights.values())

    if holds(steps[0].weights):
        return "healthy"
    return "refreshed" if holds(now) or holds(steps[-1].weights) else None


def tensors_in(value: Any, model: nn.Module | None = None) -> list[Tensor]:
    """Return the tensors that a variable keeps: of a list, a dict, or a module other than the model."""
    if isinstance(value, nn.Module):
        return [] if value is model else list(value.parameters())
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)) and value and all(isinstance(each, (Tensor, np.ndarray)) for each in value):
        return [torch.as_tensor(each) for each in value]
    return []


def _same(one: Any, other: Any) -> bool:
    return one.shape == other.shape and np.allclose(one, other, rtol=1e-6, atol=1e-9)
