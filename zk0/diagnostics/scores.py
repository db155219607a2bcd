"""What evaluations show by themselves: numbers, replies, a direction, more than guessing (`scores.*`).

`evaluation.*` holds a round against the untrained policy; many programs never evaluate that one. Here each evaluation
counts as it is: whether it is a number at all, whether clients answered, which way it goes.
"""

from collections.abc import Iterator
from itertools import pairwise

from zk0.core.checks import check
from zk0.core.faults import Fault
from zk0.core.verdicts import Evidence, Finding, failed, not_applicable, not_available, passed, warned
from zk0.diagnostics.accuracies import ENOUGH_GUESSES, FALLS, FEWEST, HIGH, STEADY, Scores, judge_accuracies
from zk0.diagnostics.nothing_learnt import guessing, guessing_late
from zk0.diagnostics.ranks import kendall_trend
from zk0.diagnostics.recognition import score_findings, swings
from zk0.diagnostics.series import (
    accuracies_of,
    by_client,
    by_data_set,
    each,
    ends,
    is_lost,
    judge_each,
    losses_of,
    point,
    scores_of,
)
from zk0.ledger import Evaluation, Ledger, Training
from zk0.ledger.importers.score_names import is_success

ENOUGH = 4  # evaluations that all go one way: by chance 1 in 12 of a series without a trend, both ways together
FAR_UP = 3.0  # times the first: three evaluations are enough, where each is higher than the one before
RISES = 1.25  # times the first: less may be overfitting that a checkpoint before it answers
RISEN = 0.05  # absolute, of the last two over the first
CREPT = 0.01  # absolute, of a score that rises from one evaluation to the next
BEGINS = (0.7, 0.95)  # of its first: a loss of training in between has begun to fall, and may not show in guesses yet
FALLEN = 0.75  # of the second best
ENOUGH_TO_FALL = 6  # values from the best one on
SIGNIFICANCE = 0.02  # of a fall by rank: of six values, five steps downwards
DIVERGES = 1000.0  # times its first values: no overfitting costs so much more, and no noise
COLLAPSES = 10.0  # times the loss before, while the accuracy falls below half: no noise of two evaluations


@check("scores.finite")
def finite(ledger: Ledger) -> Iterator[Finding]:
    """Every evaluation has a finite loss, or scores: weights that are not finite know nothing."""
    return judge_each(by_data_set(ledger), _finite, nothing="nothing was evaluated")


def _finite(found: list[Evaluation]) -> Finding:
    lost = [one for one in found if is_lost(one)]
    if not lost:
        known = [one for one in found if one.loss is not None or one.metrics]
        return passed(f"{len(known)} of {len(found)}") if known else not_available("no evaluation has a number")
    good = [one for one in found if one.loss is not None and one.round < lost[0].round]
    before = f"; round {good[-1].round} was {good[-1].loss:.4g}" if good else ""
    return failed(
        f"the loss is no finite number in {len(lost)} of {len(found)} rounds, from round {lost[0].round} on{before}",
        evidence=[point(f"loss at round {one.round}", "not finite", at=one.read_from or "") for one in lost[:3]],
        cause="the weights that were evaluated are not finite, or the evaluation divides by zero or takes a log of it",
        remedy="look for the first client with weights that are not finite; then at the arithmetic of the evaluation",
        fault=Fault.evaluation_not_finite,
        confidence=0.97,
    )


@check("scores.replies")
def replies(ledger: Ledger) -> Iterator[Finding]:
    """Clients that are asked to evaluate answer."""
    rounds = ledger.evaluation_replies
    if not rounds:
        yield not_applicable("no client was asked to evaluate") if ledger.events else not_available("nothing was read")
        return
    empty = [one for one in rounds if not one.answered and one.failed]
    lost, asked = sum(one.failed for one in rounds), sum(one.failed + one.answered for one in rounds)
    evidence = [
        point(f"failures in round {one.round}", one.failed, at=one.read_from or "") for one in rounds if one.failed
    ]
    if not lost:
        yield passed(f"{asked} of {asked} evaluations came back")
        return
    yield (failed if empty or lost > asked / 10 else warned)(
        f"{lost} of {asked} evaluations failed" + (f"; in {len(empty)} rounds all of them" if empty else ""),
        evidence=evidence[:4],
        cause="the clients' evaluate raises, returns another type, or has no data",
        remedy="read a client's log for the exception; training may be fine and is not judged by anything",
        fault=Fault.evaluation_failed,
        confidence=0.95,
    )


