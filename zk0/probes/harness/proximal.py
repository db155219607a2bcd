"""The proximal probe: find out what the code is, a term or a training, and test the contract that it falls under."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from torch import nn

from zk0.core.errors import ProbeError
from zk0.core.faults import Fault
from zk0.core.verdicts import Finding
from zk0.probes.harness.arguments import PROXIMAL
from zk0.probes.harness.binding import (
    TargetCallable,
    Variant,
    find_callable,
    not_callable,
    run_each,
    uncallable,
    variants,
)
from zk0.probes.harness.clients import client_runners, is_client, takes_mu
from zk0.probes.harness.findings import Points
from zk0.probes.harness.recorder import expect_steps, uses
from zk0.probes.harness.strategies import is_strategy
from zk0.probes.harness.targets import Target, describe, find_target
from zk0.probes.harness.term_contract import term_points
from zk0.probes.harness.terms import Term, TermMeasurement, TrainsError, measure
from zk0.probes.harness.terms import root_cause as term_root_cause
from zk0.probes.harness.training_contract import root_cause as training_root_cause
from zk0.probes.harness.training_contract import training_points
from zk0.probes.harness.trainings import Comparison, Runner, compare, runner_of

PRECISIONS = (torch.float64, torch.float32)  # code that casts to float() takes only the second

REFERENCE_FAULTS = (Fault.proximal_pairing, Fault.proximal_incomplete, Fault.proximal_formula)


@dataclass(frozen=True)
class WorkingTraining:
    """A way to run a training, and what was seen."""

    run: Runner
    dtype: torch.dtype
    comparison: Comparison

    @classmethod
    def of(cls, run: Runner, dtype: torch.dtype) -> Self:
        """Run a training with mu and without."""
        return cls(run, dtype, compare(run, dtype))


@dataclass(frozen=True)
class WorkingTerm:
    """A way to call a term, and what was measured."""

    term: Term
    measured: TermMeasurement


def proximal_points(text: str, root: Path) -> tuple[str, Points]:
    """Return the place of a term, a training step, a loop or a client, and what is found at each point."""
    target = find_target(text, root)
    if is_strategy(target.value):
        raise ProbeError(
            f"{target.text} at {target.at} is a strategy; the proximal term is the client's",
            remedy=f"zk0 probe aggregation {target.text}, and zk0 probe proximal on the client's training",
        )
    if _may_train(target):
        expect_steps()
    return target.at, _points(target)


def _points(target: Target) -> Points:
    if is_client(target):
        training = _first_working_training(target)
        yield from _training(training, uses_mu=True, made_with_mu=takes_mu(target))
        return
    callee = find_callable(target, PROXIMAL)
    found = _first_working_variant(callee, target)
    if isinstance(found, WorkingTraining):
        yield from _training(found, uses_mu=_uses_mu(callee))
    else:
        yield from term_points(found.term, found.measured)


def _training(training: WorkingTraining, *, uses_mu: bool, made_with_mu: bool = False) -> Points:
    yield from training_points(training.comparison, uses_mu=uses_mu, made_with_mu=made_with_mu)
    if "exhausted" not in training.comparison.proximal.recorder.kept:
        return
    with _reusable_parameters():
        mended = compare(training.run, training.dtype)
    if (cause := training_root_cause(mended, uses_mu=uses_mu)) is not None:
        message = f"and with a list for the iterator: {cause.message}"
        yield "formula", cause.model_copy(update={"message": message})


def _first_working_variant(callee: TargetCallable, target: Target) -> WorkingTraining | WorkingTerm:
    """Return the first way to call that conforms, else the first that runs at all.

    A list of trained tensors where all are expected would make the pairing look wrong: such a fault is the code's
    only where no variant of the reference conforms. Every other fault is reported from the first variant that runs.
    """
    kept: tuple[Variant, WorkingTraining | WorkingTerm] | None = None
    first: Exception | None = None
    for dtype in PRECISIONS:
        for variant in variants(callee.roles, PROXIMAL):
            if kept and not _same_but_for_references(variant, kept[0]):
                continue
            try:
                found, cause = _try(callee, variant, dtype)
            except Exception as error:  # noqa: BLE001  foreign code may raise anything; the first error is reported below
                first = first or error
                continue
            if cause is None or cause.fault not in REFERENCE_FAULTS:
                return kept[1] if kept and cause is not None else found
            kept = kept or (variant, found)
        if kept is not None:
            return kept[1]
    raise not_callable(target, first, PROXIMAL)


def _same_but_for_references(one: Variant, other: Variant) -> bool:
    return all(one[name] == choice for name, choice in other.items() if choice[0] not in ("reference", "parameters"))


def _try(
    callee: TargetCallable, variant: Variant, dtype: torch.dtype
) -> tuple[WorkingTraining | WorkingTerm, Finding | None]:
    term = Term(callee, variant, dtype)
    try:
        measured = measure(term)
    except TrainsError:
        training = WorkingTraining.of(runner_of(callee, variant, dtype), dtype)
        return training, training_root_cause(training.comparison, uses_mu=_uses_mu(callee))
    about_it = callee.constructor is not None or callee.takes("reference", "mu", "config")
    if measured.value is None and measured.sample.is_zero() and not about_it:
        raise ValueError("it returned no loss and changed neither gradients nor weights")
    return WorkingTerm(term, measured), term_root_cause(term, measured)


def _first_working_training(target: Target) -> WorkingTraining:
    def not_runnable(error: Exception | None) -> ProbeError:
        shown = describe(error, target.root) if error else "no arguments fit"
        return uncallable(f"{target.text} at {target.at} can't be run: {shown}", PROXIMAL)

    runners = ((run, dtype) for dtype in PRECISIONS for run in client_runners(target, dtype))
    _, training = next(run_each(runners, lambda runner: WorkingTraining.of(*runner), not_runnable))
    return training


def _uses_mu(callee: TargetCallable) -> bool:
    """Return whether the mu that is given is read; True where zk0 can't look inside."""
    names = [key.partition(":")[2] for key, role in callee.roles.items() if role == "mu"]
    if not names:
        return callee.takes("config")
    return callee.opaque or not callee.codes or any(uses(code, name) for code in callee.codes for name in names)


def _may_train(target: Target) -> bool:
    try:
        return "step(" in inspect.getsource(target.module)
    except (OSError, TypeError):
        return True


class _Parameters(list[nn.Parameter]):
    """A list that can be asked for its next item, like the generator it replaces."""

    def __next__(self) -> nn.Parameter:
        return self[0]


@contextmanager
def _reusable_parameters() -> Iterator[None]:
    original: Any = nn.Module.parameters
    nn.Module.parameters = lambda self, recurse=True: _Parameters(original(self, recurse))  # type: ignore[method-assign]
    try:
        yield
    finally:
        nn.Module.parameters = original  # type: ignore[method-assign]
