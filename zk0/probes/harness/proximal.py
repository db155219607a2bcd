"""The proximal probe: find out what the code is, a term or a training, and test the contract that it falls under."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .arguments import PROXIMAL
from .bench import without_cuda
from .binding import Attempts, Variant, run_each, variants
from .callables import TargetCallable, find_callable
from .certain import note_of_import
from .clients import client_runners, is_client, takes_mu
from .errors import TargetError
from .findings import PointFinding, Points, warned
from .frameworks import refuse_other_frameworks, with_framework
from .optimizers import judged_by_replay
from .recorder import expect_steps
from .strategies import is_strategy
from .targets import Target, describe, find_target
from .term_contract import term_points
from .terms import Term, TermMeasurement, TrainsError, measure
from .terms import root_cause as term_root_cause
from .training_contract import root_cause as training_root_cause
from .training_contract import training_points
from .trainings import Comparison, Runner, compare, runner_of, watched

PRECISIONS = (torch.float64, torch.float32)  # code that casts to float() takes only the second

REFERENCE_FAULTS = ("proximal-pairing", "proximal-incomplete", "proximal-formula")


@dataclass(frozen=True)
class WorkingTraining:
    """A way to run a training, and what was seen."""

    run: Runner
    dtype: torch.dtype
    comparison: Comparison

    @classmethod
    def of(cls, run: Runner, dtype: torch.dtype) -> WorkingTraining:
        """Run a training with mu and without."""
        return cls(run, dtype, compare(run, dtype))


@dataclass(frozen=True)
class WorkingTerm:
    """A way to call a term, and what was measured."""

    term: Term
    measured: TermMeasurement


def proximal_points(text: object, root: Path) -> tuple[str, Points]:
    """Return the place of a term, a training step, a loop or a client, and what is found at each point."""
    target = find_target(text, root)
    if is_strategy(target.value):
        raise TargetError(
            f"{target.text} at {target.at} is a strategy; the proximal term is the client's",
            remedy=f"zk0 probe aggregation {target.text}, and zk0 probe proximal on the client's training",
        )
    refuse_other_frameworks(target)
    without_cuda()
    if _may_train(target):
        expect_steps()
    return target.at, itertools.chain(with_framework(target, _points(target)), note_of_import(target))


def _points(target: Target) -> Points:
    if is_client(target):
        training = _first_working_training(target)
        yield from _training(training, uses_mu=True, made_with_mu=takes_mu(target))
        return
    callee = find_callable(target, PROXIMAL)
    attempts = Attempts(target, PROXIMAL)
    for freeze in (True, False):
        found = _first_working_variant(callee, attempts, freeze=freeze)
        if found is None:
            continue
        if isinstance(found, WorkingTraining):
            points = _training(found, uses_mu=callee.reads_mu or callee.takes("config"))
        else:
            points = term_points(found.term, found.measured)
        yield from points if freeze else _for_trained_only(points, attempts, target)
        return
    raise attempts.failure() from attempts.furthest


def _for_trained_only(points: Points, attempts: Attempts, target: Target) -> Points:
    """Yield the points of code that runs only with nothing frozen, and what it raises otherwise."""
    assert attempts.furthest is not None
    for point, finding in points:
        if point == "frozen":
            finding = warned(  # noqa: PLW2901  the point is another one here
                f"with a frozen tensor or batch norm's buffers it raises {describe(attempts.furthest, target.root)}",
                "proximal-frozen",
                "a frozen tensor has no gradient, and an integer buffer is no weight",
                "pass over parameters whose grad is None, and keep each tensor's type",
            )
        yield point, finding


def _training(training: WorkingTraining, *, uses_mu: bool, made_with_mu: bool = False) -> Points:
    replayed = judged_by_replay(training.comparison)
    comparison = watched(training.comparison, training.run, training.dtype)
    for point, finding in training_points(comparison, uses_mu=uses_mu, made_with_mu=made_with_mu):
        yield point, replayed.get(point, finding)
    if "exhausted" not in training.comparison.proximal.recorder.kept:
        return
    with _reusable_parameters():
        mended = compare(training.run, training.dtype)
    if (cause := training_root_cause(mended, uses_mu=uses_mu)) is not None:
        yield "formula", replace(cause, message=f"and with a list for the iterator: {cause.message}")


def _first_working_variant(
    callee: TargetCallable, attempts: Attempts, *, freeze: bool
) -> WorkingTraining | WorkingTerm | None:
    """Return the first way to call that conforms, else the first that runs at all; None where none runs.

    A list of trained tensors where all are expected would make the pairing look wrong: such a fault is the code's
    only where no variant of the reference conforms. Every other fault is reported from the first variant that runs.
    """
    kept: tuple[Variant, WorkingTraining | WorkingTerm] | None = None
    doubt = len(REFERENCE_FAULTS)
    for dtype in PRECISIONS:
        for variant in variants(callee.roles, PROXIMAL):
            if kept and not _same_but_for_references(variant, kept[0]):
                continue
            try:
                found, cause = _try(callee, variant, dtype, freeze=freeze)
            except Exception as error:  # noqa: BLE001  foreign code may raise anything; one error is reported
                attempts.note(error)
                continue
            if cause is None or cause.fault not in REFERENCE_FAULTS:
                return kept[1] if kept and cause is not None else found
            if (other := _doubt(cause)) < doubt:
                kept, doubt = (variant, found), other
        if kept is not None:
            return kept[1]
    return None


def _doubt(cause: PointFinding) -> int:
    """Return how likely a finding shows the reference that was given: least where a cause predicts the numbers."""
    if cause.cause is None:
        return 2
    return 1 if cause.fault == "proximal-pairing" else 0


def _same_but_for_references(one: Variant, other: Variant) -> bool:
    return all(one[name] == choice for name, choice in other.items() if choice[0] not in ("reference", "parameters"))


def _try(
    callee: TargetCallable, variant: Variant, dtype: torch.dtype, *, freeze: bool
) -> tuple[WorkingTraining | WorkingTerm, PointFinding | None]:
    term = Term(callee, variant, dtype, freeze)
    try:
        if not callee.takes("model", "parameters", "reference", "loss", "outputs"):
            raise TrainsError  # noqa: TRY301  whatever it computes, it computes with a model of its own
        measured = measure(term)
    except TrainsError:
        training = WorkingTraining.of(runner_of(callee, variant, dtype, freeze=freeze), dtype)
        if not training.comparison.steps:
            training = WorkingTraining.of(runner_of(callee, variant, dtype, freeze=freeze, own_model=True), dtype)
        if not training.comparison.steps:
            raise ValueError("no step of a training was seen") from None
        return training, training_root_cause(training.comparison, uses_mu=callee.reads_mu or callee.takes("config"))
    about_it = callee.constructor is not None or callee.takes("reference", "mu", "config")
    if measured.value is None and measured.sample.is_zero() and not about_it:
        raise ValueError("it returned no loss and changed neither gradients nor weights") from None
    return WorkingTerm(term, measured), term_root_cause(term, measured)


def _first_working_training(target: Target) -> WorkingTraining:
    ways = (
        (run, dtype)
        for freeze in (True, False)
        for dtype in PRECISIONS
        for run in client_runners(target, dtype, freeze=freeze)
    )
    _, training = next(run_each(ways, lambda way: WorkingTraining.of(*way), Attempts(target, PROXIMAL)))
    return training


def _may_train(target: Target) -> bool:
    try:
        return "step(" in inspect.getsource(target.module)
    except (OSError, TypeError):
        return True


class _Parameters(list):  # type: ignore[type-arg]
    """A list that can be asked for its next item, like the generator it replaces."""

    def __next__(self) -> nn.Parameter:
        return self[0]  # type: ignore[no-any-return]


@contextmanager
def _reusable_parameters() -> Iterator[None]:
    original: Any = nn.Module.parameters
    nn.Module.parameters = lambda self, recurse=True: _Parameters(original(self, recurse))  # type: ignore[method-assign]
    try:
        yield
    finally:
        nn.Module.parameters = original  # type: ignore[method-assign]
