"""Scores of an evaluation that say by themselves that nothing is recognised, or that each round undoes the last.

A score such as F1, a mean average precision or a Dice coefficient has no level of guessing that a log shows, but 0 is
nobody's skill. A model of a federation whose clients know different things swings: each round's aggregate is good at
other inputs (Hsu et al. 2019); in one training, steps that are too large look the same.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import log
from statistics import median

from zk0.core.faults import Fault
from zk0.core.verdicts import Finding, failed, not_available, passed, warned
from zk0.diagnostics.accuracies import FEWEST, collapsed
from zk0.diagnostics.series import is_accuracy, point, scores_of
from zk0.ledger import Evaluation, Ledger
from zk0.ledger.importers.score_names import is_determination, is_success

NEAR, ENOUGH_NEAR = 0.01, 8  # a score that is as good as 0, in so many evaluations
OF_THE_MEAN = 0.1  # of the variance: that a regression explains less is nobody's use
EARLY = 0.1  # of what is planned: a detector's precision may be 0 for so long
FEWEST_SWINGS = 6  # evaluations; of fewer, half go up and down by chance
SWING = 0.15  # absolute, median from one evaluation to the next; those of 100 samples differ by 0.05
SWING_OF_LOSS = log(2)  # of its logarithm: twice as high, and half as high again
TURNS = 0.6  # of the changes go the other way than the one before
# Cause and remedy of swings in a federation and in one training.
OF_ROUNDS = (
    "each round forgets what the last one knew: clients with different labels, few of them a round, many local steps",
    "fewer local steps, more clients a round, or FedProx's mu; evaluate the same weights twice to see the noise",
)
OF_STEPS = (
    "steps too large for the slope, a batch norm with the statistics of small batches, or an evaluation on few samples",
    "a learning rate lower by 5; evaluate the same weights twice to see the noise",
)
# Cause and remedy where nothing is right: of answers, and of a policy that acts.
NO_ANSWER = (
    "no answer is right: one answer for all inputs (background, the largest class), or labels of other outputs",
    "evaluate on a few training samples, and print outputs and labels side by side; count the labels",
)
NO_EPISODE = (
    "what it sees or does is not as in its demonstrations (cameras, normalisation, units), or too little training",
    "replay a demonstration's actions in this environment; then compare the policy's with them, frame by frame",
)


def score_findings(found: list[Evaluation], ledger: Ledger) -> Iterator[Finding]:
    """Judge each score of one data set's evaluations but its accuracy."""
    scores = {name: values for name, values in scores_of(found).items() if not is_accuracy(name)}
    if not scores:
        yield not_available("needs a score beside the accuracy: f1, a precision, a Dice coefficient")
    early = _is_early(ledger)
    for name, values in scores.items():
        yield _judge(name, values, early=early, final=_is_final(name, ledger))


def _judge(name: str, values: Sequence[float], *, early: bool, final: bool) -> Finding:
    least = 1 if final else FEWEST
    if len(values) < least:
        return not_available(f"needs {least} values of {name}, has {len(values)}")
    if is_determination(name) and max(values) < OF_THE_MEAN:
        return _says_the_mean(name, values)
    if any(values) and not (len(values) >= ENOUGH_NEAR and max(values) < NEAR):
        change = f"{name} is {values[0]:.3f} at first and {values[-1]:.3f} at last"
        return collapsed(list(values), name) or passed(change)
    if early:
        return not_available(f"{name} is 0 in {len(values)} evaluations, and the training has only begun")
    most = f"below {NEAR:g}" if any(values) else "0"
    cause, remedy = NO_EPISODE if is_success(name) else NO_ANSWER
    told = "no episode succeeds" if is_success(name) else "nothing is recognised"
    return (failed if len(values) < FEWEST else warned)(  # an evaluation by itself is of what is said to be trained
        f"{name} is {most} in {_in_all(len(values))}: {told}",
        evidence=[point(f"highest {name}", max(values)), point("evaluations", len(values))],
        cause=cause,
        remedy=remedy,
        fault=Fault.at_chance,
        confidence=0.75,
    )


