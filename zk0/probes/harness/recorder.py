"""Record foreign training from outside: weights and gradients at each optimizer step, and the kept reference.

PyTorch calls global hooks around every optimizer's `step`, so nothing in the foreign code is replaced. A second run
with mu = 0 follows the weights of the first (`OptimizerRecorder.lead`): after each of its steps the weights are set to
those of the first run. Then both runs differ at each step in the proximal term's gradient and in nothing else, for any
model, loss and optimizer.
"""

import contextlib
import dis
import inspect
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, GeneratorType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils import clip_grad
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from zk0.probes.harness.tensors import Named, frozen_with_gradient, snapshot, snapshots, trained_parameters

WANTED_STEPS = 3  # at the first the term is zero; two more show how it continues
MOST_STEPS = 50  # of a training on data of its own, which zk0 can't make shorter
OWN_FOLDERS = (str(Path(__file__).parent), str(Path(torch.__file__).parent), str(Path(contextlib.__file__).parent))
GENERATORS = ("parameters", "named_parameters", "<genexpr>")  # of tensors, by the name of their code


class EnoughError(BaseException):
    """All steps that are wanted were seen; not an `Exception`, so that foreign code does not swallow it."""


@dataclass
class Step:
    """One optimizer step: trained weights and gradients just before, all parameters just after, by tensor."""

    weights: Named
    gradients: Named
    rate: float
    loss: float | None  # that was back-propagated last
    frozen: tuple[str, ...]  # frozen tensors that have a gradient
    after: Named = field(default_factory=dict)
    listened: bool = False  # to the closure that computes its gradients


