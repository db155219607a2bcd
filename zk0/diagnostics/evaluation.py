"""Is the trained policy better than the untrained one, and is that what was measured? (`evaluation.*`)

Round 0 is the policy before any training, judged on the same frames with the same noise and times. A loss that falls
on training frames and not below this baseline has taught the robot nothing.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Literal

from zk0.core.checks import check
from zk0.core.faults import Fault
from zk0.core.verdicts import Evidence, Finding, failed, not_available, passed, warned
from zk0.diagnostics.nothing_learnt import guessed_level, is_coarse, significant_digits
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
)
from zk0.ledger import Evaluation, Ledger

ROUNDS_OF_NOISE = 5
BEYOND = 2.0  # times the noise
ENOUGH_ROUNDS = 3  # evaluations after which a number that never moves is not an accident
ENOUGH_BESIDE_LEARNING = 2  # where the clients learn, and it is the same to the last of so many digits
EXACT = 4
INSENSITIVE = 0.005  # of the loss: less movement than this while the clients learn is none
LEARNT = 0.2  # fall of the clients' own loss, of itself
CLEARLY_WORSE = 1.25  # times round 0, whether that was trained or not
UNCHANGED = 0.01  # of the baseline: neither better nor worse
SPIKE = 3.0  # times the baseline after one round: the first steps were too long
SAME_NOISE = 1e-4  # of the baseline: frames, noise and times are the same each round, so only rounding is left

type Role = Literal["held-out", "unseen"]


def _data_sets(ledger: Ledger) -> Iterator[tuple[str, list[Evaluation]]]:
    """Yield each evaluated data set with its rounds in order; one without a name and rounds where there is none."""
    yield from list(by_data_set(ledger)) or [("", [])]


each_data_set = each(_data_sets)


@check("evaluation.beats-baseline")
def beats_baseline(ledger: Ledger, *, ratio: float = 1.0, role: Role = "held-out") -> Iterator[Finding]:
    """The last round's loss is below `ratio` times that of round 0, on every data set of the role."""
    of_role = ((name, found) for name, found in _data_sets(ledger) if found and found[0].role == role)
    nothing = f"no {role} data set was evaluated"
    first_is_trained = counts_from_zero(ledger)
    return judge_each(of_role, lambda found: _beats_baseline(found, ratio, role, first_is_trained), nothing=nothing)


def counts_from_zero(ledger: Ledger) -> bool:
    """Return whether round 0 is one that was trained, as in programs that count from 0."""
    rounds = [one.round for one in ledger.trainings] + [one.round for one in ledger.aggregations]
    return 0 in rounds


def _beats_baseline(found: list[Evaluation], ratio: float, role: str, first_is_trained: bool) -> Finding:  # noqa: FBT001
    baseline = _loss_at(found, 0)
    last = max((one for one in found if one.loss is not None), key=lambda one: one.round, default=None)
    if not baseline or last is None or last.loss is None or last.round == 0:
        return not_available("needs a loss above 0 at round 0 and one at a later round")
    if is_lost(newest := max(found, key=lambda one: one.round)):
        return failed(
            f"the loss of round {newest.round} is no finite number; round {last.round} was {last.loss:.3f}",
            cause="the weights that were judged, or the evaluation's arithmetic, are not finite",
            remedy="see scores.finite",
            fault=Fault.evaluation_not_finite,
            confidence=0.9,
        )
    achieved = last.loss / baseline
    evidence = [
        point("loss at round 0", baseline),
        point(f"loss at round {last.round}", last.loss),
        point("ratio", achieved),
        point("frames", last.frames, "frames"),
    ]
    frames = "" if last.frames is None else f"{last.frames} "
    change = f"{baseline:.3f} to {last.loss:.3f} on {frames}{role} frames, {achieved:.2f} of the baseline"
    answers = accuracies_of(found)
    better = bool(answers) and answers[-1] > answers[0]  # a model that grows sure of itself pays more for its errors
    if first_is_trained and (achieved < CLEARLY_WORSE or better):
        return not_available("its rounds are counted from 0: the untrained policy may not have been evaluated")
    return _compared(achieved, ratio, change, evidence)


