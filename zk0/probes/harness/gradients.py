"""Explain why a gradient is not mu * (w - w_round): pure numbers in, one cause out.

Each tensor's found gradient is compared with the expected one. A wrong one still shows its origin: a constant
factor, a length that does not depend on the distance, another tensor's reference, tensors that have none.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zk0.core.faults import Fault
from zk0.core.verdicts import Evidence
from zk0.probes.harness.findings import Cause, largest_gap

type Named = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class GradientSample:
    """The gradient of the term at one place.

    Args:
        found: the gradient that the code's term has, by tensor; zero where it has none.
        weights: the trained weights w.
        references: w_round of every tensor of the model.
        mu: the strength.
        noise: the relative size of rounding errors.
        floor: the size below which a number is rounding alone.
    """

    found: Named
    weights: Named
    references: Named
    mu: float
    noise: float = 1e-6
    floor: float = 1e-12

    @property
    def expected(self) -> Named:
        """Return mu * (w - w_round) by tensor."""
        return {name: self.mu * (value - self.references[name]) for name, value in self.weights.items()}

    def conforms(self) -> bool:
        """Return whether found and expected are equal up to rounding."""
        return all(self.near(self.found[name], value) for name, value in self.expected.items())

    def near(self, found: NDArray[np.float64], wanted: NDArray[np.float64]) -> bool:
        """Return whether two tensors are equal up to rounding."""
        limit = self.noise * float(np.linalg.norm(wanted)) + self.floor
        return bool(np.isfinite(found).all()) and float(np.linalg.norm(found - wanted)) <= limit

    def is_zero(self) -> bool:
        """Return whether there is no gradient at all."""
        return all(float(np.abs(value).max()) <= self.floor for value in self.found.values())

    def worst(self) -> tuple[Evidence, ...]:
        """Return the two numbers that differ most."""
        expected = self.expected
        name = max(expected, key=lambda name: _gap(self.found[name], expected[name]))
        labels = ("gradient of the term at {}", "mu * (w - w_round) at {}")
        return largest_gap(name, self.found[name], expected[name], labels=labels)


def explain(sample: GradientSample, twice: GradientSample | None = None) -> Cause | None:
    """Return why a gradient that is not all zero is not what it should be; None where it is.

    Args:
        sample: the gradient at w.
        twice: the same farther from w_round; distinguishes a norm from a squared norm.
    """
    if sample.conforms():
        return None
    evidence = sample.worst()
    if not all(np.isfinite(value).all() for value in sample.found.values()):
        return Cause(
            Fault.proximal_formula,
            "the term's gradient is not finite",
            "a square root or a division has no derivative at w = w_round",
            "square the distance: ((w - w_round) ** 2).sum()",
            evidence,
        )
    for judge in (_missing, _factor, _lengths, _pairs):
        if cause := judge(sample, twice, evidence):
            return cause
    found, wanted = _flat(sample.found), _flat(sample.expected)
    angle = float(found @ wanted / (np.linalg.norm(found) * np.linalg.norm(wanted)))
    return Cause(
        Fault.proximal_formula,
        f"the term's gradient is not mu * (w - w_round) (cosine {angle:.3g})",
        "the formula is another one",
        "mu / 2 * sum(((w - w_round) ** 2).sum() for each trained tensor)",
        evidence,
    )


def _missing(sample: GradientSample, _: GradientSample | None, evidence: tuple[Evidence, ...]) -> Cause | None:
    none = [name for name, value in sample.found.items() if float(np.abs(value).max()) <= sample.floor]
    rest = [name for name in sample.found if name not in none]
    if not none or not rest or not all(_parallel(sample, name) for name in rest):
        return None
    return Cause(
        Fault.proximal_incomplete,
        f"{len(none)} of {len(sample.found)} trained tensors are not in the term, e.g. {none[0]}",
        "only some layers are compared, or a zip ended early",
        "pair all trained tensors by name, or zip(..., strict=True)",
        evidence,
    )


def _factor(sample: GradientSample, twice: GradientSample | None, evidence: tuple[Evidence, ...]) -> Cause | None:
    factor = _factor_of(sample)
    if factor is None:
        return None
    if twice is not None and (other := _factor_of(twice)) is not None and not np.isclose(other, factor, rtol=0.05):
        return None  # the factor depends on the distance
    if factor < 0:
        return Cause(
            Fault.proximal_formula,
            f"the term pushes away from w_round: its gradient is {factor:.3g} times mu * (w - w_round)",
            "the sign is wrong",
            "add mu * (w - w_round) to the gradient, or mu/2 * ||w - w_round||^2 to the loss",
            evidence,
        )
    double = np.isclose(factor, 2.0, rtol=0.01)
    return Cause(
        Fault.proximal_formula,
        f"the term's gradient is {factor:.3g} times mu * (w - w_round)"
        + (": it acts, twice as strong as mu says" if double else ""),
        "mu is used instead of mu/2, or the term is added twice" if double else "the factor before the sum is wrong",
        "mu / 2 * sum(((w - w_round) ** 2).sum() for each trained tensor), added once",
        evidence,
    )


def _lengths(sample: GradientSample, _: GradientSample | None, evidence: tuple[Evidence, ...]) -> Cause | None:
    """Tell factors that differ from tensor to tensor, or from distance to distance."""
    if not all(_parallel(sample, name) for name in sample.found):
        return None
    factors = {name: _ratio(sample.found[name], sample.expected[name]) for name in sample.found}
    averaged = [factor * sample.weights[name].size for name, factor in factors.items()]
    if _all_equal(averaged):
        return Cause(
            Fault.proximal_formula,
            "the term's gradient is divided by each tensor's size",
            "a mean is used instead of a sum (mse_loss, .mean())",
            "((w - w_round) ** 2).sum(), or mse_loss(..., reduction='sum')",
            evidence,
        )
    return Cause(
        Fault.proximal_formula,
        "the term's gradient points the right way and has the wrong length, as that of a norm that is not squared",
        "||w - w_round|| is used instead of ||w - w_round||^2: it pulls with the same force from any distance",
        "square it: ((w - w_round) ** 2).sum()",
        evidence,
    )


def _pairs(sample: GradientSample, _: GradientSample | None, evidence: tuple[Evidence, ...]) -> Cause | None:
    """Return whether a gradient is that of another tensor's distance, or w - gradient / mu another's reference."""
    expected = sample.expected
    for name, value in sample.found.items():
        if sample.near(value, expected[name]):
            continue
        met = sample.weights[name] - value / sample.mu
        for other, reference in sample.references.items():
            if other == name or reference.shape != met.shape:
                continue
            if sample.near(met, reference) or (other in expected and sample.near(value, expected[other])):
                return Cause(
                    Fault.proximal_pairing,
                    f"{name} is compared with the reference of {other}",
                    "two lists of different order or length are zipped (frozen tensors in one of them?)",
                    "pair by name, or build both lists from the trained tensors and zip(..., strict=True)",
                    evidence,
                )
    return None


def _factor_of(sample: GradientSample) -> float | None:
    found, wanted = _flat(sample.found), _flat(sample.expected)
    factor = float(found @ wanted / (wanted @ wanted))
    rest = float(np.linalg.norm(found - factor * wanted))
    return factor if rest <= 10 * sample.noise * float(np.linalg.norm(found)) + sample.floor else None


def _parallel(sample: GradientSample, name: str) -> bool:
    found, wanted = sample.found[name].ravel(), sample.expected[name].ravel()
    ratio = _ratio(found, wanted)
    rest = float(np.linalg.norm(found - ratio * wanted))
    return rest <= 10 * sample.noise * float(np.linalg.norm(found)) + sample.floor


def _ratio(found: NDArray[np.float64], wanted: NDArray[np.float64]) -> float:
    return float(found.ravel() @ wanted.ravel() / max(float(wanted.ravel() @ wanted.ravel()), 1e-300))


def _all_equal(values: list[float]) -> bool:
    return bool(np.allclose(values, values[0], rtol=0.02))


def _flat(tensors: Named) -> NDArray[np.float64]:
    return np.concatenate([tensors[name].ravel() for name in tensors])


def _gap(found: NDArray[np.float64], wanted: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(np.nan_to_num(found, nan=1e30) - wanted))
