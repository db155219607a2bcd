"""The trainable tensors of a policy: by name, with a digest, and by module."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # 2 s, which a process that has arrays alone does not need
    from torch import Tensor, nn

MODULES = {
    "vision": ("vision_model", "connector"),
    "language": ("text_model", "lm_head"),
    "expert": ("lm_expert",),
    "projections": ("state_proj", "action_in_proj", "action_out_proj", "action_time_mlp"),
}


def trainable_parameters(policy: "nn.Module") -> "dict[str, nn.Parameter]":
    """Return the parameters that are trained and exchanged, in the order of their names."""
    return {name: value for name, value in sorted(policy.named_parameters()) if value.requires_grad}


def frozen_tensors(policy: "nn.Module") -> "dict[str, Tensor]":
    """Return all parameters and buffers that training does not change."""
    trained = trainable_parameters(policy)
    return {name: value for name, value in sorted(policy.state_dict().items()) if name not in trained}


def digest_of(tensors: "Mapping[str, Tensor] | Mapping[str, Any]") -> str:
    """Return a SHA-256 over name, dtype, shape and bytes of each tensor, in the order of their names.

    Tensors and NumPy arrays of the same content have the same digest.
    """
    total = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name]
        # bfloat16 has no NumPy dtype; its bytes are read as integers of the same width.
        if isinstance(value, np.ndarray | np.generic):
            kind, shape, content = str(value.dtype), tuple(value.shape), np.ascontiguousarray(value)
        else:
            kind, shape, content = str(value.dtype).removeprefix("torch."), tuple(value.shape), _bytes_of(value)
        total.update(f"{name}|{kind}|{shape}|".encode())
        total.update(content.data)  # no copy of the bytes
    return total.hexdigest()[:32]


def _bytes_of(tensor: "Tensor") -> NDArray[np.uint8]:
    import torch

    return tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy()


def module_of(name: str) -> str:
    """Return the part of SmolVLA a tensor belongs to: vision, language, expert, projections or other."""
    for module, markers in MODULES.items():
        if any(marker in name for marker in markers):
            return module
    return "other"


def norms_by_module(differences: "Iterable[tuple[str, Tensor]]") -> dict[str, float]:
    """Return the L2 norm of the tensors of each module."""
    squares: dict[str, float] = {}
    for name, difference in differences:
        module = module_of(name)
        squares[module] = squares.get(module, 0.0) + float(difference.double().square().sum())
    return {module: square**0.5 for module, square in sorted(squares.items())}
