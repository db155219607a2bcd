"""Run foreign training twice, with mu and without, along the same weights."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from .arguments import give
from .arrays import is_module, is_tensor, to_array
from .bench import Bench
from .binding import Variant, part
from .callables import TargetCallable
from .differences import DifferenceWatch
from .gradients import GradientSample
from .recorder import WANTED_STEPS, OptimizerRecorder, Step
from .tensors import Named, snapshots

log = logging.getLogger(__name__)

SHIFT = 0.05  # standard deviation of what the server's weights differ by from a client's own
MU = 0.3  # far from 1, where mu equals its square


@dataclass(frozen=True)
class TrainingRun:
    """One training: what was recorded, what it returned, whether it read mu, and the weights at its end."""

    recorder: OptimizerRecorder
    returned: tuple[float, ...]
    read_mu: bool | None  # None where mu is not read from the settings
    sent: Named  # what the client was to begin with
    final: Named
    weights: Named | None = None  # those that it returned, by tensor; None where it returns none
    given: Named | None = None  # the weights at the end of the model it was given, where it trained another one

    @classmethod
    def ended(
        cls,
        recorder: OptimizerRecorder,
        result: Any,
        *,
        read_mu: bool | None,
        sent: Named,
        model: Any = None,
    ) -> TrainingRun:
        """Return what is to be kept of a training that has just ended.

        Args:
            recorder: of the training.
            result: what it returned.
            read_mu: whether it read the mu in its settings.
            sent: what it was to begin with.
            model: the model it was given.
        """
        final = {} if recorder.model is None else snapshots(dict(recorder.parameters()))
        other = model is not None and recorder.model is not None and recorder.model is not model
        given = snapshots(dict(model.named_parameters())) if other else None
        returned = weights_in(result, recorder.model, list(final))
        return cls(recorder, numbers_in(result), read_mu, sent, final, returned, given)

    def lost(self) -> bool:
        """Return whether the weights that were trained, those of a copy, are neither returned nor written back."""
        if self.given is None or not self.final:
            return False
        moved = any(not np.array_equal(value, self.recorder.start[name]) for name, value in self.final.items())
        written = all(np.allclose(self.given.get(name, np.nan), value) for name, value in self.final.items())
        return moved and not written and self.weights is None


Runner = Callable[[float, OptimizerRecorder], TrainingRun]


def is_as_sent(name: str, value: Any, sent: Named) -> bool:
    """Return whether a tensor is what was sent, or was not sent by name."""
    return name not in sent or np.allclose(value, sent[name], rtol=1e-5, atol=1e-7)


@dataclass(frozen=True)
class Comparison:
    """A training with mu, and one without that was led along its weights."""

    proximal: TrainingRun
    plain: TrainingRun
    noise: float
    free: TrainingRun  # without mu, and on its own
    subtracted: Mapping[str, str] = field(default_factory=dict)  # see `watched`

    @property
    def steps(self) -> list[tuple[Step, Step]]:
        """The steps that both have done."""
        return list(zip(self.proximal.recorder.steps, self.plain.recorder.steps))

    @property
    def single(self) -> bool:
        """Whether it computes in single precision."""
        return self.noise > 1e-10  # noqa: PLR2004  double precision has 2e-16

    def samples(self) -> list[GradientSample]:
        """Return the term's gradient at each step."""
        return [self.sample(number) for number in range(len(self.steps))]

    @property
    def last(self) -> GradientSample:
        """The term's gradient at the last step."""
        return self.sample(len(self.steps) - 1)

    def sample(self, number: int) -> GradientSample:
        """Return the term's gradient at a step, with what it should be.

        What counts is what reaches the weights. Where the step without mu is w - rate * gradient, the gradient behind
        the other step is known from the weights, wherever the term was added. In single precision that is rounded more,
        and is asked only where the optimizer's gradients are not those of FedProx.
        """
        with_term, without = self.steps[number]
        found = {
            name: value - without.gradients[name] + self._decay(number, name) * with_term.weights[name]
            for name, value in with_term.gradients.items()
        }
        size = max(float(np.abs(value).max()) for value in without.gradients.values())
        floor = 10 * self.noise * max(size, 1e-3)
        sample = GradientSample(
            found, with_term.weights, self.references, MU, noise=1e-2 if self.single else 1e-6, floor=floor
        )
        effective = self._from_weights(sample, number)
        if effective is None or (self.single and sample.conforms() and not sample.is_zero()):
            return sample
        return effective if effective.conforms() or not self.single or sample.is_zero() else sample

    def _decay(self, number: int, name: str) -> float:
        with_term, without = self.steps[number]
        return with_term.decay.get(name, 0.0) - without.decay.get(name, 0.0)

    @property
    def references(self) -> Named:
        """w_round of every tensor: what was sent, or where the training began."""
        recorder, sent = self.proximal.recorder, self.proximal.sent
        applied = all(is_as_sent(name, value, sent) for name, value in recorder.steps[0].weights.items())
        return {**recorder.start, **(sent if applied else {})}

    def _from_weights(self, sample: GradientSample, number: int) -> GradientSample | None:
        """Return the gradient behind a step, from the weights after it; None where the optimizer has a memory."""
        with_term, without = self.steps[number]
        rates = {name: _rate(without, name) for name in sample.found}
        if not without.after or not with_term.after or not all(rates.values()):
            return None
        for name, value in without.weights.items():
            gradient = without.gradients[name] + without.decay.get(name, 0.0) * value
            if not np.allclose(without.after[name], value - rates[name] * gradient, rtol=1e-5, atol=1e-9):
                return None
        found = {name: (without.after[name] - with_term.after[name]) / rates[name] for name in sample.found}
        rate = min(abs(each) for each in rates.values())
        return replace(sample, found=found, floor=max(sample.floor, 10 * self.noise / rate))

    def is_inert(self) -> bool:
        """Return whether the term has no gradient at any step after the first."""
        return all(sample.is_zero() for sample in self.samples()[1:])

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