def _says_the_mean(name: str, values: Sequence[float]) -> Finding:
    return warned(
        f"{name} is at most {max(values):.3f} in {_in_all(len(values))}: no better than the mean of all targets",
        evidence=[point(f"highest {name}", max(values)), point("evaluations", len(values))],
        cause="the regression learns nothing that holds: inputs that say nothing of the target, targets in the wrong "
        "order or scale, or a training that stopped at once",
        remedy="train on 20 samples until it knows them; plot predictions against targets",
        fault=Fault.at_chance,
        confidence=0.75,
    )


def _is_final(name: str, ledger: Ledger) -> bool:
    """Return whether one value is all that there is to come: of an evaluation by itself, and not of its bar."""
    return is_success(name) and "running" not in name and not ledger.trainings


def _in_all(count: int) -> str:
    return "the evaluation" if count == 1 else f"all {count} evaluations"


def _is_early(ledger: Ledger) -> bool:
    """Return whether less than a tenth of what is planned is done."""
    shares = [one.reached / one.planned for one in ledger.progress if one.planned and one.reached is not None]
    return bool(shares) and max(shares) < EARLY


def swings(found: list[Evaluation], ledger: Ledger) -> Finding:
    """Judge whether a score goes up and down from one evaluation to the next, to the end."""
    series = {
        name: values
        for name, values in scores_of(found).items()
        if len(values) >= FEWEST_SWINGS and not is_success(name)  # of a few episodes each: their noise is as large
    }
    federated = bool(ledger.aggregations) or len({one.client for one in ledger.trainings}) > 1
    losses = [one.loss for one in found if one.loss is not None and one.loss > 0]
    logs = list(map(log, losses))
    if len(logs) >= FEWEST_SWINGS and _is_swinging(logs, SWING_OF_LOSS):
        return _swings("the loss", losses, logs, federated=federated)
    if not series:
        return not_available(f"needs {FEWEST_SWINGS} losses, accuracies or other scores")
    for name, values in series.items():
        if _is_swinging(values, SWING):
            return _swings(name, values, values, federated=federated)
    return passed(f"{next(iter(series))} does not swing")


def _is_swinging(values: Sequence[float], least: float) -> bool:
    """Return whether a score, or the logarithm of a loss, goes up and down by so much to the end."""
    last = _to_the_end(values)
    return _size(last) >= least and _turns(last) >= TURNS


def _to_the_end(values: Sequence[float]) -> Sequence[float]:
    """Return all but the first third: a beginning may swing."""
    return values[len(values) // 3 :]


def _size(values: Sequence[float]) -> float:
    """Return the median change from one value to the next."""
    return median(abs(change) for change in _changes(values))


def _changes(values: Sequence[float]) -> list[float]:
    return [after - before for before, after in pairwise(values)]


def _turns(values: Sequence[float]) -> float:
    """Return the share of changes that go the other way than the one before."""
    pairs = list(pairwise(_changes(values)))
    return sum(before * after < 0 for before, after in pairs) / len(pairs)


def _swings(name: str, values: Sequence[float], compared: Sequence[float], *, federated: bool) -> Finding:
    """Make the finding; `compared` are the values, or their logarithms."""
    last = _to_the_end(compared)
    shown = _to_the_end(values)
    cause, remedy = OF_ROUNDS if federated else OF_STEPS
    return warned(
        f"{name} goes up and down between {min(shown):.3f} and {max(shown):.3f} to the end",
        evidence=[
            point("change from one evaluation to the next, median", _size(last)),
            point("changes that go the other way than the one before", _turns(last)),
        ],
        cause=cause,
        remedy=remedy,
        fault=Fault.evaluation_swinging,
        confidence=0.75,
    )
