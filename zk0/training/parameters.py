"""The trainable tensors of a policy: by name, with a digest, and by module."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

MODULES = {
    "vision": ("vision_model", "connector"),
    "language": ("text_model", "lm_head"),
    "expert": ("lm_expert",),
    "projections": ("state_proj", "action_in_proj", "action_out_proj", "action_time_mlp"),
}


def trainable_parameters(policy: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters that are trained and exchanged, in the order of their names."""
    return {name: value for name, value in sorted(policy.named_parameters()) if value.requires_grad}


def frozen_tensors(policy: nn.Module) -> dict[str, Tensor]:
    """Return all parameters and buffers that training does not change."""
    trained = trainable_parameters(policy)
    return {name: value for name, value in sorted(policy.state_dict().items()) if name not in trained}


def digest_of(tensors: Mapping[str, Tensor] | Mapping[str, Any]) -> str:
    """Return a SHA-256 over name, dtype, shape and bytes of each tensor, in the order of their names.

    Tensors and NumPy arrays of the same content have the same digest.
    """
    total = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name]
        # bfloat16 has no NumPy dtype; its bytes are read as integers of the same width.
        if isinstance(value, Tensor):
            kind, shape = str(value.dtype).removeprefix("torch."), tuple(value.shape)
            content = value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy() if value.numel() else b""
        else:
            kind, shape = str(value.dtype), tuple(value.shape)
            content = value.tobytes()
        total.update(f"{name}|{kind}|{shape}|".encode())
        total.update(content)
    return total.hexdigest()[:32]


def module_of(name: str) -> str:
    """Return the part of SmolVLA a tensor belongs to: vision, language, expert, projections or other."""
    for module, markers in MODULES.items():
        if any(marker in name for marker in markers):
            return module
    return "other"


def norms_by_module(differences: Iterable[tuple[str, Tensor]]) -> dict[str, float]:
    """Return the L2 norm of the tensors of each module."""
    squares: dict[str, float] = {}
    for name, difference in differences:
        module = module_of(name)
        squares[module] = squares.get(module, 0.0) + float(difference.double().square().sum())
    return {module: square**0.5 for module, square in sorted(squares.items())}
