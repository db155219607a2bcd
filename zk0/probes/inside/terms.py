"""Evaluate a proximal term: what it returns, and the gradient it gives to each trained tensor.

The term is set apart from the loss around it by calling the code twice at the same weights w: once with the reference
w_round and once with w itself as the reference, where the term and its gradient are zero. The difference is the
term's, whether the code returns the bare term or the total loss, and whether it returns a loss or writes gradients.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from zk0.probes.inside.arguments import give, scalar_of
from zk0.probes.inside.bench import Scene
from zk0.probes.inside.binding import Variant
from zk0.probes.inside.callees import Callee
from zk0.probes.inside.causes import Moment

PRESET = 0.01  # of every gradient before the call, so that adding to it and replacing it can be told apart


class TrainsError(Exception):
    """The code changed the weights: it is no term but a training step."""


@dataclass(frozen=True)
class Place:
    """Where the term is evaluated: see `Scene`; `apart` False puts the reference at w itself."""

    mu: float = 0.3
    distance: float = 0.1
    apart: bool = True
    moved: str = ""
    short: bool = False
    nudge: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What a call gave: a value or None, gradients by trained tensor, frozen tensors that got one."""

    value: float | None
    gradient: dict[str, NDArray[np.float64]]
    writes: bool  # it wrote gradients itself
    frozen: tuple[str, ...]
    weights: dict[str, NDArray[np.float64]]
    references: dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Term:
    """A callee with one way to give it its arguments."""

    callee: Callee
    variant: Variant
    dtype: torch.dtype = torch.float64

    def at(self, place: Place) -> Answer:
        """Evaluate it once."""
        return self.again(place, 1)[0]

    def again(self, place: Place, times: int) -> list[Answer]:
        """Evaluate it several times at the same weights, on the same objects."""
        scene = Scene(place.mu, distance=place.distance, dtype=self.dtype, moved=place.moved, short=place.short)
        if not place.apart:
            scene.depart()
            scene.origin = {name: value.detach().clone() for name, value in scene.model.state_dict().items()}
        instance = self.callee.make(give(scene, self._made))
        if place.apart:
            scene.depart()
        _nudge(scene, place.nudge)
        return [self._call(scene, instance) for _ in range(times)]

    def apart(self, place: Place) -> tuple[Moment, float | None]:
        """Return the gradient and the value of the term alone."""
        there, here = self.at(place), self.at(Place(**{**vars(place), "apart": False}))
        value = None if there.value is None or here.value is None else there.value - here.value
        found = {name: there.gradient[name] - here.gradient[name] for name in there.gradient}
        return self.moment(found, there, place.mu), value

    def moment(self, found: dict[str, NDArray[np.float64]], answer: Answer, mu: float) -> Moment:
        """Return a gradient with what it is to be compared with."""
        noise, floor = (1e-6, 1e-12) if self.dtype == torch.float64 else (1e-3, 1e-7)
        return Moment(found, answer.weights, answer.references, mu, noise=noise, floor=floor)

    @property
    def _made(self) -> Variant:
        return {name: choice for name, choice in self.variant.items() if name.startswith("made:")}

    def _call(self, scene: Scene, instance: Any) -> Answer:
        trained = scene.trained()
        for value in trained.values():
            value.grad = torch.full_like(value, PRESET)
        before = {name: value.detach().clone() for name, value in trained.items()}
        called = {name: choice for name, choice in self.variant.items() if name.startswith("called:")}
        result = self.callee.call(instance, give(scene, called))
        if any(not torch.equal(value, before[name]) for name, value in trained.items()):
            raise TrainsError
        loss = scalar_of(result)
        writes = any(value.grad is None or bool((value.grad != PRESET).any()) for value in trained.values())
        names = [name for name, value in scene.model.named_parameters() if not value.requires_grad]
        frozen = tuple(name for name in names if scene.model.get_parameter(name).grad is not None)
        if writes or not (isinstance(loss, torch.Tensor) and loss.requires_grad):
            gradients: Any = [value.grad for value in trained.values()]
            writes = writes or loss is None
        else:
            gradients = torch.autograd.grad(loss, list(trained.values()), allow_unused=True)
        return Answer(
            value=float(loss.detach()) if isinstance(loss, torch.Tensor) else loss,
            gradient={
                name: np.zeros(value.shape) if found is None else found.detach().double().numpy().copy()
                for (name, value), found in zip(trained.items(), gradients, strict=True)
            },
            writes=writes,
            frozen=frozen,
            weights={name: value.detach().double().numpy().copy() for name, value in trained.items()},
            references={name: value.double().numpy().copy() for name, value in scene.origin.items()},
        )


def _nudge(scene: Scene, nudge: Mapping[str, NDArray[np.float64]]) -> None:
    with torch.no_grad():
        for name, step in nudge.items():
            parameter = scene.trained()[name]
            parameter.add_(torch.from_numpy(step).to(parameter.dtype))