@dataclass
class OptimizerRecorder:
    """Record the optimizer steps of one training."""

    model: nn.Module | None = None  # where it is not known, it is taken from the first frame that has one
    lead: Sequence[Step] = ()  # of an earlier run whose weights this one is to follow
    steps: list[Step] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)  # kind of reference -> the variable's name and line
    start: Named = field(default_factory=dict)  # all parameters at the first step
    _loss: float | None = None

    @contextmanager
    def on(self) -> Iterator[None]:
        """Record what happens inside the block."""
        backward: Any = Tensor.backward
        recorder = self

        def noting(loss: Tensor, *arguments: Any, **named: Any) -> Any:
            recorder._loss = float(loss.detach()) if loss.numel() == 1 else None
            return backward(loss, *arguments, **named)

        handles = [register_optimizer_step_pre_hook(self._before), register_optimizer_step_post_hook(self._after)]
        Tensor.backward = noting  # type: ignore[method-assign, assignment]
        scale = clip_grad._clip_grads_with_norm_
        # Clipped, the term would be scaled with the rest and could not be separated.
        clip_grad._clip_grads_with_norm_ = lambda *_, **__: None
        try:
            yield
        except EnoughError:
            pass
        finally:
            Tensor.backward = backward  # type: ignore[method-assign]
            clip_grad._clip_grads_with_norm_ = scale
            for handle in handles:
                handle.remove()

    def parameters(self) -> dict[str, nn.Parameter]:
        """Return the trained parameters by name."""
        assert self.model is not None
        return trained_parameters(self.model)

    def _before(self, optimizer: torch.optim.Optimizer, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Note the state before a step; a closure, which computes the gradients inside the step, is listened to."""
        frames = list(target_frames(inspect.currentframe()))
        self.model = self.model or _model_of(optimizer, frames)
        if self.model is None or not self._is_ours(optimizer):
            return None
        self._note(self.model, optimizer, frames)
        closure = named.get("closure", given[1] if len(given) > 1 else None)  # the optimizer itself is the first
        if closure is None:
            return None
        step = self.steps[-1]

        def listened() -> Any:
            loss = closure()
            if not step.listened:  # the first is at the step's own weights, others are on the way
                step.gradients, step.loss, step.listened = self._gradients(), self._loss, True
            return loss

        return (given[0], listened), {}

    def _gradients(self) -> Named:
        return {
            name: np.zeros(value.shape) if value.grad is None else snapshot(value.grad)
            for name, value in self.parameters().items()
        }

    def _note(self, model: nn.Module, optimizer: torch.optim.Optimizer, frames: Sequence[FrameType]) -> None:
        if not self.steps:
            self.start = snapshots(dict(model.named_parameters()))
        self._look_for_references(frames)
        self.steps.append(
            Step(
                weights=snapshots(self.parameters()),
                gradients=self._gradients(),
                rate=float(optimizer.param_groups[0]["lr"]),
                loss=self._loss,
                frozen=frozen_with_gradient(model),
            )
        )

    def _after(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        if self.model is None or not self.steps or not self._is_ours(optimizer):
            return
        self.steps[-1].after = snapshots(dict(self.model.named_parameters()))
        if len(self.steps) <= len(self.lead):
            leading = self.lead[len(self.steps) - 1].after
            with torch.no_grad():
                for name, value in self.model.named_parameters():
                    value.copy_(torch.from_numpy(leading[name]))
        if len(self.steps) >= MOST_STEPS:
            raise EnoughError

    def _is_ours(self, optimizer: torch.optim.Optimizer) -> bool:
        mine = {id(value) for value in self.parameters().values()}
        return any(id(value) in mine for group in optimizer.param_groups for value in group["params"])

    def frozen_moved(self) -> list[str]:
        """Return frozen parameters whose values changed since the first step."""
        if self.model is None or not self.start:
            return []
        frozen = {name: value for name, value in self.model.named_parameters() if not value.requires_grad}
        return [name for name, value in frozen.items() if not np.array_equal(snapshot(value), self.start[name])]

    def _look_for_references(self, frames: Sequence[FrameType]) -> None:
        """Note what the foreign code keeps that looks like a reference, from the second step on."""
        if not self.steps:
            return
        live = {value.data_ptr(): value for value in self.parameters().values()}
        for frame in frames:
            for name, value in _variables(frame):
                kind = self._kind_of(value, live)
                if kind:
                    self.kept.setdefault(kind, f"{name} in {frame.f_code.co_name}, line {frame.f_lineno}")

    def _kind_of(self, value: Any, live: Mapping[int, nn.Parameter]) -> str | None:
        if isinstance(value, GeneratorType):
            return "exhausted" if value.gi_frame is None and value.gi_code.co_name in GENERATORS else None
        tensors = _tensors_in(value, self.model)
        if len(tensors) < min(2, len(live)):
            return None
        if any(isinstance(each, nn.Parameter) and each.data_ptr() in live for each in tensors):
            return "parameters"
        if any(each.data_ptr() in live for each in tensors):
            return "alias"
        return self._age_of([snapshot(each) for each in tensors if each.is_floating_point()])

    def _age_of(self, found: list[NDArray[np.float64]]) -> str | None:
        """Return whether kept tensors have the values of the first step, or of this or the one before."""

        def holds(weights: Named) -> bool:
            return all(any(_same(one, each) for each in found) for one in weights.values())

        if holds(self.steps[0].weights):
            return "healthy"
        return "refreshed" if holds(snapshots(self.parameters())) or holds(self.steps[-1].weights) else None


def expect_steps() -> None:
    """Import what an optimizer's first step would, outside of the time the code is given; it takes seconds."""
    left, _ = signal.setitimer(signal.ITIMER_REAL, 0)
    import torch._dynamo  # noqa: F401

    if left:
        signal.setitimer(signal.ITIMER_REAL, left)


def target_frames(frame: FrameType | None) -> Iterator[FrameType]:
    """Yield the frames of foreign code, the innermost first."""
    while frame is not None:
        if not frame.f_code.co_filename.startswith((*OWN_FOLDERS, "<frozen")):
            yield frame
        elif frame.f_code.co_filename.endswith("harness/trainings.py"):
            return
        frame = frame.f_back


def _variables(frame: FrameType) -> Iterator[tuple[str, Any]]:
    """Yield local variables, and the attributes of `self`."""
    local = dict(frame.f_locals)
    owner = local.pop("self", None)
    yield from local.items()
    if owner is not None and not isinstance(owner, nn.Module | torch.optim.Optimizer) and hasattr(owner, "__dict__"):
        yield from ((f"self.{name}", value) for name, value in vars(owner).items())


def _tensors_in(value: Any, model: nn.Module | None) -> list[Tensor]:
    if isinstance(value, nn.Module):
        return [] if value is model else list(value.parameters())
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple) and value and all(isinstance(each, Tensor | np.ndarray) for each in value):
        return [torch.as_tensor(each) for each in value]
    return []


def _model_of(optimizer: torch.optim.Optimizer, frames: Sequence[FrameType]) -> nn.Module | None:
    wanted = {id(value) for group in optimizer.param_groups for value in group["params"]}
    for frame in frames:
        for _, value in (*_variables(frame), ("self", frame.f_locals.get("self"))):
            if isinstance(value, nn.Module) and wanted & {id(each) for each in value.parameters()}:
                return value
    return None


def _same(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    return one.shape == other.shape and np.allclose(one, other, rtol=1e-6, atol=1e-9)


def uses(code: Any, name: str) -> bool:
    """Return whether a function reads one of its parameters, itself or in a function inside it."""
    for instruction in dis.get_instructions(code):
        if instruction.opname.startswith(("LOAD_FAST", "LOAD_DEREF", "LOAD_CLOSURE")):
            loaded = instruction.argval if isinstance(instruction.argval, tuple) else (instruction.argval,)
            if name in loaded:
                return True
    return any(inspect.iscode(each) and name in each.co_freevars and uses(each, name) for each in code.co_consts)
