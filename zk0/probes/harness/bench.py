"""The test bench of the proximal probe: a small model that has moved away from its reference, data, and an optimizer.

All tensors are of two shapes only, (4, 4) and (4,), so that pairing a weight with another tensor's reference raises
no error by itself: exactly the mistake that must be seen. The first layer is frozen.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .run_configs import MU_NAMES
from .tensors import trained_parameters

WIDTH = 4  # features, hidden units and classes
BATCH = 8
BATCHES = 4
CLASSES = WIDTH
EPOCHS = 2  # passes over the data, to see what begins or ends with the second
RATE = 0.05  # learning rate where we are asked for one


class TinyPolicy(nn.Module):
    """A classifier, a regressor and a LeRobot-like policy in one: `forward(batch)` of a dict gives (loss, info)."""

    def __init__(self, *, freeze: bool = True) -> None:
        super().__init__()
        self.encoder = nn.Linear(WIDTH, WIDTH)
        self.hidden = nn.Linear(WIDTH, WIDTH)
        self.norm = nn.BatchNorm1d(WIDTH) if freeze else nn.LayerNorm(WIDTH)
        self.mixing = nn.Linear(WIDTH, WIDTH)
        self.head = nn.Linear(WIDTH, CLASSES)
        self.encoder.requires_grad_(requires_grad=not freeze)
        self.config = SimpleNamespace(device="cpu", use_amp=False)

    def get_weights(self) -> list[Any]:
        """Return arrays as a Keras model does."""
        return [value.detach().numpy().copy() for value in self.state_dict().values()]

    def set_weights(self, weights: list[Any]) -> None:
        """Set arrays as a Keras model does."""
        if len(weights) != len(self.state_dict()):
            raise ValueError(f"expected {len(self.state_dict())} weights, received {len(weights)}")
        for value, given in zip(self.state_dict().values(), weights):
            if tuple(np.shape(given)) != tuple(value.shape):
                raise ValueError(f"a weight of shape {np.shape(given)} for one of {tuple(value.shape)}")
            value.copy_(torch.as_tensor(given))

    def forward(self, batch: Tensor | dict[str, Tensor], *_: Any) -> Any:
        """Return logits (batch, classes) of a tensor, or (loss, info) of a dict."""
        if isinstance(batch, dict):
            found = self._logits(batch["observation.state"])
            loss = (found - batch["action"]).square().mean()
            return loss, {"loss": loss.item()}
        return self._logits(batch.flatten(1))

    def _logits(self, features: Tensor) -> Tensor:
        hidden = torch.tanh(self.hidden(torch.tanh(self.encoder(features))))
        return self.head(torch.tanh(self.mixing(self.norm(hidden))))  # type: ignore[no-any-return]


class MuSettings(dict[str, Any]):
    """A configuration that can be read by key and by attribute, and remembers whether mu was read."""

    read_mu = False

    def _note(self, key: object) -> None:
        if str(key) in MU_NAMES:
            self.read_mu = True

    def __getitem__(self, key: str) -> Any:
        self._note(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value, noting what was asked for."""
        self._note(key)
        return super().get(key, default)

    def __getattr__(self, key: str) -> Any:
        if key.startswith("__") or key not in self:
            raise AttributeError(key)
        return self[key]


# The part of accelerate that LeRobot's `update_policy` uses, on one CPU.
ACCELERATOR = SimpleNamespace(
    device=torch.device("cpu"),
    sync_gradients=True,
    autocast=nullcontext,
    backward=lambda loss: loss.backward(),
    clip_grad_norm_=nn.utils.clip_grad_norm_,
    unwrap_model=lambda model, **_: model,
)


def without_cuda() -> None:
    """Let code that asks for a GPU compute here: its tensors stay on the CPU."""
    if torch.cuda.is_available():
        return
    for kind in (torch.Tensor, nn.Module):
        kind.cuda = lambda self, *_, **__: self  # type: ignore[method-assign]
        kind.to = _to_cpu(kind.to)  # type: ignore[method-assign]


