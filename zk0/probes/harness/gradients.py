"""Explain why a gradient is not mu * (w - w_round): pure numbers in, one cause out.

Each tensor's found gradient is compared with the expected one. A wrong one still shows its origin: a constant
factor, a length that does not depend on the distance, another tensor's reference, tensors that have none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .findings import PointFinding, Shown, failed, largest_gap
from .tensors import Named

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

    def conforms_to_zero(self) -> bool:
        """Return whether a term that is right can't be told from none here: w is too near to w_round."""
        return max(float(np.abs(value).max()) for value in self.expected.values()) <= 10 * self.floor

    def near(self, found: Any, wanted: Any) -> bool:
        """Return whether two tensors are equal up to rounding."""
        limit = self.noise * float(np.linalg.norm(wanted)) + self.floor
        return bool(np.isfinite(found).all()) and float(np.linalg.norm(found - wanted)) <= limit

    def factor(self, found: Any, wanted: Any) -> float | None:
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

    def found_signs_agree(self) -> bool:
        """Return whether every weight is pulled towards w_round, by whatever force."""
        return all(bool((np.sign(value) == np.sign(self.found[name])).all()) for name, value in self.expected.items())

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


def explain(sample: GradientSample, twice: GradientSample | None = None) -> PointFinding | None:
    """Return why a gradient that is not all zero is not what it should be; None where it is.

    `twice` is the gradient farther from w_round; it distinguishes a norm from a squared norm.
    """
    if sample.conforms():
        return None
    if not sample.is_finite():
        return failed(
            "the term's gradient is not finite",
            "proximal-formula",
            "a square root or a division has no derivative at w = w_round",
            "square the distance: ((w - w_round) ** 2).sum()",
            sample.worst(),
        )
    found, wanted = _flat(sample.found), _flat(sample.expected)
    angle = float(found @ wanted / (np.linalg.norm(found) * np.linalg.norm(wanted)))
    message = f"the term's gradient is not mu * (w - w_round) (cosine {angle:.3g})"
    another = failed(message, "proximal-formula", None, SUM, sample.worst())  # the cause is not known
    return (
        _missing(sample)
        or _factor(sample, twice)
        or _lengths(sample, twice)
        or half_of_formula(sample)
        or _pairs(sample)
        or another
    )


def _missing(sample: GradientSample) -> PointFinding | None:
    none = [name for name, value in sample.found.items() if float(np.abs(value).max()) <= sample.floor]
    factors = _factors(sample)
    rest = [factor for name, factor in factors.items() if name not in none]
    if not none or not rest or None in rest:
        return None
    return failed(
        f"{len(none)} of {len(sample.found)} trained tensors are not in the term, e.g. {none[0]}",
        "proximal-incomplete",
        "only some layers are compared, or a zip ended early",
        "pair all trained tensors by name, or zip(..., strict=True)",
        sample.worst(),
    )


def _factors(sample: GradientSample) -> dict[str, float | None]:
    expected = sample.expected
    return {name: sample.factor(value, expected[name]) for name, value in sample.found.items()}


def _factor(sample: GradientSample, twice: GradientSample | None) -> PointFinding | None:
    """Judge a gradient that is the expected one times one number for all tensors."""
    factor = _common_factor(sample)
    other = _common_factor(twice) if twice else None
    if factor is None or (other is not None and not np.isclose(other, factor, rtol=0.05)):
        return None  # or the factor depends on the distance
    if factor < 0:
        return failed(
            f"the term pushes away from w_round: its gradient is {factor:.3g} times mu * (w - w_round)",
            "proximal-formula",
            "the sign is wrong",
            "add mu * (w - w_round) to the gradient, or mu/2 * ||w - w_round||^2 to the loss",
            sample.worst(),
        )
    message = f"the term's gradient is {factor:.3g} times mu * (w - w_round)"
    cause = "the factor before the sum is wrong"
    if np.isclose(factor, 2.0, rtol=0.01):
        message += ": it acts, twice as strong as mu says"
        cause = "mu is used instead of mu/2, or the term is added twice"
    return failed(message, "proximal-formula", cause, f"{SUM}, added once", sample.worst())


