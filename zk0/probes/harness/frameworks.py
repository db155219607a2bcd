"""Whose gradients code computes: the proximal probe reads PyTorch's, and says so of others."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from pathlib import Path

from .errors import TargetError
from .findings import Points
from .targets import Target

READS = "the proximal probe reads PyTorch's gradients"
OTHERS = {"tensorflow": "TensorFlow", "keras": "Keras", "jax": "JAX", "mxnet": "MXNet"}


def refuse_other_frameworks(target: Target) -> None:
    """Refuse code whose gradients are another framework's."""
    if found := _instead_of_torch(target, OTHERS):
        raise TargetError(
            f"{target.text} at {target.at} is {found} code; {READS}",
            remedy="zk0 probe exchange and zk0 probe aggregation judge arrays, whatever made them",
        )


def with_framework(target: Target, points: Points) -> Points:
    """Yield the points; of NumPy code that can't be called, say that its gradients can't be read as they are."""
    try:
        yield from points
    except TargetError as error:
        if _instead_of_torch(target, {"numpy": "NumPy"}) is None or _uses_own_modules(target):
            raise
        remedy = f"{error.remedy or ''}; it has to put the gradient into the .grad of model.parameters()"
        raise TargetError(f"{error.message}; it is NumPy code, and {READS}", remedy=remedy) from error


def _instead_of_torch(target: Target, others: Mapping[str, str]) -> str | None:
    try:
        source = inspect.getsource(target.module)
    except (OSError, TypeError):
        return None
    found = [name for word, name in others.items() if f"import {word}" in source or f"from {word}" in source]
    return found[0] if found and "torch" not in source else None


def _uses_own_modules(target: Target) -> bool:
    """Return whether it imports modules of its project, which may use PyTorch."""
    names = {
        getattr(value, "__module__", None) or getattr(value, "__name__", "") for value in vars(target.module).values()
    }
    modules = [sys.modules.get(str(name)) for name in names if name != target.module.__name__]
    files = [getattr(module, "__file__", None) for module in modules if module is not None]
    return any(target.root in Path(file).parents and "site-packages" not in file for file in files if file)
