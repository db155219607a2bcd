"""Run foreign training twice, with mu and without, along the same weights."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from zk0.probes.harness.arguments import give
from zk0.probes.harness.bench import Bench
from zk0.probes.harness.binding import TargetCallable, Variant, part
from zk0.probes.harness.gradients import GradientSample
from zk0.probes.harness.recorder import WANTED_STEPS, OptimizerRecorder, Step
from zk0.probes.harness.tensors import Named, snapshots

SHIFT = 0.05  # standard deviation of what the server's weights differ by from a client's own
MU = 0.3  # far from 1, where mu equals its square


@dataclass(frozen=True)
class TrainingRun:
    """One training: what was recorded, the numbers it returned, whether it read mu, and the weights at its end."""

    recorder: OptimizerRecorder
    returned: tuple[float, ...]
    read_mu: bool | None  # None where mu is not read from the settings
    sent: Named  # what the client was to begin with
    final: Named

    @classmethod
    def ended(cls, recorder: OptimizerRecorder, result: Any, *, read_mu: bool | None, sent: Named) -> Self:
        """Return what is to be kept of a training that has just ended."""
        return cls(recorder, numbers_in(result), read_mu, sent, final=snapshots(recorder.parameters()))


type Runner = Callable[[float, OptimizerRecorder], TrainingRun]


def is_as_sent(name: str, value: NDArray[np.float64], sent: Named) -> bool:
    """Return whether a tensor is what was sent, or was not sent by name."""
    return name not in sent or np.allclose(value, sent[name], rtol=1e-5, atol=1e-7)


@dataclass(frozen=True)
class Comparison:
    """A training with mu, and one without that was led along its weights."""

    proximal: TrainingRun
    plain: TrainingRun
    noise: float
    free: TrainingRun  # without mu, and on its own

    @property
    def steps(self) -> list[tuple[Step, Step]]:
        """The steps that both have done."""
        return list(zip(self.proximal.recorder.steps, self.plain.recorder.steps, strict=False))

    def samples(self) -> list[GradientSample]:
        """Return the term's gradient at each step."""
        return [self.sample(number) for number in range(len(self.steps))]

    @property
    def last(self) -> GradientSample:
        """The term's gradient at the last step."""
        return self.sample(len(self.steps) - 1)

    def sample(self, number: int) -> GradientSample:
        """Return the term's gradient at a step, with what it should be."""
        with_term, without = self.steps[number]
        found = {name: value - without.gradients[name] for name, value in with_term.gradients.items()}
        size = max(float(np.abs(value).max()) for value in without.gradients.values())
        floor = 10 * self.noise * max(size, 1e-3)
        tolerance = 1e-2 if self.noise > 1e-10 else 1e-6  # noqa: PLR2004  single or double precision
        sample = GradientSample(found, with_term.weights, self.references, MU, noise=tolerance, floor=floor)
        return self._gradient_from_step(sample, number) if sample.is_zero() else sample

    @property
    def references(self) -> Named:
        """w_round of every tensor: what was sent, or where the training began."""
        recorder, sent = self.proximal.recorder, self.proximal.sent
        applied = all(is_as_sent(name, value, sent) for name, value in recorder.steps[0].weights.items())
        return {**recorder.start, **(sent if applied else {})}

    def _gradient_from_step(self, sample: GradientSample, number: int) -> GradientSample:
        """Look into the step itself: an optimizer of its own may add the term there.

        Where the step without mu is w - rate * gradient, the gradient behind the other step is known.
        """
        with_term, without = self.steps[number]
        plain = all(
            np.allclose(without.after[name], value - without.rate * without.gradients[name], rtol=1e-5, atol=1e-9)
            for name, value in without.weights.items()
        )
        if not plain or not without.rate:
            return sample
        found = {name: (without.after[name] - with_term.after[name]) / with_term.rate for name in sample.found}
        return replace(sample, found=found, floor=sample.floor / with_term.rate)

    def is_repeatable(self) -> bool:
        """Return whether the same training without mu begins with the same gradients."""
        one, other = self.plain.recorder.steps, self.free.recorder.steps
        return bool(one and other) and all(
            np.allclose(value, other[0].gradients[name], rtol=1e-4, atol=1e-7)
            for name, value in one[0].gradients.items()
        )

    def is_measurable(self) -> bool:
        """Return whether the weights move far enough for the term to be seen above rounding."""
        return any(
            float(np.abs(value).max()) > 10 * sample.floor
            for sample in self.samples()[1:]
            for value in sample.expected.values()
        )

    def acts(self) -> bool:
        """Return whether the weights end elsewhere than with mu = 0."""
        return any(not np.array_equal(value, self.free.final[name]) for name, value in self.proximal.final.items())

    def same_numbers(self, one: Sequence[float | None], other: Sequence[float | None]) -> bool:
        """Return whether two series of numbers are equal up to rounding."""
        first, second = (np.asarray(series, dtype=np.float64) for series in (one, other))
        return len(one) == len(other) and np.allclose(first, second, rtol=20 * self.noise, atol=0)


def runner_of(callee: TargetCallable, variant: Variant, dtype: torch.dtype) -> Runner:
    """Return a function that runs a training function, or a step three times, on a fresh bench."""
    made, called = part(variant, "made"), part(variant, "called")

    def run(mu: float, recorder: OptimizerRecorder) -> TrainingRun:
        bench = Bench(mu, dtype=dtype)
        recorder.model = bench.model
        results: list[Any] = []
        with recorder.on():
            instance = callee.make(give(bench, made))
            arguments = give(bench, called)  # once: the reference is the round's
            for _ in range(WANTED_STEPS):
                before = len(recorder.steps)
                results.append(callee.call(instance, arguments))
                if len(recorder.steps) >= WANTED_STEPS or len(recorder.steps) == before:
                    break
                arguments |= give(bench, {name: choice for name, choice in called.items() if choice[0] in RENEWED})
        configured = callee.takes("config") and not callee.takes("mu")
        read_mu = bench.settings.read_mu if configured else None
        return TrainingRun.ended(recorder, results, read_mu=read_mu, sent=snapshots(bench.origin))

    return run


RENEWED = ("loss", "outputs", "batch", "data")  # a graph can be gone through once, an iterator too


def compare(run: Runner, dtype: torch.dtype) -> Comparison:
    """Run with mu and without."""
    default = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        proximal = run(MU, OptimizerRecorder())
        plain = run(0.0, OptimizerRecorder(lead=proximal.recorder.steps))
        free = run(0.0, OptimizerRecorder())
    finally:
        torch.set_default_dtype(default)
    return Comparison(proximal, plain, torch.finfo(dtype).eps, free)


def numbers_in(value: Any) -> tuple[float, ...]:
    """Return all single numbers in what a training returned, in order."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return tuple(number for each in value for number in numbers_in(each))
    if isinstance(value, torch.Tensor):
        value = value.detach()
    number = isinstance(value, int | float | np.generic | np.ndarray | torch.Tensor) and not isinstance(value, bool)
    return (float(value),) if number and np.size(value) == 1 else ()


def shift(arrays: list[NDArray[Any]]) -> list[NDArray[Any]]:
    """Return weights that a server could send: near these, and not these."""
    generator = np.random.default_rng(5)
    return [
        (value + SHIFT * generator.standard_normal(value.shape)).astype(value.dtype)
        if np.issubdtype(value.dtype, np.floating)
        else value
        for value in arrays
    ]