@check("scores.improve")
def improve(ledger: Ledger) -> Iterator[Finding]:
    """The evaluation's loss falls, or at least does not rise, from its first round to its last."""
    falls = [
        last < first
        for _, one in by_client(ledger.trainings)
        if (series := losses_of(one))
        for first, last in [ends(series)]
    ]
    # Scores by themselves, without a count, may be of as many models: a search over settings prints them as well.
    as_rounds = bool(ledger.trainings or ledger.aggregations or ledger.progress)
    return judge_each(
        by_data_set(ledger),
        lambda found: _improve(found, falls, as_rounds=as_rounds),
        nothing="nothing was evaluated",
    )


def _improve(found: list[Evaluation], falls: list[bool], *, as_rounds: bool) -> Finding:
    known, scores = accuracies_of(found), scores_of(found).items()
    losses = [(one.round, one.loss) for one in found if one.loss is not None]
    values = [value for _, value in losses]
    late = guessing_late(values, known, found[-1].round)
    judges = (_better, _worse) if as_rounds else (_better,)
    by_score = next(filter(None, (judge(*one) for judge in judges for one in scores)), None)
    if told := late or _diverges(losses) or by_score or _lost(losses, known) or (None if known else guessing(values)):
        return told
    if len(losses) < ENOUGH:
        return _short(losses)
    return _direction(losses, values, falls)


def _direction(losses: list[tuple[int, float]], values: list[float], falls: list[bool]) -> Finding:
    """Judge where many evaluations go: up, down, or nowhere beyond their noise."""
    (first_round, first), (last_round, last) = losses[0], losses[-1]
    evidence = [point(f"loss at round {first_round}", first), point(f"loss at round {last_round}", last)]
    change = f"{first:.4g} to {last:.4g} over {len(losses)} evaluations"
    rising = sum(b > a for a, b in pairwise(values)) / (len(values) - 1)
    if first > 0 and last >= RISES * first and rising > 0.7:  # noqa: PLR2004  three steps of four
        if first_round == 0:
            return not_available(f"rises: {change}; evaluation.beats-baseline judges it")
        return _rising(change, evidence, falls)
    if first > 0 and min(values[-2:]) <= FALLS * first:
        return passed(f"falls: {change}", evidence=evidence)
    return not_available(f"neither better nor worse beyond its noise: {change}")


def _better(name: str, values: list[float]) -> Finding | None:
    """Return what a score alone shows: that it rises, or is high and not that of one constant guess."""
    if len(values) < FEWEST:
        return None
    rises = min(values[-2:]) >= values[0] + RISEN and values[-1] >= max(values) - STEADY
    tau, chance = kendall_trend(values)
    rises = rises or (tau > 0 and chance < SIGNIFICANCE and values[-1] >= values[0] + CREPT)
    high = min(values[-FEWEST:]) >= HIGH and len(set(values[-FEWEST:])) == FEWEST
    if not rises and not high:
        return None
    return passed(f"{name} {'rises' if rises else 'is high'}: {values[0]:.3f} to {values[-1]:.3f}")


def _worse(name: str, values: list[float]) -> Finding | None:
    """Return the finding on a score that falls to the end, far below what it was; None for others."""
    best = sorted(values)[-2] if len(values) >= ENOUGH_TO_FALL else 0.0  # one that is high by itself is noise
    peak = next((place for place, value in enumerate(values) if value >= best), 0)
    last = max(values[-FEWEST:], default=0)
    # The rate of success so far, which an evaluation prints behind each episode, falls to what it is.
    from_the_start = not is_success(name) and bool(values) and last < values[0] - RISEN and best <= values[0]
    peak = 0 if from_the_start else peak
    if (last >= FALLEN * best and not from_the_start) or len(values) - peak < ENOUGH_TO_FALL:
        return None
    tau, chance = kendall_trend(values[peak:])
    if not (tau < 0 and chance < SIGNIFICANCE):
        return None
    return failed(
        f"{name} falls from {best:.3f} to {values[-1]:.3f}",
        evidence=[point("the second best", best), point("the best of the last", last)],
        cause="not known from this log: too long steps, learning by heart, or an average of clients that pull apart",
        remedy="the losses of training decide: rising too, it is the steps; falling, it is the data or the average",
        fault=Fault.evaluation_rising,
        confidence=0.8,
    )


def _diverges(losses: list[tuple[int, float]]) -> Finding | None:
    """Return the finding on evaluations that grow beyond all measure; None for others."""
    values = [value for _, value in losses]
    if len(values) < ENOUGH or not 0 < DIVERGES * max(values[:2]) <= min(values[-2:]):
        return None
    tau, chance = kendall_trend(values)
    if len(values) >= ENOUGH_TO_FALL and not (tau > 0 and chance < SIGNIFICANCE):
        return None
    return failed(
        f"diverges: {values[0]:.4g} to {values[-1]:.4g} over {len(values)} evaluations",
        evidence=[point(f"loss at round {number}", loss) for number, loss in (losses[0], losses[-1])],
        cause="the weights that are evaluated run away: steps too large, of the clients or of the server",
        remedy="lower learning_rate by a factor of 10; with a server optimizer, its rate first",
        fault=Fault.learning_rate_too_high,
        confidence=0.9,
    )


