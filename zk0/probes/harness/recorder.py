"""Record foreign training from outside: weights and gradients at each step, and the kept reference.

PyTorch calls global hooks around every optimizer's `step`, so nothing in the foreign code is replaced. A second run
with mu = 0 follows the weights of the first (`Recorder.lead`): after each of its steps the weights are set to those of
the first run. Then both runs differ at each step in the proximal term's gradient and in nothing else, for any model,
loss and optimizer. A loop without an optimizer, that changes the weights itself, is seen by its gradients: the step is
what the weights change by before the model is called again.
"""

from __future__ import annotations

import inspect
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.nn.utils import clip_grad
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from .frames import model_in, model_of, target_frames
from .references import kind_of_reference
from .tensors import Named, frozen_with_gradient, snapshot, snapshots

WANTED_STEPS = 3  # at the first the term is zero; two more show how it continues
MOST_STEPS = 50  # of a training on data of its own, which zk0 can't make shorter


class EnoughError(BaseException):
    """All steps that are wanted were seen; not an `Exception`, so that foreign code does not swallow it."""


@dataclass
class Step:
    """One step: trained weights and gradients just before, all parameters just after, by tensor."""

    weights: Named
    gradients: Named
    rates: dict[str, float]  # by tensor; empty where no optimizer says
    decay: dict[str, float]  # weight decay that the optimizer adds to the gradient, by tensor
    loss: float | None  # that was back-propagated last
    frozen: tuple[str, ...]  # frozen tensors that have a gradient
    after: Named = field(default_factory=dict)
    listened: bool = False  # to the closure that computes its gradients