def _common_factor(sample: GradientSample) -> float | None:
    return sample.factor(_flat(sample.found), _flat(sample.expected))


def _flat(tensors: Named) -> Any:
    return np.concatenate([value.ravel() for value in tensors.values()])


def _lengths(sample: GradientSample, twice: GradientSample | None) -> PointFinding | None:
    """Judge factors that differ from tensor to tensor or by distance; name a cause that predicts them."""
    factors = {name: factor for name, factor in _factors(sample).items() if factor is not None}
    if len(factors) < len(sample.found):
        return None
    expected = sample.expected
    averaged = [factor * sample.weights[name].size for name, factor in factors.items()]
    if np.allclose(averaged, averaged[0], rtol=0.02):
        return failed(
            "the term's gradient is divided by each tensor's size",
            "proximal-formula",
            "a mean is used instead of a sum (mse_loss, .mean())",
            "((w - w_round) ** 2).sum(), or mse_loss(..., reduction='sum')",
            sample.worst(),
        )
    right = "the term's gradient points the right way and has the wrong length"
    # Of ||d|| per tensor, or of all in one: the gradient's length does not depend on the distance.
    lengths = [factor * float(np.linalg.norm(expected[name])) for name, factor in factors.items()]
    whole = _common_factor(sample)
    if np.allclose(lengths, lengths[0], rtol=0.02) or (whole is not None and _keeps_length(sample, twice)):
        return failed(
            f"{right}, as that of a norm that is not squared",
            "proximal-formula",
            "||w - w_round|| is used instead of ||w - w_round||^2: it pulls with the same force from any distance",
            "square it: ((w - w_round) ** 2).sum()",
            sample.worst(),
        )
    low, high = min(factors.values()), max(factors.values())
    message = f"{right}: it is {low:.3g} to {high:.3g} times mu * (w - w_round), another factor for each tensor"
    return failed(message, "proximal-formula", None, SUM, sample.worst())


def _keeps_length(sample: GradientSample, twice: GradientSample | None) -> bool:
    """Return whether the whole gradient is as long at another distance."""
    if twice is None:
        return True
    one, other = (float(np.linalg.norm(_flat(each.found))) for each in (sample, twice))
    return bool(np.isclose(one, other, rtol=0.05))


def half_of_formula(sample: GradientSample) -> PointFinding | None:
    """Judge a gradient that holds only w or only w_round."""
    only_weights = {name: sample.mu * value for name, value in sample.weights.items()}
    only_round = {name: -sample.mu * sample.references[name] for name in sample.weights}
    if all(sample.near(sample.found[name], value) for name, value in only_weights.items()):
        cause = "w_round is missing or zero: this is weight decay, which pulls to 0"
        return failed("the term's gradient is mu * w", "proximal-reference", cause, SUM, sample.worst())
    if all(sample.near(sample.found[name], value) for name, value in only_round.items()):
        cause = "the product w * w_round is used instead of the squared distance"
        return failed("the term's gradient is -mu * w_round", "proximal-formula", cause, SUM, sample.worst())
    flat = np.abs(_flat(sample.found))
    if np.allclose(flat, flat[0], rtol=1e-3) and sample.found_signs_agree():
        cause = "the absolute distance is used: it pulls each weight with the same force, however near it is"
        return failed("the term's gradient has one size everywhere", "proximal-formula", cause, SUM, sample.worst())
    return None


def _pairs(sample: GradientSample) -> PointFinding | None:
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
                    "proximal-pairing",
                    "two lists of different order or length are zipped (frozen tensors in one of them?)",
                    "pair by name, or build both lists from the trained tensors and zip(..., strict=True)",
                    sample.worst(),
                )
    return None
