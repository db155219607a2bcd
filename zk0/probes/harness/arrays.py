"""Tensors of any library as NumPy arrays; PyTorch is used where the target's interpreter has it."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np


def has_torch() -> bool:
    """Return whether PyTorch is installed."""
    try:
        import torch
    except ImportError:
        return False
    return hasattr(torch, "__version__")  # a stand-in has no version


def is_tensor(value: Any) -> bool:
    """Return whether this is PyTorch's tensor; without importing PyTorch, which made none if nobody imported it."""
    torch = sys.modules.get("torch")
    return torch is not None and hasattr(torch, "Tensor") and isinstance(value, torch.Tensor)


def is_module(value: Any) -> bool:
    """Return whether this is a model of PyTorch."""
    nn = sys.modules.get("torch.nn")
    return nn is not None and hasattr(nn, "Module") and isinstance(value, nn.Module)


def to_array(value: Any) -> Any:
    """Return a tensor or array, sharing its memory where possible; bfloat16, which NumPy lacks, as float32."""
    if is_tensor(value):
        plain = value.detach().cpu()
        return (plain.float() if str(plain.dtype) == "torch.bfloat16" else plain).numpy()
    return np.asarray(value.numpy() if hasattr(value, "numpy") else value)
