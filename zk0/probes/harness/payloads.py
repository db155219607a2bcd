"""What is sent: tensors in a list or a dict, their digest, and where two of them differ."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Union

import numpy as np
from torch import nn

from .arrays import to_array
from .findings import Shown, largest_gap

Payload = Union[list[Any], dict[str, Any]]
DIGITS = 16  # of a digest: unique and short enough to read


def payload_of(value: Any) -> Payload:
    """Return what a get returned as a list or a dict."""
    if hasattr(value, "parameters") and hasattr(value.parameters, "tensors"):  # Flower's GetParametersRes
        value = value.parameters
    if hasattr(value, "tensors") and hasattr(value, "tensor_type"):
        from flwr.common import parameters_to_ndarrays

        value = parameters_to_ndarrays(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (list, tuple)):
        return list(value)
    raise TypeError(f"the get returned {type(value).__name__}, neither a list nor a dict")


def items(payload: Payload) -> list[tuple[str, Any]]:
    """Return the tensors with their names, or their positions."""
    pairs = payload.items() if isinstance(payload, dict) else enumerate(payload)
    return [(str(name), value) for name, value in pairs]


def digest(payload: Payload) -> str:
    """Return a digest over names, dtypes, shapes and values."""
    found = hashlib.sha256()
    for name, value in items(payload):
        values = to_array(value)
        found.update(f"{name} {dtype_of(value)} {values.shape} ".encode() + np.ascontiguousarray(values).tobytes())
    return found.hexdigest()[:DIGITS]


def state_of(model: nn.Module) -> dict[str, Any]:
    """Return a model's tensors, as they are now."""
    return {name: to_array(value).copy() for name, value in model.state_dict().items()}


def dtype_of(value: Any) -> str:
    """Return a tensor's or array's dtype as text."""
    return str(value.dtype).removeprefix("torch.") if hasattr(value, "dtype") else type(value).__name__


def difference(name: str, one: Any, other: Any) -> Shown:
    """Return the two numbers that differ most, or the shapes."""
    values, others = to_array(one), None if other is None else to_array(other)
    if others is None or values.shape != others.shape:
        return {f"{name} sent": str(values.shape), "arrived": str(None if others is None else others.shape)}
    return largest_gap(name, values, others, labels=("{} sent", "arrived"))
