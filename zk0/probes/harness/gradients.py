"""Explain why a gradient is not mu * (w - w_round): pure numbers in, one cause out.

Each tensor's found gradient is compared with the expected one. A wrong one still shows its origin: a constant
factor, a length that does not depend on the distance, another tensor's reference, tensors that have none.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zk0.core.faults import Fault
from zk0.core.verdicts import Finding
from zk0.probes.harness.findings import Shown, failed, largest_gap
from zk0.probes.harness.tensors import Named

SUM = "mu / 2 * sum(((w - w_round) ** 2).sum() for each trained tensor)"


@dataclass(frozen=True)
class GradientSample:
    """The gradient of the term at one place."""

    found: Named  # the gradient that the code's term has, by tensor; zero where it has none
    weights: Named  # w, of the trained tensors
    references: Named  # w_round, of every tensor of the model
    mu: float
    noise: float = 1e-6  # the relative size of rounding errors
    floor: float = 1e-12  # the size below which a number is rounding alone

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

    def factor(self, found: NDArray[np.float64], wanted: NDArray[np.float64]) -> float | None:
        """Return the number that `found` is `wanted` times, up to rounding; None where there is none."""
        found, wanted = found.ravel(), wanted.ravel()
        factor = float(found @ wanted / max(float(wanted @ wanted), 1e-300))
        rest = float(np.linalg.norm(found - factor * wanted))
        return factor if rest <= 10 * self.noise * float(np.linalg.norm(found)) + self.floor else None

    def is_finite(self) -> bool:
        """Return whether every number of the gradient is finite."""
        return all(np.isfinite(value).all() for value in self.found.values())

    def is_zero(self) -> bool:
        """Return whether there is no gradient at all."""
        return self.largest() <= self.floor

    def largest(self) -> float:
        """Return the largest absolute value of the gradient."""
        return float(np.max([np.abs(value).max() for value in self.found.values()]))

    def worst(self) -> Shown:
        """Return the two numbers that differ most."""
        expected = self.expected
        gaps = {name: np.nan_to_num(self.found[name], nan=1e30) - value for name, value in expected.items()}
        name = max(gaps, key=lambda name: float(np.linalg.norm(gaps[name])))
        labels = ("gradient of the term at {}", "mu * (w - w_round) at {}")
        return largest_gap(name, self.found[name], expected[name], labels=labels)


def explain(sample: GradientSample, twice: GradientSample | None = None) -> Finding | None:
    """Return why a gradient that is not all zero is not what it should be; None where it is.

    `twice` is the gradient farther from w_round; it distinguishes a norm from a squared norm.
    """
    if sample.conforms():
        return None
    if not sample.is_finite():
        return failed(
            "the term's gradient is not finite",
            Fault.proximal_formula,
            "a square root or a division has no derivative at w = w_round",
            "square the distance: ((w - w_round) ** 2).sum()",
            sample.worst(),
        )
    found, wanted = _flat(sample.found), _flat(sample.expected)
    angle = float(found @ wanted / (np.linalg.norm(found) * np.linalg.norm(wanted)))
    message = f"the term's gradient is not mu * (w - w_round) (cosine {angle:.3g})"
    another = failed(message, Fault.proximal_formula, "the formula is another one", SUM, sample.worst())
    return _missing(sample) or _factor(sample, twice) or _lengths(sample) or _pairs(sample) or another


def _missing(sample: GradientSample) -> Finding | None:
    none = [name for name, value in sample.found.items() if float(np.abs(value).max()) <= sample.floor]
    factors = _factors(sample)
    rest = [factor for name, factor in factors.items() if name not in none]
    if not none or not rest or None in rest:
        return None
    return failed(
        f"{len(none)} of {len(sample.found)} trained tensors are not in the term, e.g. {none[0]}",
        Fault.proximal_incomplete,
        "only some layers are compared, or a zip ended early",
        "pair all trained tensors by name, or zip(..., strict=True)",
        sample.worst(),
    )


def _factors(sample: GradientSample) -> dict[str, float | None]:
    expected = sample.expected
    return {name: sample.factor(value, expected[name]) for name, value in sample.found.items()}


def _factor(sample: GradientSample, twice: GradientSample | None) -> Finding | None:
    """Judge a gradient that is the expected one times one number for all tensors."""
    factor = _common_factor(sample)
    other = _common_factor(twice) if twice else None
    if factor is None or (other is not None and not np.isclose(other, factor, rtol=0.05)):
        return None  # or the factor depends on the distance
    if factor < 0:
        return failed(
            f"the term pushes away from w_round: its gradient is {factor:.3g} times mu * (w - w_round)",
            Fault.proximal_formula,
            "the sign is wrong",
            "add mu * (w - w_round) to the gradient, or mu/2 * ||w - w_round||^2 to the loss",
            sample.worst(),
        )
    message = f"the term's gradient is {factor:.3g} times mu * (w - w_round)"
    cause = "the factor before the sum is wrong"
    if np.isclose(factor, 2.0, rtol=0.01):
        message += ": it acts, twice as strong as mu says"
        cause = "mu is used instead of mu/2, or the term is added twice"
    return failed(message, Fault.proximal_formula, cause, f"{SUM}, added once", sample.worst())


def _common_factor(sample: GradientSample) -> float | None:
    return sample.factor(_flat(sample.found), _flat(sample.expected))


def _flat(tensors: Named) -> NDArray[np.float64]:
    return np.concatenate([value.ravel() for value in tensors.values()])


def _lengths(sample: GradientSample) -> Finding | None:
    """Judge factors that differ from tensor to tensor, or from distance to distance."""
    factors = _factors(sample)
    averaged = [factor * sample.weights[name].size for name, factor in factors.items() if factor is not None]
    if len(averaged) < len(factors):
        return None
    if np.allclose(averaged, averaged[0], rtol=0.02):
        return failed(
            "the term's gradient is divided by each tensor's size",
            Fault.proximal_formula,
            "a mean is used instead of a sum (mse_loss, .mean())",
            "((w - w_round) ** 2).sum(), or mse_loss(..., reduction='sum')",
            sample.worst(),
        )
    return failed(
        "the term's gradient points the right way and has the wrong length, as that of a norm that is not squared",
        Fault.proximal_formula,
        "||w - w_round|| is used instead of ||w - w_round||^2: it pulls with the same force from any distance",
        "square it: ((w - w_round) ** 2).sum()",
        sample.worst(),
    )


def _pairs(sample: GradientSample) -> Finding | None:
    """Judge a gradient that is that of another tensor's distance, or of the distance from another's reference."""
    expected = sample.expected
    for name, value in sample.found.items():
        if sample.near(value, expected[name]):
            continue
        met = sample.weights[name] - value / sample.mu
        for other, reference in sample.references.items():
            if other == name or reference.shape != met.shape:
                continue
            if sample.near(met, reference) or (other in expected and sample.near(value, expected[other])):
                return failed(
                    f"{name} is compared with the reference of {other}",
                    Fault.proximal_pairing,
                    "two lists of different order or length are zipped (frozen tensors in one of them?)",
                    "pair by name, or build both lists from the trained tensors and zip(..., strict=True)",
                    sample.worst(),
                )
    return None