def _to_cpu(move: Any) -> Any:
    if getattr(move, "on_cpu", False):
        return move

    def to(self: Any, *given: Any, **named: Any) -> Any:
        return move(self, *map(_on_cpu, given), **{name: _on_cpu(value) for name, value in named.items()})

    to.on_cpu = True  # type: ignore[attr-defined]
    return to


def _on_cpu(value: Any) -> Any:
    return torch.device("cpu") if isinstance(value, (str, torch.device)) and str(value).startswith("cuda") else value


def seed_everything() -> None:
    """Make foreign code that draws from the global generators, or reads what it never wrote, do the same each time."""
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002  the old global generator is what foreign code draws from
    random.seed(0)
    # Memory that nobody wrote holds NaN, not what lay there before; an operation without such a mode only warns.
    torch.use_deterministic_algorithms(True, warn_only=True)


class Bench:
    """Fresh objects for one call of foreign code.

    Args:
        mu: the strength that is given where it is asked for.
        distance: how far each trained tensor's values are from the reference (standard deviation).
        dtype: of all floating-point tensors.
        moved: what moves away from the reference besides the trained tensors: "", "frozen" or "buffers".
        short: whether the reference lacks its last tensor.
        freeze: whether the first layer is frozen, and a layer has buffers.
    """

    def __init__(
        self,
        mu: float,
        *,
        distance: float = 0.0,
        dtype: torch.dtype = torch.float64,
        moved: str = "",
        short: bool = False,
        freeze: bool = True,
    ) -> None:
        seed_everything()
        self.mu = mu
        self.dtype = dtype
        self.model = TinyPolicy(freeze=freeze).to(dtype)
        self.short = short
        self.freeze = freeze
        self.origin = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        self.moved = moved
        self.distance = distance
        self.settings = MuSettings(
            dict.fromkeys(MU_NAMES, mu)
            | {"lr": RATE, "learning_rate": RATE, "learning-rate": RATE, "local_epochs": EPOCHS, "local-epochs": EPOCHS}
            | {"epochs": EPOCHS, "batch_size": BATCH, "batch-size": BATCH, "server_round": 2, "server-round": 2}
            | {"momentum": 0.0, "weight_decay": 0.0, "device": "cpu", "current_round": 2, "round": 2}
        )
        self._optimizer: torch.optim.Optimizer | None = None

    def depart(self) -> None:
        """Move the model away from the reference, in place, as an optimizer does."""
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for value in self.model.state_dict(keep_vars=True).values():
                step = torch.randn(value.shape, generator=generator, dtype=torch.float64) * self.distance
                if isinstance(value, nn.Parameter):
                    if value.requires_grad or self.moved == "frozen":
                        value.add_(step.to(value.dtype))
                elif self.moved == "buffers":
                    value.add_(1 if not value.is_floating_point() else step.to(value.dtype).abs())

    def trained(self) -> dict[str, nn.Parameter]:
        """Return the trained parameters by name."""
        return trained_parameters(self.model)

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        """Plain SGD over all parameters, made when it is first asked for."""
        if self._optimizer is None:
            self._optimizer = torch.optim.SGD(self.model.parameters(), lr=RATE)
        return self._optimizer

    def batches(self, style: str) -> Iterator[Any]:
        """Yield the same batches every time, in a style."""
        generator = torch.Generator().manual_seed(2)
        for _ in range(BATCHES):
            inputs = torch.randn(BATCH, WIDTH, generator=generator, dtype=torch.float64).to(self.dtype)
            classes = torch.randint(CLASSES, (BATCH,), generator=generator)
            values = torch.randn(BATCH, CLASSES, generator=generator, dtype=torch.float64).to(self.dtype)
            yield {
                "classes": (inputs, classes),
                "values": (inputs, values),
                "image": {"img": inputs, "image": inputs, "label": classes, "labels": classes},
                "robot": {"observation.state": inputs, "action": values},
                "pixels": {"pixel_values": inputs, "x": inputs, "y": classes, "labels": classes},
            }[style]