def _rate(step: Step, name: str) -> float:
    """Return the learning rate of a step: the optimizer's, or that of a loop that changes the weights itself."""
    if step.rates:
        return step.rates.get(name, min(step.rates.values()))
    gradients = np.concatenate([value.ravel() for value in step.gradients.values()])
    moved = np.concatenate([(value - step.after[key]).ravel() for key, value in step.weights.items()])
    return float(gradients @ moved / max(float(gradients @ gradients), 1e-300))


def runner_of(
    callee: TargetCallable, variant: Variant, dtype: torch.dtype, *, freeze: bool, own_model: bool = False
) -> Runner:
    """Return a function that runs a training function, or a step three times, on a fresh bench.

    `own_model` says that what it trains is a model of its own, whatever it is given.
    """
    made, called = part(variant, "made"), part(variant, "called")
    gives_model = callee.takes("model", "parameters", "optimizer", "outputs", "loss") and not own_model

    def run(mu: float, recorder: OptimizerRecorder) -> TrainingRun:
        bench = Bench(mu, dtype=dtype, freeze=freeze)
        recorder.model = bench.model if gives_model else None
        results: list[Any] = []
        with recorder.on():
            instance = callee.make(give(bench, made))
            arguments = give(bench, called)  # once: the reference is the round's
            for _ in range(WANTED_STEPS):
                before = len(recorder.steps)
                results.append(callee.call(instance, arguments))
                if len(recorder.steps) >= WANTED_STEPS or len(recorder.steps) == before:
                    break
                arguments.update(give(bench, {name: each for name, each in called.items() if each[0] in RENEWED}))
        configured = callee.takes("config") and not callee.reads_mu
        read_mu = bench.settings.read_mu if configured else None
        sent = snapshots(bench.origin) if gives_model else {}
        model = bench.model if callee.takes("model") and not own_model else None
        return TrainingRun.ended(recorder, results, read_mu=read_mu, sent=sent, model=model)

    return run


RENEWED = ("loss", "outputs", "batch", "data")  # a graph can be gone through once, an iterator too


@contextmanager
def _default_dtype(dtype: torch.dtype) -> Iterator[None]:
    default = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(default)


def compare(run: Runner, dtype: torch.dtype) -> Comparison:
    """Run with mu and without."""
    with _default_dtype(dtype):
        proximal = run(MU, OptimizerRecorder())
        plain = run(0.0, OptimizerRecorder(lead=proximal.recorder.steps))
        free = run(0.0, OptimizerRecorder())
    return Comparison(proximal, plain, float(torch.finfo(dtype).eps), free)


def watched(comparison: Comparison, run: Runner, dtype: torch.dtype) -> Comparison:
    """Return a comparison of a training whose term never acts with what the term is measured from."""
    if len(comparison.steps) < 2 or not comparison.is_inert():  # noqa: PLR2004  the second is the first with w != w_round
        return comparison
    recorder = OptimizerRecorder()
    watch = DifferenceWatch(recorder)
    try:
        with _default_dtype(dtype), watch:
            run(MU, recorder)
    except Exception as error:  # noqa: BLE001  it ran before: code may not bear to be watched
        log.info("watched, the training raises %s: %s", type(error).__name__, error)
    return replace(comparison, subtracted=watch.found)


def numbers_in(value: Any) -> tuple[float, ...]:
    """Return all single numbers in what a training returned, in order."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return tuple(number for each in value for number in numbers_in(each))
    if isinstance(value, torch.Tensor):
        value = value.detach()
    number = isinstance(value, (int, float, np.generic, np.ndarray, torch.Tensor)) and not isinstance(value, bool)
    return (float(value),) if number and np.size(value) == 1 else ()


def weights_in(value: Any, model: Any, names: Sequence[str]) -> Named | None:
    """Return the weights of these names in what a training returned: a state, a model, or a list of arrays."""
    if is_module(value):
        value = value.state_dict()
    if isinstance(value, Mapping) and names and set(names) <= set(value):
        return {name: np.asarray(to_array(value[name]), dtype=np.float64) for name in names}
    if isinstance(value, (list, tuple)):
        if value and all(is_tensor(each) or isinstance(each, np.ndarray) for each in value) and model is not None:
            return _weights_of_list(value, model, names)
        return next((found for each in value if (found := weights_in(each, model, names)) is not None), None)
    return None


def _weights_of_list(value: Sequence[Any], model: Any, names: Sequence[str]) -> Named | None:
    for tensors in (model.state_dict(), dict(model.named_parameters()), dict.fromkeys(names)):
        if len(tensors) == len(value):
            by_name = dict(zip(tensors, value))
            return {name: np.asarray(to_array(by_name[name]), dtype=np.float64) for name in names}
    return None


def shift(arrays: list[Any]) -> list[Any]:
    """Return weights that a server could send: near these, and not these."""
    generator = np.random.default_rng(5)
    return [
        (value + SHIFT * generator.standard_normal(value.shape)).astype(value.dtype)
        if np.issubdtype(value.dtype, np.floating)
        else value
        for value in arrays
    ]