def _compared(achieved: float, ratio: float, change: str, evidence: list[Evidence]) -> Finding:
    if achieved < ratio:
        return passed(change, evidence=evidence)
    if 1 <= achieved < 1 + UNCHANGED:
        return failed(
            f"{change}: not better than the untrained policy, and not worse",
            evidence=evidence,
            cause="nothing was learnt that this number shows: too few or too small steps, or it is not what is trained",
            remedy="look whether the weights move (rounds.parameters-move), and whether the training loss falls",
            fault=Fault.worse_than_baseline,
            confidence=0.8,
        )
    if achieved < 1:
        return failed(
            f"{change}; less than {ratio:g} was wanted",
            evidence=evidence,
            cause="it learns, but not enough in these steps",
            remedy="train for more rounds, or on more episodes",
            fault=Fault.worse_than_baseline,
            confidence=0.8,
        )
    return failed(
        f"{change}: not better than the untrained policy",
        evidence=evidence,
        cause="local steps drift apart, the steps are too large, or this data is unlike what is trained on",
        remedy="the clients' own losses decide: rising, divide learning_rate by 5; falling, halve local_steps",
        fault=Fault.worse_than_baseline,
        confidence=0.95,
    )


def _loss_at(found: list[Evaluation], round_: int) -> float | None:
    return next((one.loss for one in found if one.round == round_), None)


@check("evaluation.beyond-noise")
@each_data_set
def beyond_noise(found: list[Evaluation], _: Ledger) -> Finding:
    """The loss has fallen by more than it goes up and down from round to round."""
    values = [one.loss for one in found if one.loss is not None]
    if len(values) < ROUNDS_OF_NOISE:
        return not_available(f"needs {ROUNDS_OF_NOISE} evaluations, has {len(values)}")
    # A fall has no steps upwards, however bent it is.
    ups = [later - earlier for earlier, later in pairwise(values) if later > earlier]
    noise = sum(ups) / len(ups) if ups else 0.0
    fall = values[0] - min(values[-2:])
    evidence = [point("fall since round 0", fall), point("rise in the rounds where it rose, mean", noise)]
    if fall <= 0:
        return not_available("it has not fallen")
    if fall >= BEYOND * noise:
        return passed(f"a change of {abs(fall):.3g} beside a noise of {noise:.3g}", evidence=evidence)
    return not_available(f"it has fallen by {fall:.3g} and goes up and down by {noise:.3g}: no better beyond its noise")


@check("evaluation.moves")
def moves(ledger: Ledger) -> Iterator[Finding]:
    """The evaluation notices that the policy has changed."""
    losses = [losses_of(trainings) for _, trainings in by_client(ledger.trainings)]
    falls = [1 - last / first for one in losses if one for first, last in [ends(one)] if first > 0]
    learnt = sum(falls) / len(falls) if falls else None
    moved = {one.round for one in ledger.aggregations if one.digest_out and one.digest_out != one.digest_in}

    def judge(found: list[Evaluation]) -> Finding:
        trained = [one for one in found if one.round == 0 or one.round in moved or not ledger.aggregations]
        return _moves([one.loss for one in trained if one.loss is not None], learnt)

    return judge_each(_data_sets(ledger), judge)


def _moves(values: list[float], learnt: float | None) -> Finding:
    """Judge the losses of policies that differ, beside what the clients have learnt by their own losses."""
    learns = learnt is not None and learnt > LEARNT
    is_exact = learns and len(set(values)) == 1 and significant_digits(values[0]) >= EXACT
    if len(values) < (ENOUGH_BESIDE_LEARNING if is_exact else ENOUGH_ROUNDS):
        return not_available(f"needs {ENOUGH_ROUNDS} evaluations of policies that differ")
    largest = max(map(abs, values))  # a Dice loss is negative
    spread = (max(values) - min(values)) / largest if largest else 0.0
    evidence = [
        point("smallest loss", min(values)),
        point("largest loss", max(values)),
        point("fall of the clients' own loss, of itself", learnt),
    ]
    if spread == 0 and is_coarse(values[0]):
        return not_available(f"{values[0]:g} in all {len(values)} rounds: too few digits to show a change")
    if spread == 0 and not learns and (guess := guessed_level(values[-1], evidence)):
        return guess
    if spread == 0:
        message = f"{values[0]:.4g} in all {len(values)} rounds, to the last digit"
        confidence = 0.97 if len(values) >= ENOUGH_ROUNDS else 0.8
    elif spread < INSENSITIVE and learnt is not None and learns:
        message, confidence = f"within {spread:.2%} while the clients' own loss fell by {learnt:.0%}", 0.8
    else:
        return passed(f"it moved by {spread:.1%}", evidence=evidence)
    return failed(
        message,
        evidence=evidence,
        cause="the model that is judged never changes: parameters do not arrive in it, or nothing is trained",
        remedy="compare the digest of its weights before and after a round; put the aggregate into it",
        fault=Fault.evaluation_insensitive,
        confidence=confidence,
    )


