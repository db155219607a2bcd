"""Losses of a model that learns nothing: that of guessing, ln k for k classes, and one that repeats itself exactly.

A fall by rank says little beside them: a loss that creeps from 2.306 to 2.301 over an epoch still guesses among ten.
"""

from math import log

from zk0.core.faults import Fault
from zk0.core.verdicts import Evidence, Finding, failed, warned
from zk0.diagnostics.series import point, repeated_at_end

STUCK = 8  # values that are the same to the last digit
SHARP = 2.0  # times: beside such a step, three digits are enough
STUCK_SHARE = 0.3  # of all
STUCK_DIGITS = 4  # a loss that converged is printed as 0.001 again and again
SMALL, ENOUGH_DIGITS = 0.01, 3  # of a number that four decimals print with two digits or one
FEWEST_ZEROS = 5
FEWEST_GUESSES = 10  # values at the loss of guessing, from the first on
FEW_SHARP_GUESSES = 3  # in the middle of a training, so near to it that no other loss is
CLASSES = (2, 3, 4, 5, 10, 20, 50, 62, 100, 1000)  # whose cross-entropy of guessing, ln k, is known by sight
GUESSING = 0.01  # of ln k
SHARPLY = 0.002  # of it
LATE = 0.06  # of ln k, of every evaluation
LATE_ROUND, ENOUGH_LATE = 30, 5  # rounds after which something is learnt; evaluations that agree
LATE_ACCURACY = 3.0  # times 1/k
PLATEAU = 0.3  # of the values, at the end
PLATEAU_WITHIN = 0.003  # of ln k: a loss that goes on falling is not as flat
CLASSES_OF_PLATEAUS = (3, 4, 5, 10)  # ln 2 is a loss that much else passes, and words are guessed among thousands


def guessing(values: list[float]) -> Finding | None:
    """Return the finding on losses that are those of guessing from the first to the last; None for others."""
    classes = guessed_classes(values) if len(values) >= FEWEST_GUESSES else None
    return None if classes is None else _guesses(classes, values[-1], [point("highest loss", max(values))])


def still_guessing(values: list[float]) -> Finding | None:
    """Return the finding on a few losses, all of them late in a training, that are sharply those of guessing."""
    classes = guessed_classes(values, SHARPLY) if len(values) >= FEW_SHARP_GUESSES else None
    return None if classes is None else _guesses(classes, values[-1], [point("highest loss", max(values))])


def falls_to_guessing(values: list[float]) -> Finding | None:
    """Return the finding on losses that come down to that of guessing, and stay at it; None for others.

    A model that begins with confident errors loses more than one that guesses, and gets there by learning nothing
    but to be unsure.
    """
    last = values[-max(FEW_SHARP_GUESSES, round(PLATEAU * len(values))) :]
    classes = guessed_classes(last, PLATEAU_WITHIN) if len(values) > len(last) else None
    if classes not in CLASSES_OF_PLATEAUS or min(values) < (1 - PLATEAU_WITHIN) * log(classes):
        return None
    return _guesses(classes, last[-1], [point("highest loss", max(values))])


def guessing_late(losses: list[float], accuracies: list[float], last_round: int) -> Finding | None:
    """Return the finding on evaluations that, many rounds after the start, are hardly better than guessing.

    Only where accuracies say among how many classes: a loss of 2.3 alone may be that of a language model.
    """
    if len(losses) < ENOUGH_LATE or last_round < LATE_ROUND or len(accuracies) != len(losses):
        return None
    classes = guessed_classes(losses, LATE)
    if classes is None or classes == 2 or max(accuracies) > LATE_ACCURACY / classes:  # noqa: PLR2004  ln 2 is no sign
        return None
    return _guesses(classes, losses[-1], [point("highest accuracy", max(accuracies)), point("round", last_round)])


def vanished(values: list[float]) -> Finding | None:
    """Return the finding on losses that are 0 from the first to the last; None for others."""
    if len(values) < FEWEST_ZEROS or any(values):
        return None
    return warned(
        f"is 0 in all {len(values)} logged values",
        evidence=[point("logged values", len(values))],
        cause="nothing is compared: no label reaches the loss, or all are masked; or it is below the digits printed",
        remedy="print one batch's labels and the loss with more digits",
        fault=Fault.loss_still,
        confidence=0.5,
    )


def guessed_level(level: float, evidence: list[Evidence]) -> Finding | None:
    """Return the finding on a loss without a trend, where its level is that of guessing."""
    classes = guessed_classes([level])
    return None if classes is None else _guesses(classes, level, evidence)


def repeated(values: list[float]) -> Finding | None:
    """Return the finding on a loss whose last values agree to the last of at least four digits; None for others.

    Each step has other samples: a loss can only repeat itself where the output does not depend on them.
    """
    last = values[-1] if values else 0.0
    same = repeated_at_end(values)
    digits = significant_digits(last)
    before = values[-same - 1] if same < len(values) else last
    fell = max(before, last) > SHARP * min(before, last) > 0  # from one value to the next
    if same < max(STUCK, STUCK_SHARE * len(values)) or digits < STUCK_DIGITS - fell:
        return None
    classes = guessed_classes([last])
    guess = f", the loss of guessing among {classes} classes" if classes else ""
    return failed(
        f"repeats {last:g} to the last digit{guess}",
        evidence=[point("policy_loss, repeated", last), point("policy_loss, highest", max(values))],
        cause="the output no longer depends on the input (dead or saturated units, after steps too large for them), or "
        "what is logged is not what is trained",
        remedy="print the outputs for two samples, and the gradient norm of the first layer",
        fault=Fault.at_chance if classes else Fault.loss_still,
        confidence=0.9,
    )


def is_coarse(value: float) -> bool:
    """Return whether a log prints a number with so few digits that a change may not show: 0.0011, 0.001."""
    return abs(value) < SMALL and significant_digits(value) < ENOUGH_DIGITS


def significant_digits(value: float) -> int:
    """Return how many digits of a number a log has printed, as far as its last ones are no zeros."""
    mantissa, _, _ = f"{abs(value):.5e}".partition("e")
    return len(mantissa.replace(".", "").rstrip("0"))


def guessed_classes(values: list[float], within: float = GUESSING) -> int | None:
    """Return the number of classes among which a model with these losses guesses; None where it knows more."""
    low, high = min(values), max(values)
    return next((k for k in CLASSES if (1 - within) * log(k) < low and high < (1 + within) * log(k)), None)


def _guesses(classes: int, level: float, evidence: list[Evidence]) -> Finding:
    return warned(
        f"stays at {level:.4g}, the loss of guessing among {classes} classes",
        evidence=evidence,
        cause="nothing is learnt: labels that don't belong to the inputs, frozen weights, or steps without effect",
        remedy="train on 20 samples until it knows them; print the norm of the weights' change after 10 steps",
        fault=Fault.at_chance,
        confidence=0.7,
    )


def code_unused(zero: dict[str, int]) -> Finding:
    """Return the finding on a latent code that is its prior's whatever the input (Bowman et al. 2016, section 3.1)."""
    return warned(
        f"{' and '.join(zero)} is exactly 0 in the last {max(zero.values())} logged values, beside a reconstruction",
        evidence=[point(f"last logged values of {name}, all 0", count) for name, count in zero.items()],
        cause="posterior collapse: the code is the same for all inputs, and the decoder does without it",
        remedy="raise the weight of the divergence from 0 over the first steps (annealing), leave some of it free "
        "(free bits), or weaken the decoder (dropout of its inputs)",
        fault=Fault.latent_unused,
        confidence=0.85,
    )
