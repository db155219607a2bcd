"""What accuracies show by themselves: guessing, one answer for all inputs, a model that is never another one.

An accuracy near 1/k is that of guessing among k classes; it is called so where no loss beside it says that more is
known. Accuracies of training batches may stay anywhere for a while, so more is asked of them.
"""

from fractions import Fraction
from math import log

from zk0.core.faults import Fault
from zk0.core.verdicts import Evidence, Finding, failed, not_available, passed, warned
from zk0.diagnostics.nothing_learnt import guessed_classes, significant_digits
from zk0.diagnostics.series import point, repeated_at_end

FALLS = 0.98  # of the first: less is within what evaluations on few samples vary by
NEAR_CHANCE = 0.015  # absolute; with 1,000 samples of 10 classes guessing has a deviation of 0.009
CLASSES = (2, 3, 4, 5, 6, 7, 8, 10, 20, 26, 47, 50, 62, 100, 200, 1000)  # of the data sets in use
FEWEST = 3  # accuracies that show something
GOOD = 0.3  # an accuracy that was learnt
COLLAPSED = 0.1  # of it
HIGH = 0.8  # an accuracy, or a mean average precision, of which a constant guess repeats the same one
STEADY = 0.03  # spread of an accuracy that only guesses
ENOUGH_GUESSES = 4
ENOUGH_SAME = 6  # accuracies that agree to the last digit
ENOUGH_REPEATED = 8  # evaluations, where a loss beside them may fall
ONE_LEVEL = 0.01  # absolute
ENOUGH_EXACT, MANY_SAMPLES = 4, 300  # of a share with all its digits, such as 887 of 1,628
MOST_SAMPLES, ALL_DIGITS = 100_000, 5
DIGITS = 4  # of an accuracy on a thousand samples or more
SHARP = 5e-4  # of both an accuracy and a loss
EXACTLY = 1e-4  # of an accuracy whose loss is only near
KNOWS = 0.8  # of the loss of guessing, ln k: below it an accuracy of 1/k means something else, as in a regression
type Scores = tuple[list[float], list[float], bool]  # accuracies, losses beside them, whether of training batches


def judge_accuracies(scores: Scores, *, begins: bool) -> Finding:  # noqa: PLR0911  one branch an outcome
    """Judge the accuracies of one data set or client; `begins` says that a training has begun to learn, and no more."""
    values, losses, of_batches = scores
    evidence = [point("lowest accuracy", min(values)), point("highest accuracy", max(values))]
    middle = sum(values) / len(values)
    classes = min(CLASSES, key=lambda count: abs(middle - 1 / count))
    guesses = guessed_classes(losses) == classes if losses else False  # two measures that agree need fewer rounds
    if not of_batches and len(values) >= FEWEST and not any(values):
        return _nothing_right(len(values), evidence)
    if sharp := _sharply(values, losses):
        return sharp
    if len(values) < (FEWEST if guesses else ENOUGH_GUESSES):
        return not_available(f"needs {ENOUGH_GUESSES} accuracies, has {len(values)}")
    if fallen := collapsed(values):
        return fallen
    if not of_batches and _same(values, losses):
        return _guesses(f"is {middle:.3g} in all {len(values)} rounds: one answer for all inputs", evidence)
    if frozen := _frozen(values, losses):
        return frozen
    if not of_batches and (one := _one_answer(values)):
        return one
    if abs(middle - 1 / classes) > min(NEAR_CHANCE, 0.3 / classes) or max(values) - min(values) > STEADY:
        return passed(f"{values[0]:.3f} to {values[-1]:.3f}", evidence=evidence)
    if doubt := _may_learn(losses, classes, of_batches=of_batches and not guesses, begins=begins and not guesses):
        return not_available(f"{middle:.3f} in all {len(values)} values is that of guessing, but {doubt}")
    return _guesses(f"stays at {middle:.3f} in all {len(values)} rounds: guessing among {classes} classes", evidence)


def _sharply(values: list[float], losses: list[float]) -> Finding | None:
    """Return the finding on a last accuracy and a last loss that are both those of guessing; None for others.

    Few values say little, but two measures that agree so closely by chance are rare.
    """
    if len(values) != len(losses):
        return None
    classes = guessed_classes(losses[-1:])
    off = SHARP if guessed_classes(losses[-1:], SHARP) else EXACTLY
    if classes is None or abs(values[-1] - 1 / classes) > off:
        return None
    what = f"is {values[-1]:.3g} and the loss {losses[-1]:.4g} at last, both those of guessing among {classes} classes"
    return _guesses(what, [point("last accuracy", values[-1]), point("last loss", losses[-1])])


