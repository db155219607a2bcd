"""Does the return of an agent's episodes rise, does it hold in evaluations? (`reward.…`)

A return is noisy, has any unit and any sign, so it is judged by where it went, in units of its own rise and noise: by
rank (Kendall's tau) whether it rises at all, and whether it falls back from what it had reached. A policy that
collapses has a high return before and stays low behind it; one episode that fails is no collapse.
"""

from collections.abc import Iterable, Sequence
from statistics import median

from zk0.core.checks import check
from zk0.core.faults import Fault
from zk0.core.verdicts import Evidence, Finding, not_available, passed, warned
from zk0.diagnostics.ranks import kendall_trend
from zk0.diagnostics.series import DEVIATIONS, by_data_set, each, each_client, ends, joined, point, thinned
from zk0.ledger import Evaluation, Ledger, Training
from zk0.ledger.importers.score_names import is_success
from zk0.ledger.schema import RETURN

FEWEST = 10  # returns
FEWEST_ZEROS = 5  # that are exactly 0
ENOUGH_TO_BE_FLAT = 40
LATE = 0.2  # of what the log counts to
WINDOW = 8  # a part of all: long enough for a median, short enough for a peak
LOST = 0.7  # of what was gained
NOISE = 4.0  # deviations around a window's median
SIGNIFICANCE = 0.01
MOST = 5_000  # values, for the rank test
RISEN = 0.2  # of the first level: no return that stays
ENOUGH_EVALUATIONS = 20
TIMES = 3.0  # the first level of evaluations: so high it was learnt
REMAINS = 0.1  # of that rise: less is as before
SUCCEEDS = 0.9  # of the episodes: little is left to rise
LATEST = 5  # evaluations
HELD = 0.25  # of what the return gained in training: what is explored costs some of it, not three quarters


@check("reward.rises")
@each_client
def rises(trainings: list[Training], ledger: Ledger) -> Finding:
    """The return of episodes rises, and does not fall back."""
    values = joined(trainings, lambda one: one.reward)
    if constant := _constant(values):
        return constant
    if len(values) < FEWEST:
        return not_available(f"needs {FEWEST} returns of episodes, has {len(values)}")
    first, last = ends(values)
    evidence = [point("return, median of the first tenth", first), point("return, median of the last tenth", last)]
    if fallen := _falls_back(values, evidence):
        return fallen
    tau, chance = kendall_trend(thinned(values, MOST))
    change = f"{first:.4g} to {last:.4g} over {len(values)} logged returns"
    if chance < SIGNIFICANCE and tau > 0 and last > first:
        return passed(f"rises: {change}", evidence=evidence)
    moves = tau > 0 and last > first + RISEN * abs(first)
    if moves or len(values) < ENOUGH_TO_BE_FLAT or _begins_late(ledger) or _success(ledger) >= SUCCEEDS:
        return not_available(f"no trend above noise, or the log begins when it was learnt: {change}")
    falls = chance < SIGNIFICANCE and last < first
    return warned(
        f"{'falls' if falls else 'does not rise'}: {change}",
        evidence=[*evidence, point("Kendall's tau", tau if chance == chance else None)],  # noqa: PLR0124  NaN
        cause="the agent learns nothing that its return shows; the return of a random policy would prove it",
        remedy="compare with a random policy's return; then look at entropy (collapsed?), the scale of the reward and "
        "of the observations, and the learning rate",
        fault=Fault.reward_still,
        confidence=0.5,
    )


@check("reward.evaluated")
@each(by_data_set, nothing="nothing was evaluated")
def evaluated(found: list[Evaluation], _: Ledger) -> Finding:
    """The return of evaluations does not fall back to where it began.

    It is of few episodes, of one policy or of many, so only what rose far and is lost altogether is a finding.
    """
    values = _returns(found)
    if len(values) < ENOUGH_EVALUATIONS:
        return not_available(f"needs {ENOUGH_EVALUATIONS} returns of evaluations, has {len(values)}")
    first, last = ends(values)
    evidence = [point("return, median of the first tenth", first), point("return, median of the last tenth", last)]
    highest = max(median(values[at : at + FEWEST]) for at in range(len(values) - FEWEST + 1))
    rose = highest > TIMES * abs(first)
    if rose and last <= first + REMAINS * (highest - first) and (fallen := _falls_back(values, evidence)):
        return fallen
    if kendall_trend(thinned(values, MOST))[0] > 0 and last > first:
        return passed(f"rises: {first:.4g} to {last:.4g}", evidence=evidence)
    return not_available(f"no trend, as evaluations of one policy have none: {first:.4g} to {last:.4g}")