@check("evaluation.comparable")
@each_data_set
def comparable(found: list[Evaluation], ledger: Ledger) -> Finding:
    """All rounds are judged on the same frames, and on the parameters that were aggregated."""
    aggregated = {one.round: one.digest_out for one in ledger.aggregations}
    frames = [one.frames for one in found if one.frames]
    others = [one.round for one in found if one.digest and aggregated.get(one.round) not in (None, one.digest)]
    evidence = [point(f"frames in round {one.round}", one.frames, "frames") for one in found[:10]]
    if others:
        return failed(
            f"round {others[0]} judges other parameters than were aggregated",
            cause="the policy that is judged is not given the aggregate",
            fault=Fault.evaluation_insensitive,
            confidence=1.0,
        )
    if len(frames) < 2:  # noqa: PLR2004  one is the same as itself
        return not_available("needs the number of frames of two rounds")
    if len(set(frames)) == 1:
        return passed(f"{frames[0]} frames every round", evidence=evidence)
    change = next(round_ for round_, (a, b) in enumerate(pairwise(frames), start=1) if a != b)
    return failed(
        f"{frames[change - 1]} frames before round {found[change].round}, {frames[change]} from it on",
        evidence=evidence,
        cause="the evaluation's data or limit was changed in the middle of the run",
        remedy="begin a new run, with a baseline of its own",
        fault=Fault.evaluation_incomparable,
        confidence=1.0,
    )


@check("evaluation.first-round")
@each_data_set
def first_round(found: list[Evaluation], ledger: Ledger) -> Finding:
    """The first round does not throw the policy away."""
    before, after = _loss_at(found, 0), _loss_at(found, 1)
    if not before or after is None or counts_from_zero(ledger):
        return not_available("needs the losses of rounds 0 and 1")
    evidence = [point("loss at round 0", before), point("loss at round 1", after)]
    if after <= SPIKE * before:
        return passed(f"{after / before:.2f} of the baseline", evidence=evidence)
    return failed(
        f"{before:.3g} to {after:.3g} in one round",
        evidence=evidence,
        cause="the first steps are too long",
        remedy="lower learning_rate by a factor of 5, or warm up for a tenth of all steps",
        fault=Fault.learning_rate_too_high,
        confidence=0.7,
    )


@check("evaluation.drift")
def drift(ledger: Ledger) -> Iterator[Finding]:
    """The evaluation does not rise while the clients' own loss falls."""
    losses = [losses_of(trainings) for _, trainings in by_client(ledger.trainings)]
    falls = [last < first for one in losses if len(one) > ENOUGH_ROUNDS for first, last in [ends(one)]]
    return judge_each(_data_sets(ledger), lambda found: _drift(found, falls))


def _drift(found: list[Evaluation], falls: list[bool]) -> Finding:
    values = [one.loss for one in found if one.loss is not None]
    if len(values) < ENOUGH_ROUNDS or not _loss_at(found, 0) or not falls:
        return not_available(f"needs {ENOUGH_ROUNDS} evaluations and the clients' own losses")
    baseline, lowest, last = values[0], min(values), values[-1]
    evidence = [
        point("loss at round 0", baseline),
        point("lowest loss", lowest),
        point("loss at the last round", last),
    ]
    rising = all(later > earlier for earlier, later in pairwise(values[-ENOUGH_ROUNDS:]))
    if not all(falls) or not rising or last <= baseline * (1 + SAME_NOISE):
        return passed("it goes where the clients' own loss goes", evidence=evidence)
    return warned(
        f"it rises, {lowest:.3g} to {last:.3g}, while every client's own loss falls",
        evidence=evidence,
        cause="clients learn by heart, or what is judged is not what they learn",
        remedy="divide local_steps by 4, or learning_rate by 5; hold the evaluation's data against theirs",
        workflow="mu-tuning",
        fault=Fault.client_drift,
        confidence=0.45,
    )
