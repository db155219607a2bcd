"""The contract of a proximal term that is a function or a class.

Value mu/2 * ||w - w_round||^2 and gradient mu * (w - w_round) over the trained tensors (Li et al. 2020, equation 2),
in float64, the gradient by autograd and by central differences.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .findings import PointFinding, Points, Shown, failed, not_applicable, not_available, passed, warned
from .gradients import SUM
from .terms import (
    EvalPoint,
    Term,
    TermMeasurement,
    agree,
    detached,
    norm_of,
    repeats,
    root_cause,
    slopes,
)

TRAINED_ONLY = "pass over parameters with requires_grad=False"


def term_points(term: Term, measured: TermMeasurement) -> Points:
    """Yield what is found at each point, the root cause first."""
    cause = root_cause(term, measured)
    yield "gradient", cause or passed("the gradient is mu * (w - w_round)", measured.sample.worst())
    yield "value", _value(measured, cause)
    yield "differences", _differences(term, measured)
    yield "scaling", _scaling(measured, cause)
    yield "zero", _zero(term, measured, cause)
    yield "mu", _mu(measured, cause)
    yield "repeatable", repeats(term)
    yield "frozen", _frozen(term, measured)
    yield "pairing", _pairing(term)


def _another_formula(message: str, cause: PointFinding | None, otherwise: str, evidence: Shown) -> PointFinding:
    """Return that the formula is not FedProx's: for the cause that its gradient showed, else for another one."""
    fault, why = (cause.fault, cause.cause) if cause else ("proximal-formula", otherwise)
    return failed(message, fault, why, SUM, evidence)


def _value(measured: TermMeasurement, cause: PointFinding | None) -> PointFinding:
    if measured.value is None:
        return not_applicable("it writes gradients and returns no value")
    wanted = measured.wanted
    evidence = {"value of the term": measured.value, "mu/2 * ||w - w_round||^2": wanted}
    if np.isclose(measured.value, wanted, rtol=10 * measured.sample.noise):
        return passed("the value is mu/2 * ||w - w_round||^2", evidence)
    message = f"the term is {measured.value:.6g}, and mu/2 * ||w - w_round||^2 is {wanted:.6g}"
    return _another_formula(message, cause, "its value and its gradient are computed from different things", evidence)


def _differences(term: Term, measured: TermMeasurement) -> PointFinding:
    numeric = None if measured.answer.writes else slopes(term, measured)
    if numeric is None:
        return not_applicable("it writes gradients, or takes no float64: no differences to take")
    cut_off = detached("part of its gradient is cut off", *numeric)
    if not agree(*numeric):
        return cut_off
    return replace(passed("autograd and central differences agree"), evidence=cut_off.evidence)


def _scaling(measured: TermMeasurement, cause: PointFinding | None) -> PointFinding:
    near, far = measured.value, measured.far_value
    power, what = 4.0, "value"
    if near is None or far is None:
        near, far = norm_of(measured.sample), norm_of(measured.far)
        power, what = 2.0, "gradient"
    evidence = {f"{what} at w": near, "twice as far": far}
    if near and np.isclose(far / near, power, rtol=10 * measured.sample.noise):
        return passed(f"twice the distance, {power:g} times the {what}", evidence)
    message = f"at twice the distance the {what} is {far:.6g}, not {power:g} times {near:.6g}"
    return _another_formula(message, cause, "the distance is not squared", evidence)


def _zero(term: Term, measured: TermMeasurement, cause: PointFinding | None) -> PointFinding:
    if not measured.takes_mu:
        return not_applicable("it takes no mu, so its zero point can't be separated from the loss around it")
    sample, difference = term.isolate(EvalPoint(distance=0.0))
    value, slope = difference or 0.0, sample.largest()
    evidence = {"term at w = w_round": value, "largest gradient there": slope}
    if abs(value) <= measured.sample.floor and slope <= measured.sample.floor:
        return passed("term and gradient are 0 at w = w_round", evidence)
    message = f"at w = w_round the term is {value:.3g} and its gradient reaches {slope:.3g}; both must be 0"
    return _another_formula(message, cause, "it measures something else than the distance from w_round", evidence)


def _mu(measured: TermMeasurement, cause: PointFinding | None) -> PointFinding:
    if not measured.takes_mu and cause is None:
        half = np.isclose(measured.sample.mu, 1.0)
        form = "1/2 * ||w - w_round||^2: multiply it by mu" if half else "||w - w_round||^2: multiply it by mu/2"
        return not_available(f"it takes no mu and returns {form}; probe the code that does")
    if not measured.takes_mu:
        return not_available("it takes no mu")
    ratio = 0.0 if measured.sample.is_zero() else norm_of(measured.stronger) / norm_of(measured.sample)
    evidence = {"gradient at 2 mu beside that at mu": ratio, "expected": 2.0}
    if np.isclose(ratio, 2.0, rtol=10 * measured.sample.noise):
        return passed("the term is proportional to mu", evidence)
    message = f"twice the mu gives {ratio:.3g} times the gradient"
    return _another_formula(message, cause, "mu enters otherwise than as a factor", evidence)


def _frozen(term: Term, measured: TermMeasurement) -> PointFinding:
    if measured.answer.frozen:
        return failed(
            f"frozen tensors are given a gradient, e.g. {measured.answer.frozen[0]}",
            "proximal-frozen",
            "the gradient is written to all parameters; an optimizer with weight decay then moves them",
            TRAINED_ONLY,
        )
    values = {moved: term.isolate(EvalPoint(moved=moved))[1] for moved in ("", "buffers", "frozen")}
    plain = values.pop("")
    counted = [moved for moved, value in values.items() if not np.isclose(value or 0.0, plain or 0.0, rtol=1e-9)]
    if not counted:
        return passed("frozen tensors and buffers are not in it")
    evidence = {f"term where only {counted[0]} differ more": values[counted[0]], "term": plain}
    if "buffers" in counted:
        return failed(
            "buffers are in the term: its value grows while batch norm's statistics move, and no gradient pulls them",
            "proximal-frozen",
            "it goes over the state_dict",
            "go over the trained parameters",
            evidence,
        )
    return warned(
        "frozen tensors are in the term: they cost time, and count where they differ from the reference",
        "proximal-frozen",
        "it goes over all parameters",
        TRAINED_ONLY,
        evidence,
    )


def _pairing(term: Term) -> PointFinding:
    if not term.callee.takes("reference"):
        return not_applicable("it makes its own reference")
    try:
        term.evaluate(EvalPoint(short=True))
    except NotImplementedError:
        return not_available("its reference is a whole module; none of its tensors can be left out")
    except Exception as error:  # noqa: BLE001  whatever it raises, it noticed
        return passed(f"a reference without its last tensor is refused ({type(error).__name__})")
    return warned(
        "a reference without its last tensor is taken silently",
        "proximal-pairing",
        "zip ends with the shorter of the two",
        "zip(..., strict=True), or pair by name",
    )