def _lost(losses: list[tuple[int, float]], accuracies: list[float]) -> Finding | None:
    """Return the finding on a last evaluation that lost all that was learnt, by loss and accuracy; None for others."""
    if len(losses) < 2 or len(accuracies) != len(losses):  # noqa: PLR2004  before and after
        return None
    (_, before), (number, after) = losses[-2:]
    if before <= 0 or after < COLLAPSES * before or accuracies[-1] > accuracies[-2] / 2:
        return None
    return failed(
        f"the loss jumps from {before:.4g} to {after:.4g} at evaluation {number}, and the accuracy falls below half",
        evidence=[point("accuracy before", accuracies[-2]), point("accuracy after", accuracies[-1])],
        cause="not known from two evaluations: the weights ran away in between, or others were loaded",
        remedy="go back to the checkpoint before it; look at the losses and gradient norms of the steps in between",
        fault=Fault.loss_jumped,
        confidence=0.85,
    )


def _short(losses: list[tuple[int, float]]) -> Finding:
    """Judge too few evaluations to see a rise: that they fall every time is shown by two steps."""
    values = [value for _, value in losses]
    if len(values) > 2 and all(b <= FALLS * a for a, b in pairwise(values)):  # noqa: PLR2004  two steps
        return passed(f"falls: {values[0]:.4g} to {values[-1]:.4g}")
    rises = len(values) > 2 and all(b > a for a, b in pairwise(values))  # noqa: PLR2004  two steps
    # Beside the untrained policy's, of round 0, evaluation.beats-baseline says more.
    if rises and losses[0][0] > 0 and values[-1] > FAR_UP * values[0] > 0:
        return _rising(f"{values[0]:.4g} to {values[-1]:.4g} over {len(values)} evaluations", [], [])
    return not_available(f"needs {ENOUGH} evaluations, has {len(values)}")


def _rising(change: str, evidence: list[Evidence], falls: list[bool]) -> Finding:
    """Name what a rising evaluation means: drift where every client's own loss falls, else what would decide."""
    if falls and all(falls):
        return failed(
            f"rises: {change}, while every client's own loss falls",
            evidence=evidence,
            cause="clients learn by heart, or their updates pull apart",
            remedy="fewer local_steps; hold the evaluation's data against theirs",
            workflow="mu-tuning",
            fault=Fault.evaluation_rising,
            confidence=0.8,
        )
    return failed(
        f"rises: {change}",
        evidence=evidence,
        cause="not known from this log: too long steps, learning by heart, and a wrong aggregate all look so",
        remedy="the clients' own losses decide: rising too, it is the steps; falling, it is the average or the data",
        fault=Fault.evaluation_rising,
        confidence=0.75,
    )


@check("scores.above-zero")
def above_zero(ledger: Ledger) -> Iterator[Finding]:
    """A score such as F1, a precision or a Dice coefficient is not 0, and does not come down to it."""
    if not ledger.evaluations:
        yield not_available("nothing was evaluated")
    for name, found in by_data_set(ledger):
        yield from (finding.model_copy(update={"at": name}) for finding in score_findings(found, ledger))


@check("scores.steady")
@each(by_data_set, nothing="nothing was evaluated")
def steady(found: list[Evaluation], ledger: Ledger) -> Finding:
    """A score does not go up and down from one evaluation to the next, to the end."""
    return swings(found, ledger)


@check("scores.above-chance")
def above_chance(ledger: Ledger) -> Iterator[Finding]:
    """An accuracy is better than guessing."""
    series = [*_evaluated(ledger), *_trained(ledger)]
    if not series:
        yield not_applicable("no accuracy is logged") if ledger.events else not_available("nothing was read")
        return
    begins = not ledger.aggregations and any(map(_begins, by_client(ledger.trainings)))
    yield from judge_each(series, lambda scores: judge_accuracies(scores, begins=begins))


def _begins(trained: tuple[str, list[Training]]) -> bool:
    """Return whether a training has begun to learn, and no more."""
    losses = losses_of(trained[1])
    if len(losses) < ENOUGH_GUESSES:
        return False
    first, last = ends(losses)
    return BEGINS[0] * first < last < BEGINS[1] * first


def _evaluated(ledger: Ledger) -> Iterator[tuple[str, Scores]]:
    for name, found in by_data_set(ledger):
        values = accuracies_of(found)
        if values:
            yield name, (values, [one.loss for one in found if one.loss is not None], False)


def _trained(ledger: Ledger) -> Iterator[tuple[str, Scores]]:
    for client, found in by_client(ledger.trainings):
        values = [value for one in found for value in one.accuracy if value is not None]
        if values:
            yield client, (values, losses_of(found), True)
