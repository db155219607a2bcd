"""Watch what foreign code subtracts from its weights: of a term that is always 0, what it is measured from.

`w - w` and `w - copy_of_w` are 0 wherever the weights are. No variable has to look like a reference for that: the model
may have two names, or be handed to a helper twice. The subtraction itself has both tensors.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from .arguments import PROXIMAL
from .frames import place_of, target_frames, variables
from .recorder import OptimizerRecorder
from .references import tensors_in
from .tensors import snapshot

FUNCTIONS = ("sub", "subtract", "__sub__", "dist", "cdist", "mse_loss", "l1_loss", "pairwise_distance", "_foreach_sub")
COMPREHENSIONS = ("<genexpr>", "<listcomp>", "<dictcomp>")  # what they use is a variable of the function around them


class DifferenceWatch(TorchFunctionMode):
    """Note the first tensor that has a weight's own values, after the weights have moved, and is subtracted from it."""

    def __init__(self, recorder: OptimizerRecorder) -> None:
        super().__init__()
        self.recorder = recorder
        self.found: dict[str, str] = {}  # as `OptimizerRecorder.kept`: kind of reference -> the variable and its line

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Look at the two tensors of a difference, and compute it."""
        given = [*args, *(kwargs or {}).values()][:2]
        if not self.found and getattr(function, "__name__", "") in FUNCTIONS and self.recorder.steps:
            pair = [each[0] if isinstance(each, (list, tuple)) and each else each for each in given]
            if len(pair) == 2 and all(isinstance(each, Tensor) for each in pair):  # noqa: PLR2004  w and its reference
                self._look(*pair)
        return function(*args, **(kwargs or {}))

    def _look(self, one: Tensor, other: Tensor) -> None:
        weights = {value.data_ptr(): name for name, value in self.recorder.parameters().items()}
        if other.data_ptr() in weights:
            one, other = other, one
        name = weights.get(one.data_ptr())
        if name is None or one.numel() != other.numel() or not self._moved(name, one):
            return
        shared = one.data_ptr() == other.data_ptr()
        if not shared and not np.array_equal(snapshot(one).ravel(), snapshot(other).ravel()):
            return
        kind, place = self._holder(other.data_ptr())
        self.found[(kind or "alias") if shared else "refreshed"] = place

    def _moved(self, name: str, value: Tensor) -> bool:
        """Return whether a weight is no longer what the round began with: every reference holds that value."""
        return not np.array_equal(snapshot(value).ravel(), self.recorder.start[name].ravel())

    def _holder(self, pointer: int) -> tuple[str | None, str]:
        """Return the variable that keeps a tensor, of several the one that is named as a reference, and its kind."""
        for frame in target_frames(inspect.currentframe()):
            if frame.f_code.co_name in COMPREHENSIONS:
                continue
            kinds = {name: kind for name, value in variables(frame) if (kind := self._kind_of(value, pointer))}
            if kinds:
                name = _likeliest(list(kinds))
                return kinds[name], place_of(name, frame)
        return None, ""

    def _kind_of(self, value: Any, pointer: int) -> str | None:
        if isinstance(value, nn.Module) and value is self.recorder.model:
            return "model" if pointer in {each.data_ptr() for each in value.parameters()} else None
        tensors = tensors_in(value)
        found = next((each for each in tensors if each.data_ptr() == pointer), None)
        if found is None:
            return None
        return "parameters" if isinstance(found, nn.Parameter) else "alias"


def _likeliest(names: list[str]) -> str:
    """Return the name that says it is a reference, else the one that was given last."""
    roles = ((name, PROXIMAL.role_of_name(name.rpartition(".")[2])) for name in names)
    return next((name for name, role in roles if role == "reference"), names[-1])