@dataclass
class OptimizerRecorder:
    """Record the steps of one training."""

    model: nn.Module | None = None  # that was given; where another is trained, as a copy, that one takes its place
    lead: Sequence[Step] = ()  # of an earlier run whose weights this one is to follow
    steps: list[Step] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)  # kind of reference -> the variable's name and line
    start: Named = field(default_factory=dict)  # all parameters at the first step
    optimizer: torch.optim.Optimizer | None = None  # of the first step; None for a loop that steps by itself
    names: tuple[str, ...] = ()  # of the trained parameters, at the first step
    _loss: float | None = None
    _stepping: list[torch.optim.Optimizer] = field(default_factory=list)  # one, as often as its steps are in each other
    _pending: Step | None = None  # gradients that were computed, before anything was done with them

    @contextmanager
    def on(self) -> Iterator[None]:
        """Record what happens inside the block."""
        original: Any = torch.autograd.grad, torch.autograd.backward, clip_grad.clip_grad_norm_
        torch.autograd.grad = self._listening(original[0])
        torch.autograd.backward = self._listening(original[1])
        handles = [
            register_optimizer_step_pre_hook(self._before),
            register_optimizer_step_post_hook(self._after),
            register_module_forward_pre_hook(self._called),
        ]
        scale = getattr(clip_grad, "_clip_grads_with_norm_", None)
        # Clipped, the term would be scaled with the rest and could not be separated.
        if scale is not None:
            clip_grad._clip_grads_with_norm_ = lambda *_, **__: None
        else:  # PyTorch before 2.6
            clip_grad.clip_grad_norm_ = nn.utils.clip_grad_norm_ = lambda *_, **__: torch.zeros(())
        try:
            yield
        except EnoughError:
            pass
        finally:
            torch.autograd.grad, torch.autograd.backward = original[:2]
            clip_grad.clip_grad_norm_ = nn.utils.clip_grad_norm_ = original[2]
            if scale is not None:
                clip_grad._clip_grads_with_norm_ = scale
            for handle in handles:
                handle.remove()
            self._settle()

    def parameters(self) -> dict[str, nn.Parameter]:
        """Return the trained parameters by name; frozen later, they are still those."""
        assert self.model is not None
        named = dict(self.model.named_parameters())
        if self.names:
            return {name: named[name] for name in self.names if name in named}
        return {name: value for name, value in named.items() if value.requires_grad}

    def _listening(self, compute: Any) -> Any:
        """Return a function of autograd that also notes what it computes."""

        def listening(outputs: Any, *given: Any, **named: Any) -> Any:
            loss = outputs[0] if isinstance(outputs, (list, tuple)) and outputs else outputs
            if isinstance(loss, Tensor) and loss.numel() == 1:
                self._loss = float(loss.detach())
            result = compute(outputs, *given, **named)
            inputs = named.get("inputs", given[0] if given else None)
            self._note_gradients(result, inputs if compute.__name__ == "grad" else None)
            return result

        return listening

    def _note_gradients(self, result: Any, inputs: Any) -> None:
        if self.optimizer is not None:
            return
        frames = list(target_frames(inspect.currentframe()))
        if inputs is not None:
            inputs = [inputs] if isinstance(inputs, Tensor) else list(inputs)
            if self.model is None or not self._holds(inputs):
                self._follow(model_of(inputs, frames))
        elif self.model is None or all(value.grad is None for value in self.model.parameters()):
            self._follow(model_in(frames))
        if self.model is None or (inputs is not None and not self._holds(inputs)):
            return
        self._pending = self._step_now()
        if inputs is not None:
            by_id = {id(one): found for one, found in zip(inputs, result)}
            for name, value in self.parameters().items():
                if by_id.get(id(value)) is not None:
                    self._pending.gradients[name] = snapshot(by_id[id(value)])

    def _follow(self, other: nn.Module | None) -> None:
        """Take another model for the one that is trained: a copy of the given one, or the only one there is."""
        if other is None:
            return
        mine = None if self.model is None else [name for name, _ in self.model.named_parameters()]
        if mine is None or mine == [name for name, _ in other.named_parameters()]:
            self.model = other

    def _called(self, module: nn.Module, _: Any) -> None:
        if module is self.model:
            self._settle()
            self._update_after()

    def _update_after(self) -> None:
        """Take the weights before the next step for those after this one: code may change them once more in between."""
        if self.steps and not self.lead and self.model is not None and self.optimizer is not None:
            self.steps[-1].after = snapshots(dict(self.model.named_parameters()))

    def _settle(self) -> None:
        """Take what the weights changed by since the last gradients for a step, where no optimizer made it."""
        pending, self._pending = self._pending, None
        if pending is None or self.model is None or self.optimizer is not None:
            return
        now = snapshots(self.parameters())
        if all(np.array_equal(value, now[name]) for name, value in pending.weights.items()):
            return
        self._begin()
        self.steps.append(pending)
        self._end_step()

    def _before(self, optimizer: torch.optim.Optimizer, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Note the state before a step; a closure, which computes the gradients inside the step, is listened to."""
        frames = list(target_frames(inspect.currentframe()))
        if not self.steps or self.optimizer is None:
            held = [value for group in optimizer.param_groups for value in group["params"]]
            if self.model is None or not self._holds(held):
                self._follow(model_of(held, frames))
        if self.model is None or not self._is_ours(optimizer):
            return None
        if optimizer in self._stepping:  # a subclass that calls its base's step, which PyTorch hooks by itself
            self._stepping.append(optimizer)
            return None
        self._stepping = [optimizer]
        self.optimizer, self._pending = self.optimizer or optimizer, None
        self._begin()
        self._update_after()
        if self.steps:
            kinds = kind_of_reference(frames, self.model, self.parameters(), self.steps)
            self.kept = {**kinds, **self.kept}
        step = self._step_now(optimizer)
        self.steps.append(step)
        closure = named.get("closure", given[1] if len(given) > 1 else None)  # the optimizer itself is the first
        if not inspect.isroutine(closure):
            return None

        def listened() -> Any:
            loss = closure()
            if not step.listened:  # the first is at the step's own weights, others are on the way
                step.gradients, step.loss, step.listened = self._gradients(), self._loss, True
            return loss

        rest = {name: value for name, value in named.items() if name != "closure"}
        return (given[0], listened, *given[2:]), rest

    def _begin(self) -> None:
        if not self.steps:
            assert self.model is not None
            self.names = tuple(self.parameters())
            weights = {} if self._pending is None else self._pending.weights
            self.start = {**snapshots(dict(self.model.named_parameters())), **weights}

    def _gradients(self) -> Named:
        return {
            name: np.zeros(tuple(value.shape)) if value.grad is None else snapshot(value.grad)
            for name, value in self.parameters().items()
        }

    def _step_now(self, optimizer: torch.optim.Optimizer | None = None) -> Step:
        assert self.model is not None
        groups = [] if optimizer is None else optimizer.param_groups
        group_of = {id(value): group for group in groups for value in group["params"]}
        found = {name: group_of[id(value)] for name, value in self.parameters().items() if id(value) in group_of}
        decoupled = type(optimizer).__name__ == "AdamW"
        return Step(
            weights=snapshots(self.parameters()),
            gradients=self._gradients(),
            rates={name: float(group.get("lr", 0)) for name, group in found.items()},
            decay={} if decoupled else {name: float(group.get("weight_decay", 0)) for name, group in found.items()},
            loss=self._loss,
            frozen=frozen_with_gradient(self.model),
        )

    def _after(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        if optimizer in self._stepping:
            self._stepping.remove(optimizer)
        if optimizer in self._stepping:
            return
        if self.model is not None and self.steps and self._is_ours(optimizer):
            self._end_step()

    def _end_step(self) -> None:
        assert self.model is not None
        self.steps[-1].after = snapshots(dict(self.model.named_parameters()))
        if len(self.steps) <= len(self.lead):
            leading = self.lead[len(self.steps) - 1].after
            with torch.no_grad():
                for name, value in self.model.named_parameters():
                    value.copy_(torch.from_numpy(leading[name]))
        if len(self.steps) >= MOST_STEPS:
            raise EnoughError

    def _holds(self, tensors: Sequence[Any]) -> bool:
        """Return whether any of these tensors are trained parameters of the model."""
        mine = {id(value) for value in self.parameters().values()}
        return any(id(value) in mine for value in tensors)

    def _is_ours(self, optimizer: torch.optim.Optimizer) -> bool:
        return self._holds([value for group in optimizer.param_groups for value in group["params"]])

    def frozen_moved(self) -> list[str]:
        """Return frozen parameters whose values changed since the first step."""
        if self.model is None or not self.start:
            return []
        named = {name: value for name, value in self.model.named_parameters() if name not in self.names}
        return [name for name, value in named.items() if not np.array_equal(snapshot(value), self.start[name])]


def expect_steps() -> None:
    """Import what an optimizer's first step would, outside of the time the code is given; it takes seconds."""
    left, _ = signal.setitimer(signal.ITIMER_REAL, 0)
    import torch._dynamo  # noqa: F401

    if left:
        signal.setitimer(signal.ITIMER_REAL, left)
