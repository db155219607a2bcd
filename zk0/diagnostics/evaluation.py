"""Is the trained policy better than the untrained one? (`evaluation.beats-baseline`)

Round 0 is the policy before any training, judged on the same frames with the same noise and times. A loss that falls
on training frames and not below this baseline has taught the robot nothing.
"""

from collections.abc import Iterator
from typing import Literal

from zk0.diagnostics.registry import diagnostic, point
from zk0.ledger import Evaluation, Ledger
from zk0.verdicts import Finding, failed, not_available, passed


@diagnostic("evaluation.beats-baseline")
def beats_baseline(
    ledger: Ledger, *, ratio: float = 1.0, role: Literal["held-out", "unseen"] = "held-out"
) -> Iterator[Finding]:
    """The last round's loss is below `ratio` times that of round 0, on every data set of the role."""
    names = list(dict.fromkeys(one.dataset for one in ledger.evaluations if one.role == role))
    if not names:
        yield not_available(f"no {role} data set was evaluated")
    for name in names:
        found = [one for one in ledger.evaluations if one.dataset == name and one.role == role]
        yield _judge(name, found, ratio, role)


def _judge(name: str, found: list[Evaluation], ratio: float, role: str) -> Finding:
    baseline = next((one.loss for one in found if one.round == 0), None)
    last = max(found, key=lambda one: one.round)
    if not baseline or last.loss is None or last.round == 0:
        return not_available("needs a loss above 0 at round 0 and one at a later round", at=name)
    achieved = last.loss / baseline
    evidence = [
        point("loss at round 0", baseline, name),
        point(f"loss at round {last.round}", last.loss, name),
        point("ratio", achieved, name),
        point("frames", last.frames, name, "frames"),
    ]
    change = f"{baseline:.3f} to {last.loss:.3f} on {last.frames} {role} frames, {achieved:.2f} of the baseline"
    if achieved < ratio:
        return passed(change, at=name, evidence=evidence)
    if achieved < 1:
        return failed(
            f"{change}; less than {ratio:g} was wanted",
            at=name,
            evidence=evidence,
            cause="it learns, but not enough in these steps",
            remedy="train for more rounds, or on more episodes",
        )
    return failed(
        f"{change}: not better than the untrained policy",
        at=name,
        evidence=evidence,
        cause="local steps drift apart, the learning rate is too large, or this data is unlike what is trained on",
        remedy="halve local_steps, or lower learning_rate by a factor of 5",
    )
