"""Does what is learnt hold for other data than that of the training? (`generalisation.gap`)

A model that learns by heart answers its training data ever better and an evaluation's ever worse: the evaluation's loss
rises from its best value while the loss of training falls on far below it (Prechelt 1998, "Early Stopping, but When?").
Few evaluations show it where both sides are in the log; where only evaluations are, many that rise beyond noise.
Clients of a federation train on data of their own, and may know it before the aggregate knows all: there the
evaluation has to have stopped rising as well.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from zk0.core.checks import check
from zk0.core.faults import Fault
from zk0.core.verdicts import Evidence, Finding, not_applicable, not_available, passed, warned
from zk0.diagnostics.ranks import kendall_trend
from zk0.diagnostics.series import (
    accuracies_of,
    by_client,
    by_data_set,
    ends,
    joined,
    judge_each,
    losses_of,
    point,
    scores_of,
)
from zk0.ledger import Evaluation, Ledger, Training

BY_HEART = 3.0  # times the loss of training: dropout and augmentation put the two apart by less
RISEN = 1.15  # times the best evaluation: two that differ by noise alone differ by less
FAR_RISEN, RISEN_BESIDE = 1.3, 1.05  # times the best evaluation, where the accuracies differ as well, by less or more
KNOWN = 0.9  # an accuracy on the training data that leaves little to learn
LESS_KNOWN = 0.15  # absolute: so far below it an evaluation's accuracy is another one
DROPPED = 0.02  # absolute: an accuracy below its own best
BY_ALL = 0.95  # an accuracy that each client has on its own data
FAR_LESS_KNOWN = 0.2  # absolute: so far below it the evaluation has learnt something else
VANISHED = 0.1  # of its start
LOW = 0.6  # a score that leaves much to learn
ENOUGH_TO_SWING = 6  # evaluations, of which the last one may be high by itself
ENOUGH_SCORES = 12  # of which a third stands for what was learnt at first
ENOUGH_TO_RISE = 15  # evaluations behind the best one, where they stand alone
EARLY = 0.2  # of all: where the best one then is
RISEN_ALONE = 1.05  # times the best one
SIGNIFICANCE = 0.001  # chance of calling noise a rise


@dataclass(frozen=True)
class _Sides:
    """Losses and accuracies of training and of one data set's evaluations, in order."""

    trained: Sequence[float]
    judged: Sequence[float]
    trained_accuracy: Sequence[float]
    judged_accuracy: Sequence[float]
    scores: Mapping[str, Sequence[float]]  # of the evaluations, by name

    @property
    def last_accuracies(self) -> tuple[float, float] | None:
        """The accuracy of training and of the evaluation, at the end; None where one of them is not logged."""
        if not self.trained_accuracy or not self.judged_accuracy:
            return None
        return ends(self.trained_accuracy)[1], max(self.judged_accuracy[-2:])


@check("generalisation.gap")
def gap(ledger: Ledger) -> Iterator[Finding]:
    """The evaluation does not get worse while the training data is learnt by heart."""
    if ledger.aggregations or len({one.client for one in ledger.trainings}) > 1:
        own = [ends(values)[1] for _, one in by_client(ledger.trainings) if (values := joined(one, _accuracy))]
        yield from judge_each(
            by_data_set(ledger),
            lambda found: _federated(min(own, default=0.0), accuracies_of(found)),
            nothing="nothing was evaluated",
        )
        return
    trained = losses_of(ledger.trainings)
    scores = joined(ledger.trainings, _accuracy)

    def judge(found: list[Evaluation]) -> Finding:
        losses = [one.loss for one in found if one.loss is not None]
        if found[0].round == 0 and len(losses) > 1 and losses[0] == min(losses):
            return not_available("nothing is better than the untrained policy: evaluation.beats-baseline judges it")
        return _gap(_Sides(trained, losses, scores, accuracies_of(found), scores_of(found)))

    yield from judge_each(by_data_set(ledger), judge, nothing="nothing was evaluated")


def _accuracy(training: Training) -> Sequence[float | None]:
    return training.accuracy


def _federated(own: float, judged: list[float]) -> Finding:
    """Judge a federation, in which a client may know its own data well long before the aggregate knows all."""
    half = len(judged) // 2
    if not BY_ALL <= own <= 1 or len(judged) < ENOUGH_SCORES or max(judged[half:]) > max(judged[:half]) + DROPPED:
        return not_applicable("clients train on data of their own: scores.improve judges the evaluation")
    other = max(judged[half:])
    if own - other < FAR_LESS_KNOWN:
        return passed(f"the accuracy is {own:.3f} with each client and {other:.3f} in the evaluation")
    return warned(
        f"every client's accuracy is {own:.3f} or more on its own data, the evaluation's stays at {other:.3f}",
        evidence=[
            point("lowest of the clients' accuracies, at the end", own),
            point("highest of the evaluation's, in the second half", other),
        ],
        cause="clients know their data by heart, and that does not hold for the evaluation's: too few or repeated "
        "samples, or clients whose data differ too much for one model",
        remedy="fewer local steps with a proximal term, augmentation; compare with one model trained on all data",
        fault=Fault.overfitting,
        confidence=0.6,
    )


