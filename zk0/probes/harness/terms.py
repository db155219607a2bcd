"""Evaluate a proximal term: its value, its gradient, and why the gradient is not mu * (w - w_round).

The term is separated from the loss around it by calling the code twice at the same weights w: with mu and with mu = 0.
Code that takes no mu, or that returns a constant at mu = 0, is called with w itself as the reference instead, where the
term and its gradient are zero. The difference is the term's, whether the code returns the bare term or the total loss,
and whether it returns a loss or writes gradients.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

from .arguments import give, scalar_of
from .bench import Bench
from .binding import Variant, part
from .callables import TargetCallable
from .findings import PointFinding, failed, passed
from .gradients import GradientSample, explain
from .tensors import Named, frozen_with_gradient, snapshot, snapshots
from .trainings import weights_in

PRESET = 0.01  # of every gradient before the call, to distinguish adding to it from replacing it

SNAPSHOT = "snapshot it once a round: [p.detach().clone() for p in model.parameters()]"
NO_GRADIENT = ".item(), float(), .detach(), .data or no_grad is between the weights and the loss"
WITH_GRADIENT = "compute it from the parameters themselves, with gradients on"


class TrainsError(Exception):
    """The code stepped, or changed the weights: it is a training, not a term."""


@dataclass(frozen=True)
class EvalPoint:
    """A point to evaluate the term at: see `Bench`; `displaced` False puts the reference at w itself."""

    mu: float = 0.3
    distance: float = 0.1
    displaced: bool = True
    moved: str = ""
    short: bool = False
    nudge: Named = field(default_factory=dict)


@dataclass(frozen=True)
class TermResult:
    """The result of one call: a value or None, gradients by trained tensor, frozen tensors that got one."""

    value: float | None
    gradient: Named
    writes: bool  # it wrote gradients itself
    constant: bool  # no gradient flows from what it returned
    frozen: tuple[str, ...]
    weights: Named
    references: Named


@dataclass(frozen=True)
class Term:
    """A callee with one way to give it its arguments."""

    callee: TargetCallable
    variant: Variant
    dtype: torch.dtype = torch.float64
    freeze: bool = True

    def evaluate(self, point: EvalPoint) -> TermResult:
        """Evaluate it once."""
        return self.repeat(point, 1)[0]

    def repeat(self, point: EvalPoint, times: int) -> list[TermResult]:
        """Evaluate it several times at the same weights, on the same objects."""
        bench = Bench(
            point.mu,
            distance=point.distance,
            dtype=self.dtype,
            moved=point.moved,
            short=point.short,
            freeze=self.freeze,
        )
        if not point.displaced:
            bench.depart()
            bench.origin = {name: value.detach().clone() for name, value in bench.model.state_dict().items()}
        instance = self.callee.make(give(bench, part(self.variant, "made")))
        if point.displaced:
            bench.depart()
        with torch.no_grad():
            for name, step in point.nudge.items():
                parameter = bench.model.get_parameter(name)
                parameter.add_(torch.from_numpy(step).to(parameter.dtype))
        return [self._call(bench, instance) for _ in range(times)]

    def isolate(self, point: EvalPoint) -> tuple[GradientSample, float | None]:
        """Return the gradient and the value of the term alone."""
        there = self.evaluate(point)
        if self.callee.takes("mu", "config") and (without := self._without(point)) is not None:
            sample, value = self._difference(point, there, without)
            if not sample.is_zero() and (sample.conforms() or not without.constant or self._is_bare(point)):
                return sample, value
        return self._difference(point, there, self.evaluate(replace(point, displaced=False)))

    def _without(self, point: EvalPoint) -> TermResult | None:
        """Evaluate it at mu = 0; None where it refuses that."""
        try:
            return self.evaluate(replace(point, mu=0.0))
        except TrainsError:
            raise
        except Exception:  # noqa: BLE001  foreign code may raise anything
            return None

    def _is_bare(self, point: EvalPoint) -> bool:
        """Return whether it is the term alone: 0 at w = w_round, where a loss around it is not."""
        start = self.evaluate(replace(point, distance=0.0))
        largest = max(float(np.abs(value).max()) for value in start.gradient.values())
        return not start.value and largest == 0

    def _difference(self, point: EvalPoint, there: TermResult, here: TermResult) -> tuple[GradientSample, float | None]:
        value = None if there.value is None else there.value - (here.value or 0.0)
        found = {name: there.gradient[name] - here.gradient[name] for name in there.gradient}
        noise, floor = (1e-6, 1e-12) if self.dtype == torch.float64 else (1e-3, 1e-7)
        return GradientSample(found, there.weights, there.references, point.mu, noise=noise, floor=floor), value

    def _call(self, bench: Bench, instance: Any) -> TermResult:
        trained = bench.trained()
        for value in trained.values():
            value.grad = torch.full_like(value, PRESET)
        before = snapshots(trained)
        stepped: list[Any] = []
        handle = register_optimizer_step_post_hook(lambda *_: stepped.append(1))
        try:
            result = self.callee.call(instance, give(bench, part(self.variant, "called")))
        finally:
            handle.remove()
        weights = snapshots(trained)
        moved = any(not np.array_equal(value, before[name]) for name, value in weights.items())
        if moved or stepped or weights_in(result, bench.model, list(trained)) is not None:
            raise TrainsError
        loss = scalar_of(result)
        writes = any(value.grad is None or bool((value.grad != PRESET).any()) for value in trained.values())
        flows = isinstance(loss, torch.Tensor) and loss.requires_grad
        gradients: Any
        if writes:
            gradients = [None if value.grad is None else value.grad - PRESET for value in trained.values()]
        elif flows and isinstance(loss, torch.Tensor):
            gradients = torch.autograd.grad(loss, list(trained.values()), allow_unused=True)
        else:
            gradients = [None] * len(trained)
        return TermResult(
            value=float(loss.detach()) if isinstance(loss, torch.Tensor) else loss,
            gradient={
                name: np.zeros(value.shape) if found is None else snapshot(found)
                for (name, value), found in zip(trained.items(), gradients)
            },
            writes=writes or loss is None,
            constant=not writes and not flows,
            frozen=frozen_with_gradient(bench.model),
            weights=weights,
            references=snapshots(bench.origin),
        )


SAME = 1e-9  # of two calls with the same numbers
BEGIN_AT_0 = "begin each step's sum at 0"
STEP = 1e-5  # of central differences in float64: error of the order 1e-10


@dataclass(frozen=True)
class TermMeasurement:
    """The term at w, twice as far away, and with twice the mu."""

    sample: GradientSample
    value: float | None
    far: GradientSample
    far_value: float | None
    stronger: GradientSample
    answer: TermResult
    takes_mu: bool

    @property
    def wanted(self) -> float:
        """The value that the term should have, mu/2 * ||w - w_round||^2 over the trained tensors."""
        sample = self.sample
        squares = (((value - sample.references[name]) ** 2).sum() for name, value in sample.weights.items())
        return sample.mu / 2 * sum(map(float, squares))


def measure(term: Term) -> TermMeasurement:
    """Evaluate a term where its contract asks for."""
    point = EvalPoint()
    sample, value = term.isolate(point)
    far, far_value = term.isolate(replace(point, distance=2 * point.distance))
    stronger, _ = term.isolate(replace(point, mu=2 * point.mu))
    takes = term.callee.takes("mu", "config")
    # A term without mu returns 1/2 ||d||^2 or ||d||^2, for its caller to multiply: the same as with a mu of 1 or 2.
    strength = None if takes else next((mu for mu in (1.0, 2.0) if replace(sample, mu=mu).conforms()), None)
    if strength is not None:
        sample, far, stronger = (replace(each, mu=strength) for each in (sample, far, stronger))
    return TermMeasurement(sample, value, far, far_value, stronger, term.evaluate(point), takes)


def root_cause(term: Term, measured: TermMeasurement) -> PointFinding | None:  # noqa: PLR0911  one cause each
    """Return why the gradient is not what it should be; None where it is."""
    sample = measured.sample
    if (unsteady := repeats(term)).verdict == "fail":
        return unsteady
    if not sample.is_finite():
        return explain(sample)
    if sample.is_zero():
        return _silent(term, measured)
    same = all(
        np.allclose(measured.stronger.found[name], value, rtol=sample.noise) for name, value in sample.found.items()
    )
    if same and (measured.takes_mu or not sample.conforms()):
        return failed(
            "mu has no influence: the term is the same for mu and for 2 mu",
            "setting-not-delivered",
            "the strength is written in the code",
            "take mu from the server's configuration and multiply the term by it",
            sample.worst(),
        )
    if measured.answer.writes:
        right_value = measured.value is not None and np.isclose(measured.value, measured.wanted, rtol=10 * sample.noise)
        if right_value and not sample.conforms():
            return failed(
                "the loss holds the term once, and its gradient is not that of the term added once",
                "proximal-repeated",
                "it is added to the loss and to the gradients too",
                "keep one of the two",
                sample.worst(),
            )
    elif (numeric := slopes(term, measured)) is not None and not agree(*numeric):
        return detached("part of its gradient is cut off", *numeric)
    return explain(sample, measured.far)


def _largest_difference(one: TermResult, other: TermResult) -> float:
    return max(float(np.abs(value - other.gradient[name]).max()) for name, value in one.gradient.items())


def repeats(term: Term) -> PointFinding:
    """Return whether two calls at the same weights give the same."""
    try:
        first, second = term.repeat(EvalPoint(), 2)
    except Exception as error:  # noqa: BLE001  foreign code may raise anything
        return failed(
            f"the second call at the same weights raises {type(error).__name__}: {' '.join(str(error).split())[:120]}",
            "proximal-repeated",
            "it adds to what it kept of the last call, whose graph is gone",
            BEGIN_AT_0,
        )
    values = (first.value or 0.0, second.value or 0.0)
    evidence = {"first call": first.value, "second call": second.value}
    # The loss around the term may itself change from call to call, as batch norm's statistics do; the term must not.
    if _largest_difference(first, second) <= SAME and np.isclose(*values, rtol=SAME, atol=1e-12):
        return passed("called twice at the same weights it gives the same", evidence)
    message = f"called twice at the same weights it gives {values[0]:.6g} and {values[1]:.6g}"
    cause = "it adds to what it kept of the last call"
    return failed(message, "proximal-repeated", cause, BEGIN_AT_0, evidence)


def _silent(term: Term, measured: TermMeasurement) -> PointFinding:
    if measured.value:
        return detached("it has a value and no gradient", *(slopes(term, measured) or (measured.value, 0.0)))
    message, cause = "the term is zero wherever the weights are", "nothing is compared with the reference"
    if term.callee.constructor is not None:
        message += ": its reference moves with them"
        cause = "the reference shares storage with the weights (.data, .detach() or state_dict() without a copy)"
    return failed(message, "proximal-reference", cause, SNAPSHOT, measured.sample.worst())


def detached(what: str, by_values: float, by_autograd: float) -> PointFinding:
    """Return the finding that autograd sees less of the term than there is."""
    return failed(
        f"the term does not act: {what}" if by_autograd == 0 else f"the term's gradient is wrong: {what}",
        "proximal-detached",
        NO_GRADIENT,
        WITH_GRADIENT,
        {"slope of the term by central differences": by_values, "slope by autograd": by_autograd},
    )


def agree(by_values: float, by_autograd: float) -> bool:
    """Return whether two slopes are one, up to the error of central differences."""
    return bool(np.isclose(by_values, by_autograd, rtol=1e-3, atol=1e-9))


def slopes(term: Term, measured: TermMeasurement) -> tuple[float, float] | None:
    """Return the term's slope along one direction by central differences of the value, and by autograd."""
    if term.dtype != torch.float64:
        return None  # differences of single-precision values are rounding
    generator = np.random.default_rng(3)
    direction = {name: generator.standard_normal(value.shape) for name, value in measured.sample.weights.items()}
    values = [
        term.evaluate(EvalPoint(nudge={name: sign * STEP * each for name, each in direction.items()})).value
        for sign in (1, -1)
    ]
    if values[0] is None or values[1] is None:
        return None
    total = sum(float((measured.answer.gradient[name] * each).sum()) for name, each in direction.items())
    own = sum(float((measured.sample.found[name] * each).sum()) for name, each in direction.items())
    # The slope of the loss around the term is the rest of the total, and is taken off both.
    return (values[0] - values[1]) / (2 * STEP) - (total - own), own


def norm_of(sample: GradientSample) -> float:
    """Return the length of the term's gradient over all tensors."""
    return float(np.sqrt(sum((value**2).sum() for value in sample.found.values())))
