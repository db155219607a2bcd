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
from zk0.diagnostics.series import by_client, ends, joined, point
from zk0.ledger import Evaluation, Ledger

ROUNDS_OF_NOISE = 5
BEYOND = 2.0  # times the noise
ENOUGH_ROUNDS = 3  # evaluations after which a number that never moves is not an accident
INSENSITIVE = 0.005  # of the loss: less movement than this while the clients learn is none
LEARNT = 0.2  # fall of the clients' own loss, of itself
SPIKE = 3.0  # times the baseline after one round: the first steps were too long
SAME_NOISE = 1e-4  # of the baseline: frames, noise and times are the same each round, so only rounding is left

type Role = Literal["held-out", "unseen"]


@check("evaluation.beats-baseline")
def beats_baseline(ledger: Ledger, *, ratio: float = 1.0, role: Role = "held-out") -> Iterator[Finding]:
    """The last round's loss is below `ratio` times that of round 0, on every data set of the role."""
    names = list(dict.fromkeys(one.dataset for one in ledger.evaluations if one.role == role))
    if not names:
        yield not_available(f"no {role} data set was evaluated")
    for name in names:
        found = [one for one in ledger.evaluations if one.dataset == name and one.role == role]
        yield _judge(name, found, ratio, role)


def _judge(name: str, found: list[Evaluation], ratio: float, role: str) -> Finding:
    baseline = next((one.loss for one in found if one.round == 0), None)
    last = max((one for one in found if one.loss is not None), key=lambda one: one.round, default=None)
    if not baseline or last is None or last.loss is None or last.round == 0:
        return not_available("needs a loss above 0 at round 0 and one at a later round", at=name)
    achieved = last.loss / baseline
    evidence = [
        point("loss at round 0", baseline, name),
        point(f"loss at round {last.round}", last.loss, name),
        point("ratio", achieved, name),
        point("frames", last.frames, name, "frames"),
    ]
    frames = "" if last.frames is None else f"{last.frames} "
    change = f"{baseline:.3f} to {last.loss:.3f} on {frames}{role} frames, {achieved:.2f} of the baseline"
    if achieved < ratio:
        return passed(change, at=name, evidence=evidence)
    if achieved < 1:
        return failed(
            f"{change}; less than {ratio:g} was wanted",
            at=name,
            evidence=evidence,
            cause="it learns, but not enough in these steps",
            remedy="train for more rounds, or on more episodes",
            fault=Fault.worse_than_baseline,
            confidence=0.8,
        )
    return failed(
        f"{change}: not better than the untrained policy",
        at=name,
        evidence=evidence,
        cause="local steps drift apart, the learning rate is too large, or this data is unlike what is trained on",
        remedy="halve local_steps, or lower learning_rate by a factor of 5",
        fault=Fault.worse_than_baseline,
        confidence=0.95,
    )


@check("evaluation.beyond-noise")
def beyond_noise(ledger: Ledger) -> Iterator[Finding]:
    """The loss has fallen by more than it goes up and down from round to round."""
    for name, found in _sets(ledger):
        values = [one.loss for one in found if one.loss is not None]
        if len(values) < ROUNDS_OF_NOISE:
            yield not_available(f"needs {ROUNDS_OF_NOISE} evaluations, has {len(values)}", at=name)
            continue
        # A fall has no steps upwards, however bent it is.
        ups = [later - earlier for earlier, later in pairwise(values) if later > earlier]
        noise = sum(ups) / len(ups) if ups else 0.0
        fall = values[0] - min(values[-2:])
        evidence = [
            point("fall since round 0", fall, name),
            point("rise in the rounds where it rose, mean", noise, name),
        ]
        if 0 < fall < BEYOND * noise:
            yield warned(
                f"it has fallen by {fall:.3g}, and goes up and down by {noise:.3g}",
                at=name,
                evidence=evidence,
                cause="the evaluation is too small, or too little was learnt, to call this better",
                remedy="judge on more frames, or train for more rounds",
                fault=Fault.worse_than_baseline,
                confidence=0.4,
            )
        else:
            yield passed(f"a change of {abs(fall):.3g} beside a noise of {noise:.3g}", at=name, evidence=evidence)


@check("evaluation.moves")
def moves(ledger: Ledger) -> Iterator[Finding]:
    """The evaluation notices that the policy has changed."""
    losses = [joined(trainings, lambda one: one.policy_loss) for _, trainings in by_client(ledger.trainings)]
    falls = [1 - last / first for one in losses if one for first, last in [ends(one)] if first > 0]
    learnt = sum(falls) / len(falls) if falls else None
    for name, found in _sets(ledger):
        known = [(one.round, one.loss) for one in found if one.loss is not None]
        moved = {one.round for one in ledger.aggregations if one.digest_out and one.digest_out != one.digest_in}
        trained = [one for one in known if one[0] == 0 or one[0] in moved or not ledger.aggregations]
        if len(trained) < ENOUGH_ROUNDS:
            yield not_available(f"needs {ENOUGH_ROUNDS} evaluations of policies that differ", at=name)
            continue
        values = [loss for _, loss in trained]
        spread = (max(values) - min(values)) / max(values) if max(values) > 0 else 0.0
        evidence = [
            point("smallest loss", min(values), name),
            point("largest loss", max(values), name),
            point("fall of the clients' own loss, of itself", learnt, name),
        ]
        if spread == 0:
            yield _still(f"{values[0]:.4g} in all {len(values)} rounds, to the last digit", name, evidence, 0.97)
        elif spread < INSENSITIVE and learnt is not None and learnt > LEARNT:
            yield _still(f"within {spread:.2%} while the clients' own loss fell by {learnt:.0%}", name, evidence, 0.8)
        else:
            yield passed(f"it moved by {spread:.1%}", at=name, evidence=evidence)