def _gap(sides: _Sides) -> Finding:
    for judge in (_accuracies, _losses, _scores, _alone):
        if known := judge(sides):
            return known
    if len(sides.judged) > 1 and sides.trained:
        return passed(f"the evaluation ends at {sides.judged[-1]:.4g}, its best is {min(sides.judged):.4g}")
    return not_available("needs two evaluations and a loss of training, or an accuracy of both")


def _accuracies(sides: _Sides) -> Finding | None:
    """Return the finding on an accuracy that is high on the training data and far lower elsewhere; None for others."""
    if sides.last_accuracies is None:
        return None
    own, other = sides.last_accuracies
    if own < KNOWN or own - other < LESS_KNOWN:
        return None
    message = f"the accuracy is {own:.3f} on the training data and {other:.3f} in the evaluation"
    return _overfits(message, _both_accuracies(own, other))


def _losses(sides: _Sides) -> Finding | None:
    """Return the finding on an evaluation that rises far above a loss of training that falls; None for others."""
    if len(sides.judged) < 2 or len(sides.trained) < 2:  # noqa: PLR2004  a rise and a fall have two ends
        return None
    (first, own), best = ends(sides.trained), min(sides.judged)
    # A last one that is high by itself is an evaluation that swings, or noise.
    last = min(sides.judged[-2:]) if len(sides.judged) >= ENOUGH_TO_SWING else sides.judged[-1]
    if not 0 <= own <= first or best <= 0:  # one below 0 is a likelihood's, or a placeholder
        return None
    if known := _knows_more(sides, last / best):
        return known
    rises = last >= RISEN * best or (last >= RISEN_ALONE * best and _rises_from_its_best(sides.judged))
    if not rises or last < BY_HEART * own or _still_improves(sides.judged_accuracy):
        return None
    evidence = [
        point("loss of training, at the end", own),
        point("lowest loss of the evaluation", best),
        point("last loss of the evaluation", last),
    ]
    return _overfits(f"the evaluation rises from {best:.4g} to {last:.4g}, the loss of training is {own:.3g}", evidence)


def _knows_more(sides: _Sides, risen: float) -> Finding | None:
    """Return the finding on an accuracy far below that of training, beside a loss that rose so many times."""
    if sides.last_accuracies is None:
        return None
    own, other = sides.last_accuracies
    best, less = min(sides.judged), own - other
    if not (risen >= FAR_RISEN and less >= LESS_KNOWN) and not (risen >= RISEN_BESIDE and less >= FAR_LESS_KNOWN):
        return None
    rise = f"the evaluation rises from {best:.4g} to {sides.judged[-1]:.4g}"
    message = f"{rise}, and its accuracy is {other:.0%}, in training {own:.0%}"
    return _overfits(message, _both_accuracies(own, other))


def _both_accuracies(own: float, other: float) -> list[Evidence]:
    return [point("accuracy of training, at the end", own), point("accuracy of the evaluation, at the end", other)]


def _scores(sides: _Sides) -> Finding | None:
    """Return the finding on a loss of training that all but vanishes while a low score never gets better."""
    if len(sides.trained) < ENOUGH_SCORES:
        return None
    first, own = ends(sides.trained)
    if own > VANISHED * first:
        return None
    for name, values in sides.scores.items():
        third = len(values) // 3
        if len(values) < ENOUGH_SCORES or max(values) >= LOW or max(values[third:]) > max(values[:third]) + DROPPED:
            continue
        evidence = [
            point("loss of training, at first", first),
            point("loss of training, at the end", own),
            point(f"highest {name}", max(values)),
        ]
        message = f"the loss of training falls from {first:.3g} to {own:.3g}, and {name} stays at {values[-1]:.3f}"
        return _overfits(message, evidence)
    return None


def _still_improves(scores: Sequence[float]) -> bool:
    """Return whether the answers are as good as ever, though a model that grows sure of itself pays more for errors."""
    return bool(scores) and scores[-1] > max(scores) - DROPPED


def _alone(sides: _Sides) -> Finding | None:
    """Return the finding on evaluations that rise, beyond noise, from a best one near their beginning to their end."""
    judged = sides.judged
    best = judged.index(min(judged)) if judged else 0
    after = judged[best:]
    if best > EARLY * len(judged) or not _rises_from_its_best(judged) or not 0 < RISEN_ALONE * after[0] <= after[-1]:
        return None
    evidence = [point("lowest loss of the evaluation", after[0]), point("last loss of the evaluation", after[-1])]
    return _overfits(f"the evaluation rises from {after[0]:.4g} to {after[-1]:.4g}, and does not come back", evidence)


def _rises_from_its_best(values: Sequence[float]) -> bool:
    """Return whether values rise beyond noise, from the lowest one to the end."""
    after = values[values.index(min(values)) :] if values else ()
    if len(after) < ENOUGH_TO_RISE:
        return False
    tau, chance = kendall_trend(after)
    return tau > 0 and chance < SIGNIFICANCE


def _overfits(message: str, evidence: list[Evidence]) -> Finding:
    return warned(
        message,
        evidence=evidence,
        cause="overfitting: what is learnt by now holds for the training data only",
        remedy="stop at the best evaluation (early stopping); more data, augmentation, regularisation, a smaller model",
        fault=Fault.overfitting,
        confidence=0.8,
    )
