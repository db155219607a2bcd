"""Why a loss or a gradient is not finite, as far as the numbers before it say.

Three causes look alike in one line, and differ in what comes before. Steps that are too long let the loss or the
gradient grow first. Values in the data, or a scale that half precision can't hold, are there from the first step on. A
single batch, or an overflow, comes out of the calm. Only the first is answered by a lower learning rate. A gradient
scaler that looks for its scale makes gradients infinite in its first steps, skips them, and harms nothing.
"""

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from zk0.diagnostics.series import measured
from zk0.ledger import Training

GREW = 3.0  # times the loss at the start, in the last values before it: batches differ by 2
GREW_GRADIENT = 10.0  # times the gradient norm at the start
BEFORE = 5  # values looked at before the first that is not finite
SELDOM = 0.25  # of the logged values
SETTLING_STEPS = 50  # a scaler begins at 65,536 and halves at each overflow: 16 steps bring it to 1
SETTLING_SHARE = 0.05  # of the logged values: later overflows are one in some thousands


class NotFinite(NamedTuple):
    """Where a client's round is not finite: positions among its logged values, from 0."""

    losses: Sequence[int]
    gradients: Sequence[int]
    logged: int

    @property
    def total(self) -> int:
        """Logged values with a loss or a gradient that is not finite."""
        return len({*self.losses, *self.gradients})


class LikelyCause(NamedTuple):
    """A cause with its remedy, and what it is sure of."""

    cause: str
    remedy: str
    confidence: float


RECOVERED = LikelyCause(
    "a single batch or step: the weights were not spoilt, or the program skipped it",
    "save the batch of that step and look at its values",
    0.7,
)


def not_finite_in(training: Training) -> NotFinite:
    """Return what the log has as NaN or infinite; of zk0's own ledger, what its counter says."""
    losses = training.not_finite.get("policy_loss", []) + training.not_finite.get("total_loss", [])
    gradients = training.not_finite.get("gradient_norm", [])
    return NotFinite(sorted(set(losses)), gradients, training.logged or training.steps)


def is_settling(training: Training, found: NotFinite) -> bool:
    """Return whether only gradients are affected, rarely or at the start, while every loss is finite."""
    if found.losses or not found.gradients or training.faults.non_finite_losses > len(found.gradients):
        return False
    finite = [step for step, _ in measured(training.gradient_norm)]
    if not finite:
        return False
    first = min(found.gradients)  # a log that averages over many steps has the first ones in its first value
    late = [step for step in found.gradients if step >= SETTLING_STEPS and (step > first or min(finite) < first)]
    return len(finite) > len(found.gradients) and len(late) <= SETTLING_SHARE * found.logged


def recovers(training: Training, found: NotFinite, later: Sequence[Training]) -> bool:
    """Return whether few losses are not finite, and those after them are again, here or in the client's later ones."""
    if not found.losses or (found.total > SELDOM * found.logged and not later):
        return False
    last = max(found.losses)
    here = any(value is not None for value in training.policy_loss[last + 1 :])
    return here or any(value is not None for one in later for value in one.policy_loss)


def likely_cause(training: Training, found: NotFinite) -> LikelyCause:
    """Return what the numbers before the first value that is not finite say of its cause."""
    first = min([*found.losses, *found.gradients], default=0)
    losses = [value for value in training.policy_loss[:first] if value is not None]
    norms = [value for value in training.gradient_norm[:first] if value is not None]
    if not losses and not norms:
        return LikelyCause(
            "it is so from the first logged value on: values in the data or the weights, or half precision",
            "check the first batch and the normalisation's statistics for NaN and zeros, then float32 for float16",
            0.9,
        )
    if _grew(losses, GREW) or _grew(norms, GREW_GRADIENT):
        return LikelyCause(
            "loss or gradient grew before: the training diverges, most often by steps that are too long",
            "lower learning_rate by a factor of 3 to 10, or clip the gradient's norm; then look at the batches",
            0.95,
        )
    return LikelyCause(
        "nothing grew before: a batch with values that are not finite, an overflow of half precision, or a log of 0",
        "save the batch of that step and compute it in float32; a lower learning_rate would only hide it",
        0.9,
    )


def _grew(values: Sequence[float], times: float) -> bool:
    if len(values) < 2:  # noqa: PLR2004  growth has a beginning and an end
        return False
    start = median(values[: max(1, len(values) // 4)])
    return start > 0 and max(values[-BEFORE:]) > times * start
