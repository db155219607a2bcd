"""The contract of a proximal term that is a function or a class.

Value mu/2 * ||w - w_round||^2 and gradient mu * (w - w_round) over the trained tensors (Li et al. 2020, equation 2),
in float64, the gradient by autograd and by central differences.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from zk0.core.faults import Fault
from zk0.core.verdicts import Evidence, Finding
from zk0.probes.harness.findings import Cause, FindingFactory, evidence_of, finite_or_none
from zk0.probes.harness.terms import EvalPoint, Term, TermMeasurement, detached, norm_of, root_cause, slopes

SAME = 1e-9  # of two calls with the same numbers
FORMULA = "mu / 2 * sum(((w - w_round) ** 2).sum() for each trained tensor)"


def judge(term: Term, measured: TermMeasurement, findings: FindingFactory) -> Iterator[Finding]:
    """Yield the findings, the root cause first."""
    cause = root_cause(term, measured)
    sample = measured.sample
    if cause is None:
        yield findings.passed("gradient", "the gradient is mu * (w - w_round)", sample.worst())
    else:
        yield findings.broken("gradient", cause)
    yield from _value(measured, cause, findings)
    yield from _differences(term, measured, findings)
    yield from _scaling(measured, cause, findings)
    yield from _zero(term, measured, cause, findings)
    yield from _mu(measured, cause, findings)
    yield from _repeatable(term, findings)
    yield from _frozen(term, measured, findings)
    yield from _pairing(term, findings)


def _value(measured: TermMeasurement, cause: Cause | None, findings: FindingFactory) -> Iterator[Finding]:
    if measured.value is None:
        yield findings.not_applicable("value", "it writes gradients and returns no value")
        return
    wanted = measured.sample.mu / 2 * measured.squared
    tolerance = 10 * measured.sample.noise
    evidence = evidence_of({"value of the term": finite_or_none(measured.value), "mu/2 * ||w - w_round||^2": wanted})
    if np.isclose(measured.value, wanted, rtol=tolerance):
        yield findings.passed("value", "the value is mu/2 * ||w - w_round||^2", evidence)
    else:
        message = f"the term is {measured.value:.6g}, and mu/2 * ||w - w_round||^2 is {wanted:.6g}"
        yield _broken(
            findings, "value", message, cause, "its value and its gradient are computed from different things", evidence
        )


def _differences(term: Term, measured: TermMeasurement, findings: FindingFactory) -> Iterator[Finding]:
    numeric = None if measured.answer.writes else slopes(term, measured)
    if numeric is None:
        yield findings.not_applicable("differences", "it writes gradients, or takes no float64: no differences to take")
        return
    by_values, by_autograd = numeric
    cause = detached("part of its gradient is cut off", by_values, by_autograd)
    if np.isclose(by_values, by_autograd, rtol=1e-3, atol=1e-9):
        yield findings.passed("differences", "autograd and central differences agree", cause.evidence)
    else:
        yield findings.broken("differences", cause)


def _scaling(measured: TermMeasurement, cause: Cause | None, findings: FindingFactory) -> Iterator[Finding]:
    near, far = measured.value, measured.far_value
    power, what = 4.0, "value"
    if near is None or far is None:
        near, far = (float(norm_of(sample)) for sample in (measured.sample, measured.far))
        power, what = 2.0, "gradient"
    evidence = evidence_of({f"{what} at w": finite_or_none(near), "twice as far": finite_or_none(far)})
    if near and np.isclose(far / near, power, rtol=10 * measured.sample.noise):
        yield findings.passed("scaling", f"twice the distance, {power:g} times the {what}", evidence)
    else:
        message = f"at twice the distance the {what} is {far:.6g}, not {power:g} times {near:.6g}"
        yield _broken(findings, "scaling", message, cause, "the distance is not squared", evidence)


def _zero(term: Term, measured: TermMeasurement, cause: Cause | None, findings: FindingFactory) -> Iterator[Finding]:
    if not measured.takes_mu:
        yield findings.not_applicable(
            "zero", "it takes no mu, so its zero point can't be separated from the loss around it"
        )
        return
    start = EvalPoint(distance=0.0)
    here, without = term.evaluate(start), term.evaluate(replace(start, mu=0.0))
    value = 0.0 if here.value is None or without.value is None else here.value - without.value
    slope = max(float(np.abs(here.gradient[name] - without.gradient[name]).max()) for name in here.gradient)
    evidence = evidence_of(
        {"term at w = w_round": finite_or_none(value), "largest gradient there": finite_or_none(slope)}
    )
    if abs(value) <= measured.sample.floor and slope <= measured.sample.floor:
        yield findings.passed("zero", "term and gradient are 0 at w = w_round", evidence)
    else:
        message = f"at w = w_round the term is {value:.3g} and its gradient reaches {slope:.3g}; both must be 0"
        yield _broken(
            findings, "zero", message, cause, "it measures something else than the distance from w_round", evidence
        )


def _mu(measured: TermMeasurement, cause: Cause | None, findings: FindingFactory) -> Iterator[Finding]:
    if not measured.takes_mu:
        if cause is None:
            half = np.isclose(measured.sample.mu, 1.0)
            form = "1/2 * ||w - w_round||^2: multiply it by mu" if half else "||w - w_round||^2: multiply it by mu/2"
            yield findings.not_available("mu", f"it takes no mu and returns {form}; probe the code that does")
        else:
            yield findings.not_available("mu", "it takes no mu")
        return
    ratio = float(norm_of(measured.stronger) / norm_of(measured.sample)) if not measured.sample.is_zero() else 0.0
    evidence = evidence_of({"gradient at 2 mu beside that at mu": ratio, "expected": 2.0})
    if np.isclose(ratio, 2.0, rtol=10 * measured.sample.noise):
        yield findings.passed("mu", "the term is proportional to mu", evidence)
    else:
        message = f"twice the mu gives {ratio:.3g} times the gradient"
        yield _broken(findings, "mu", message, cause, "mu enters otherwise than as a factor", evidence)


def _repeatable(term: Term, findings: FindingFactory) -> Iterator[Finding]:
    try:
        first, second = term.repeat(EvalPoint(), 2)
    except Exception as error:  # noqa: BLE001  foreign code may raise anything
        yield findings.failed(
            "repeatable",
            f"the second call at the same weights raises {type(error).__name__}: {' '.join(str(error).split())[:120]}",
            Fault.proximal_repeated,
            "it adds to what it kept of the last call, whose graph is gone",
            "begin each step's sum at 0",
        )
        return
    gap = max(float(np.abs(first.gradient[name] - second.gradient[name]).max()) for name in first.gradient)
    values = (first.value or 0.0, second.value or 0.0)
    evidence = evidence_of({"first call": first.value, "second call": second.value})
    # The loss around the term may itself change from call to call, as batch norm's statistics do; the term must not.
    if gap <= SAME and np.isclose(*values, rtol=SAME, atol=1e-12):
        yield findings.passed("repeatable", "called twice at the same weights it gives the same", evidence)
    else:
        yield findings.failed(
            "repeatable",
            f"called twice at the same weights it gives {values[0]:.6g} and {values[1]:.6g}",
            Fault.proximal_repeated,
            "it adds to what it kept of the last call",
            "begin each step's sum at 0",
            evidence,
        )


def _frozen(term: Term, measured: TermMeasurement, findings: FindingFactory) -> Iterator[Finding]:
    if measured.answer.frozen:
        yield findings.failed(
            "frozen",
            f"frozen tensors are given a gradient, e.g. {measured.answer.frozen[0]}",
            Fault.proximal_frozen,
            "the gradient is written to all parameters; an optimizer with weight decay then moves them",
            "pass over parameters with requires_grad=False",
        )
        return
    _, plain = term.isolate(EvalPoint())
    counted = [
        (what, value) for what in ("buffers", "frozen") if (value := term.isolate(EvalPoint(moved=what))[1]) != plain
    ]
    found = [(what, value) for what, value in counted if not np.isclose(value or 0.0, plain or 0.0, rtol=1e-9)]
    if not found:
        yield findings.passed("frozen", "frozen tensors and buffers are not in it")
        return
    what, value = found[0]
    evidence = evidence_of({f"term where only {what} differ more": value, "term": plain})
    if what == "buffers":
        yield findings.failed(
            "frozen",
            "buffers are in the term: its value grows while batch norm's statistics move, and no gradient pulls them",
            Fault.proximal_frozen,
            "it goes over the state_dict",
            "go over the trained parameters",
            evidence,
        )
    else:
        yield findings.warned(
            "frozen",
            "frozen tensors are in the term: they cost time, and count where they differ from the reference",
            Fault.proximal_frozen,
            "it goes over all parameters",
            "pass over parameters with requires_grad=False",
            evidence,
        )


def _pairing(term: Term, findings: FindingFactory) -> Iterator[Finding]:
    if not term.callee.takes("reference"):
        yield findings.not_applicable("pairing", "it makes its own reference")
        return
    try:
        term.evaluate(EvalPoint(short=True))
    except NotImplementedError:
        yield findings.not_available("pairing", "its reference is a whole module; none of its tensors can be left out")
    except Exception as error:  # noqa: BLE001  whatever it raises, it noticed
        yield findings.passed("pairing", f"a reference without its last tensor is refused ({type(error).__name__})")
    else:
        yield findings.warned(
            "pairing",
            "a reference without its last tensor is taken silently",
            Fault.proximal_pairing,
            "zip ends with the shorter of the two",
            "zip(..., strict=True), or pair by name",
        )


def _broken(
    findings: FindingFactory,
    point: str,
    message: str,
    cause: Cause | None,
    otherwise: str,
    evidence: tuple[Evidence, ...],
) -> Finding:
    """Return that the formula is not FedProx's: for the cause that its gradient showed, else for another one."""
    fault, why = (cause.fault, cause.cause) if cause else (Fault.proximal_formula, otherwise)
    return findings.failed(point, message, fault, why, FORMULA, evidence)
