"""Tensors of any library as NumPy arrays, and their names in a model."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

Named = dict[str, Any]


def snapshot(tensor: torch.Tensor) -> Any:
    """Return a tensor's values in double precision, in memory of their own."""
    return tensor.detach().double().cpu().numpy().copy()


def snapshots(tensors: dict[str, nn.Parameter] | dict[str, torch.Tensor]) -> Named:
    """Return the values of tensors by name; see `snapshot`."""
    return {name: snapshot(value) for name, value in tensors.items()}


def trained_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return the trained parameters by name."""
    return {name: value for name, value in model.named_parameters() if value.requires_grad}


def names_by_count(model: nn.Module, count: int) -> list[str] | None:
    """Return the names of a list of so many tensors: the model's whole state, its parameters, or the trained ones."""
    candidates = (model.state_dict(), dict(model.named_parameters()), trained_parameters(model))
    return next((list(tensors) for tensors in candidates if len(tensors) == count), None)


def frozen_with_gradient(model: nn.Module) -> tuple[str, ...]:
    """Return the frozen parameters that have a gradient."""
    named = model.named_parameters()
    return tuple(name for name, value in named if not value.requires_grad and value.grad is not None)