def collapsed(values: list[float], name: str = "the accuracy") -> Finding | None:
    """Return the finding on a score that was good and is all but 0 to the end; None for others."""
    last = max(values[-FEWEST:])
    before = sorted(value for value in values[:-FEWEST] if value > last)
    if len(before) < FEWEST or before[len(before) // 2] < GOOD or last > COLLAPSED * before[len(before) // 2]:
        return None
    return failed(
        f"{name} falls from {before[len(before) // 2]:.3f} to {last:.3f} and stays there",
        evidence=[point("before, median", before[len(before) // 2]), point("highest of the last", last)],
        cause="the weights ran away or were replaced: too large a step, statistics of a batch norm that aren't finite, "
        "or a checkpoint that was loaded",
        remedy="go back to the last checkpoint before it; look at that step's gradient norm and learning rate",
        fault=Fault.at_chance,
        confidence=0.9,
    )


def _same(values: list[float], losses: list[float]) -> bool:
    """Return whether an accuracy is low and the same to the last digit, and no loss says that something is learnt."""
    low = 0 < values[0] <= 1 / 2 and len(values) >= ENOUGH_SAME and len(set(values)) == 1
    return low and not _falls(losses)


def _falls(losses: list[float]) -> bool:
    """Return whether a loss says that something is learnt."""
    return bool(losses) and losses[-1] <= FALLS * losses[0]


def _frozen(values: list[float], losses: list[float]) -> Finding | None:
    """Return the finding on an accuracy of many digits that most values repeat to the last one; None for others.

    So many digits come from many samples, of which a model that changes answers some in another way.
    """
    last = values[-1]
    same = repeated_at_end(values)
    if _is_exact(values) and last < HIGH:
        return _repeats(values, same)
    if same < max(ENOUGH_SAME, len(values) / 2) or significant_digits(last) < DIGITS or last >= HIGH or _falls(losses):
        return None
    return _repeats(values, same)


def _one_answer(values: list[float]) -> Finding | None:
    """Return the finding on an accuracy that never leaves one level, and repeats it; whatever the loss does."""
    same, last = repeated_at_end(values), values[-1]
    if same < ENOUGH_REPEATED or significant_digits(last) < DIGITS or not 0 < last < HIGH:
        return None
    if max(values) - min(values) > ONE_LEVEL:
        return None
    return warned(
        f"the accuracy is {last:g} in the last {same} of {len(values)} evaluations, within {ONE_LEVEL:g} of it before",
        evidence=[point("lowest accuracy", min(values)), point("highest accuracy", max(values))],
        cause="one answer for all inputs: the accuracy is then the share of the most frequent class",
        remedy="count the answers by class; weight the classes, or sample them evenly; watch the balanced accuracy",
        fault=Fault.at_chance,
        confidence=0.7,
    )


def _is_exact(values: list[float]) -> bool:
    """Return whether an accuracy is the same in all evaluations, to so many digits that it comes of many samples."""
    if len(values) < ENOUGH_EXACT or len(set(values)) > 1 or significant_digits(values[0]) < ALL_DIGITS:
        return False
    samples = Fraction(values[0]).limit_denominator(MOST_SAMPLES).denominator  # the fewest that have this share
    return samples >= MANY_SAMPLES


def _repeats(values: list[float], same: int) -> Finding:
    last = values[-1]
    return warned(
        f"the accuracy repeats {last:g} to the last digit, in its last {same} of {len(values)} values",
        evidence=[
            point("accuracy, repeated", last),
            point("accuracy before", values[-same - 1] if same < len(values) else None),
        ],
        cause="the model that is judged does not change: the aggregate does not arrive in it, or it gives one answer",
        remedy="compare the digest of its weights before and after a round; look at what it answers to ten inputs",
        fault=Fault.evaluation_insensitive,
        confidence=0.8,
    )


def _nothing_right(rounds: int, evidence: list[Evidence]) -> Finding:
    return warned(
        f"the accuracy is 0 in all {rounds} rounds: nothing is recognised",
        evidence=evidence,
        cause="no answer is right, which guessing would not manage: labels and outputs don't belong together, or the "
        "evaluation has no labels",
        remedy="evaluate on a few training samples, and print outputs and labels side by side",
        fault=Fault.at_chance,
        confidence=0.7,
    )


def _may_learn(losses: list[float], classes: int, *, of_batches: bool, begins: bool) -> str:
    """Return why a model with an accuracy of guessing may learn all the same; empty where nothing says so."""
    if of_batches:
        return "no loss is one of guessing"  # batches of one epoch may stay anywhere for a while
    if losses and max(losses) < KNOWS * log(classes):
        return f"a loss of {losses[-1]:.3g} is not"
    return "the loss of training begins to fall" if begins else ""


def _guesses(what: str, evidence: list[Evidence]) -> Finding:
    return failed(
        f"the accuracy {what}",
        evidence=evidence,
        cause="nothing is learnt, or what is learnt does not reach the model that is evaluated",
        remedy="compare the digest of the weights before and after a round; train on 20 samples until it knows them",
        fault=Fault.at_chance,
        confidence=0.85,
    )
