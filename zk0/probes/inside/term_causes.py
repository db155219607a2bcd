"""Measure a proximal term where its contract asks for, and find why its gradient is not mu * (w - w_round)."""

from dataclasses import dataclass, replace

import numpy as np
import torch

from zk0.core.faults import Fault
from zk0.core.verdicts import Evidence
from zk0.probes.inside.causes import Cause, Moment, explain
from zk0.probes.inside.terms import Answer, Place, Term

STEP = 1e-5  # of central differences in float64: error of the order 1e-10


@dataclass(frozen=True)
class Measured:
    """The term at w, twice as far away, and with twice the mu."""

    moment: Moment
    value: float | None
    far: Moment
    far_value: float | None
    stronger: Moment
    answer: Answer
    takes_mu: bool

    @property
    def squared(self) -> float:
        """||w - w_round||^2 over the trained tensors."""
        return _squared(self.moment)


def measure(term: Term) -> Measured:
    """Evaluate a term where its contract asks for."""
    place = Place()
    moment, value = term.apart(place)
    far, far_value = term.apart(replace(place, distance=2 * place.distance))
    stronger, _ = term.apart(replace(place, mu=2 * place.mu))
    takes = term.callee.takes("mu", "config")
    if not takes and (strength := _fixed(moment)) is not None:
        # It returns 1/2 ||d||^2 or ||d||^2, for its caller to multiply.
        moment, far, stronger = (replace(each, mu=strength) for each in (moment, far, stronger))
    return Measured(moment, value, far, far_value, stronger, term.at(place), takes)


def root_cause(term: Term, measured: Measured) -> Cause | None:
    """Return why the gradient is not what it should be; None where it is."""
    moment = measured.moment
    evidence = moment.worst()
    if not all(np.isfinite(value).all() for value in moment.found.values()):
        return explain(moment)
    if moment.is_zero():
        return _silent(term, measured, evidence)
    same = all(
        np.allclose(measured.stronger.found[name], value, rtol=moment.noise) for name, value in moment.found.items()
    )
    if same and (measured.takes_mu or not moment.conforms()):
        return Cause(
            Fault.setting_not_delivered,
            "mu has no influence: the term is the same for mu and for 2 mu",
            "the strength is written in the code",
            "take mu from the server's configuration and multiply the term by it",
            evidence,
        )
    if (found := measured.value) is not None and not moment.conforms():
        wanted = moment.mu / 2 * measured.squared
        if np.isclose(found, wanted, rtol=10 * moment.noise) and measured.answer.writes:
            return Cause(
                Fault.proximal_repeated,
                "the loss holds the term once, and its gradient is not that of the term added once",
                "it is added to the loss and to the gradients too",
                "keep one of the two",
                evidence,
            )
    if not measured.answer.writes and (numeric := slopes(term, measured)) is not None:
        by_values, by_autograd = numeric
        if not np.isclose(by_values, by_autograd, rtol=1e-3, atol=1e-9):
            return detached("part of its gradient is cut off", by_values, by_autograd)
    return explain(moment, measured.far)


def _silent(term: Term, measured: Measured, evidence: tuple[Evidence, ...]) -> Cause:
    if measured.value:
        wanted = slopes(term, measured)
        return detached("it has a value and no gradient", *(wanted or (measured.value, 0.0)))
    if term.callee.constructor is not None:
        message = "the term is zero wherever the weights are: its reference moves with them"
        reason = "the reference shares storage with the weights (.data, .detach() or state_dict() without a copy)"
    else:
        message, reason = "the term is zero wherever the weights are", "nothing is compared with the reference"
    return Cause(
        Fault.proximal_reference,
        message,
        reason,
        "snapshot it once a round: [p.detach().clone() for p in model.parameters()]",
        evidence,
    )


def detached(what: str, by_values: float, by_autograd: float) -> Cause:
    """Return the cause that autograd sees less of the term than there is."""
    return Cause(
        Fault.proximal_detached,
        f"the term does not act: {what}" if by_autograd == 0 else f"the term's gradient is wrong: {what}",
        ".item(), float(), .detach(), .data or no_grad stands between the weights and the loss",
        "compute it from the parameters themselves, with gradients on",
        (
            Evidence(name="slope of the term by central differences", value=by_values),
            Evidence(name="slope by autograd", value=by_autograd),
        ),
    )


def slopes(term: Term, measured: Measured) -> tuple[float, float] | None:
    """Return the term's slope along one direction by central differences of the value, and by autograd."""
    if term.dtype != torch.float64:
        return None  # differences of single-precision values are rounding
    generator = np.random.default_rng(3)
    way = {name: generator.standard_normal(value.shape) for name, value in measured.moment.weights.items()}
    values = [term.at(Place(nudge={name: sign * STEP * each for name, each in way.items()})).value for sign in (1, -1)]
    if values[0] is None or values[1] is None:
        return None
    total = sum(float((measured.answer.gradient[name] * each).sum()) for name, each in way.items())
    own = sum(float((measured.moment.found[name] * each).sum()) for name, each in way.items())
    # The slope of the loss around the term is the rest of the total, and is taken off both.
    return (values[0] - values[1]) / (2 * STEP) - (total - own), own


def _fixed(moment: Moment) -> float | None:
    """Return 1 or 2 where the gradient is that times the distance."""
    return next((factor for factor in (1.0, 2.0) if replace(moment, mu=factor).conforms()), None)


def _squared(moment: Moment) -> float:
    return sum(float(((value - moment.references[name]) ** 2).sum()) for name, value in moment.weights.items())


def norm_of(moment: Moment) -> float:
    """Return the length of the term's gradient over all tensors."""
    return float(np.sqrt(sum((value**2).sum() for value in moment.found.values())))