def _still(message: str, name: str, evidence: list[Evidence], confidence: float) -> Finding:
    return failed(
        message,
        at=name,
        evidence=evidence,
        cause="another policy is judged than is trained, or the number does not depend on what is learnt",
        remedy="put the aggregate into the policy that is judged, and judge normalised actions",
        fault=Fault.evaluation_insensitive,
        confidence=confidence,
    )


@check("evaluation.comparable")
def comparable(ledger: Ledger) -> Iterator[Finding]:
    """All rounds are judged on the same frames, and on the parameters that were aggregated."""
    aggregated = {one.round: one.digest_out for one in ledger.aggregations}
    for name, found in _sets(ledger):
        frames = [one.frames for one in found if one.frames]
        others = [one.round for one in found if one.digest and aggregated.get(one.round) not in (None, one.digest)]
        evidence = [point(f"frames in round {one.round}", one.frames, name, "frames") for one in found[:10]]
        if others:
            yield failed(
                f"round {others[0]} judges other parameters than were aggregated",
                at=name,
                cause="the policy that is judged is not given the aggregate",
                fault=Fault.evaluation_insensitive,
                confidence=1.0,
            )
        elif len(frames) < 2:  # noqa: PLR2004  one is the same as itself
            yield not_available("needs the number of frames of two rounds", at=name)
        elif len(set(frames)) > 1:
            change = next(round_ for round_, (a, b) in enumerate(pairwise(frames), start=1) if a != b)
            yield failed(
                f"{frames[change - 1]} frames before round {found[change].round}, {frames[change]} from it on",
                at=name,
                evidence=evidence,
                cause="the evaluation's data or limit was changed in the middle of the run",
                remedy="begin a new run, with a baseline of its own",
                fault=Fault.evaluation_incomparable,
                confidence=1.0,
            )
        else:
            yield passed(f"{frames[0]} frames every round", at=name, evidence=evidence)


@check("evaluation.first-round")
def first_round(ledger: Ledger) -> Iterator[Finding]:
    """The first round does not throw the policy away."""
    for name, found in _sets(ledger):
        before = next((one.loss for one in found if one.round == 0), None)
        after = next((one.loss for one in found if one.round == 1), None)
        if not before or after is None:
            yield not_available("needs the losses of rounds 0 and 1", at=name)
            continue
        evidence = [point("loss at round 0", before, name), point("loss at round 1", after, name)]
        if after > SPIKE * before:
            yield failed(
                f"{before:.3g} to {after:.3g} in one round",
                at=name,
                evidence=evidence,
                cause="the first steps are too long",
                remedy="lower learning_rate by a factor of 5, or warm up for a tenth of all steps",
                fault=Fault.learning_rate_too_high,
                confidence=0.7,
            )
        else:
            yield passed(f"{after / before:.2f} of the baseline", at=name, evidence=evidence)


@check("evaluation.drift")
def drift(ledger: Ledger) -> Iterator[Finding]:
    """The evaluation does not rise while the clients' own loss falls."""
    losses = [joined(trainings, lambda one: one.policy_loss) for _, trainings in by_client(ledger.trainings)]
    falls = [last < first for one in losses if len(one) > ENOUGH_ROUNDS for first, last in [ends(one)]]
    for name, found in _sets(ledger):
        values = [(one.round, one.loss) for one in sorted(found, key=lambda one: one.round) if one.loss is not None]
        if len(values) < ENOUGH_ROUNDS or values[0][0] != 0 or not falls or not values[0][1]:
            yield not_available(f"needs {ENOUGH_ROUNDS} evaluations and the clients' own losses", at=name)
            continue
        (_, baseline), (_, last) = values[0], values[-1]
        lowest = min(loss for _, loss in values)
        evidence = [
            point("loss at round 0", baseline, name),
            point("lowest loss", lowest, name),
            point("loss at the last round", last, name),
        ]
        rising = all(later > earlier for (_, earlier), (_, later) in pairwise(values[-ENOUGH_ROUNDS:]))
        if all(falls) and rising and last > baseline * (1 + SAME_NOISE):
            yield warned(
                f"it rises, {lowest:.3g} to {last:.3g}, while every client's own loss falls",
                at=name,
                evidence=evidence,
                cause="clients learn by heart, or what is judged is not what they learn",
                remedy="divide local_steps by 4, or learning_rate by 5; hold the evaluation's data against theirs",
                workflow="mu-tuning",
                fault=Fault.client_drift,
                confidence=0.45,
            )
        else:
            yield passed("it goes where the clients' own loss goes", at=name, evidence=evidence)


def _sets(ledger: Ledger) -> Iterator[tuple[str, list[Evaluation]]]:
    """Yield each evaluated data set with its rounds in order; one without a name and rounds where there is none."""
    names = list(dict.fromkeys((one.dataset, one.role) for one in ledger.evaluations))
    for name, role in names:
        found = [one for one in ledger.evaluations if (one.dataset, one.role) == (name, role)]
        yield name, sorted(found, key=lambda one: one.round)
    if not names:
        yield "", []