@check("reward.holds")
def holds(ledger: Ledger) -> Finding:
    """The return of training holds when the policy is evaluated."""
    judged = _returns(ledger.evaluations)[-LATEST:]
    values = joined(ledger.trainings, lambda one: one.reward)
    if len(judged) < LATEST or len(values) < FEWEST:
        return not_available(f"needs {LATEST} returns of evaluations and {FEWEST} of training")
    first, last = ends(values)
    best = max(judged)
    evidence = [
        point("return in training, median of the first tenth", first),
        point("return in training, median of the last tenth", last),
        point(f"return of the last {LATEST} evaluations, highest", best),
    ]
    if kendall_trend(thinned(values, MOST))[1] >= SIGNIFICANCE or last - first <= abs(first):
        return not_available(
            "needs a return that doubles in training: an evaluation, which does not explore, may differ by less"
        )
    if best >= first + HELD * (last - first):
        return passed(f"{best:.4g} in the evaluation, {last:.4g} in training", evidence=evidence)
    return warned(
        f"the return rises to {last:.4g} in training, and is at most {best:.4g} in the last {LATEST} evaluations",
        evidence=evidence,
        cause="the policy is not evaluated as it was trained: observations that are not normalised with the statistics "
        "of training, another environment or wrapper, or actions without their noise or scale",
        remedy="evaluate in the very environment of training, with its statistics loaded and frozen; then change one "
        "thing at a time",
        fault=Fault.reward_lost_in_evaluation,
        confidence=0.75,
    )


def _returns(found: Iterable[Evaluation]) -> list[float]:
    return [one.metrics[RETURN] for one in found if RETURN in one.metrics]


def _success(ledger: Ledger) -> float:
    """Return the lowest of the last rates of success that the log has; 0 where it has none."""
    rates = [rate for one in ledger.evaluations for name, rate in one.metrics.items() if is_success(name)]
    return min(rates[-LATEST:], default=0.0)


def _begins_late(ledger: Ledger) -> bool:
    """Return whether the first count in the log is far behind the start."""
    counts = [(one.begins, one.reached) for one in ledger.progress]
    return any(begins and reached and begins > LATE * reached for begins, reached in counts)


def _constant(values: Sequence[float]) -> Finding | None:
    """Return the finding on returns that are the same to the last digit, for which fewer of them are enough at 0."""
    if len(values) < FEWEST_ZEROS or len(set(values)) > 1 or (values[0] and len(values) < FEWEST):
        return None
    if values[0]:
        message = f"is {values[0]:g} in all {len(values)} logged returns"
        cause = "every episode goes the same way: the agent stopped exploring, or this is the highest return there is"
        remedy = "compare with the highest return; print the actions of two episodes, and the entropy or epsilon"
    else:
        message = f"is 0 in all {len(values)} logged returns: the agent is never rewarded"
        cause = "no episode reaches what is rewarded (random actions don't find a sparse reward), or the reward is lost"
        remedy = (
            "reward steps on the way, begin nearer to the goal, or use demonstrations; print the reward of one step"
        )
    return warned(
        message,
        evidence=[point("logged returns", len(values))],
        cause=cause,
        remedy=remedy,
        fault=Fault.reward_still,
        confidence=0.6 if values[0] else 0.8,
    )


def _falls_back(values: Sequence[float], evidence: list[Evidence]) -> Finding | None:
    """Return the finding on a return that lost to the end most of what it had gained; None for others."""
    size = max(3, len(values) // WINDOW)
    levels = [median(values[at : at + size]) for at in range(0, len(values) - size + 1, max(1, size // 2))]
    noise = DEVIATIONS * median(
        abs(value - median(values[at : at + size]))
        for at in range(0, len(values) - size + 1, size)
        for value in values[at : at + size]
    )
    start, highest, last = levels[0], max(levels), median(values[-size:])
    lost = highest - last
    if lost <= max(NOISE * noise, LOST * (highest - start)) or last >= highest - 0.1 * abs(highest):
        return None
    return warned(
        f"falls from {highest:.4g} to {last:.4g}, and stays there",
        evidence=[*evidence, point("highest level", highest), point("noise around a level", noise)],
        cause="the policy collapsed: updates too large for it (learning rate, clip range, many epochs on one batch), "
        "an entropy near 0, or a value function or normalisation that ran away",
        remedy="go on from the best checkpoint with a lower learning rate or a target for the KL divergence; look at "
        "entropy, KL and value loss where the return begins to fall",
        fault=Fault.reward_collapsed,
        confidence=0.8,
    )
