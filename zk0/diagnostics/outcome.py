"""The verdict of the whole: healthy only by evidence.

That no diagnostic found anything says little of a log that was hardly understood, or that breaks off. A run is
*healthy* where it is shown to have come to its end (or to run still), with numbers that are finite, and to have
learnt; where clients were asked, they answered. What is not shown is *unknown*, with what would show it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from zk0.core.verdicts import Finding, Verdict


class RunOutcome(StrEnum):
    """What can be said of a run as a whole."""

    healthy = "healthy"
    doubtful = "doubtful"  # warnings only
    failed = "failed"
    unknown = "unknown"  # nothing wrong was seen, and not enough to call it healthy


@dataclass(frozen=True)
class Proof:
    """One thing that has to be shown: by which diagnostics, and what a log needs for it."""

    name: str
    checks: tuple[str, ...]  # one that passed shows it
    needs: str


END = Proof(
    "its end",
    ("progress.ended",),
    "the end of the run: its last line, or how many rounds, epochs or steps it has",
)
PROOFS = (
    END,
    Proof("finite numbers", ("loss.finite", "scores.finite"), "losses, of training or of an evaluation"),
    Proof(
        "that it learns",
        ("loss.trend", "scores.improve", "evaluation.beats-baseline", "reward.rises"),
        "a loss that falls: 6 logged losses of training, or 3 evaluations; or a return that rises",
    ),
)
# Asked of a federation only: where it does not arise, nothing is missing.
REPLIES = ("clients.participation", "scores.replies")


@dataclass(frozen=True)
class WholeVerdict:
    """The outcome, what shows it, and what is missing to say more."""

    outcome: RunOutcome
    shown: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The verdict in one line."""
        match self.outcome:
            case RunOutcome.healthy:
                return f"healthy: the log shows {', '.join(self.shown)}"
            case RunOutcome.unknown:
                return f"can't tell: nothing failed, and the log does not show {'; '.join(self.needs)}"
            case RunOutcome.doubtful:
                return "doubtful: nothing failed, and there are warnings"
            case _:
                return "failed"


def judge_whole(findings: Sequence[Finding], *, partial: bool = False) -> WholeVerdict:
    """Return the verdict of a run from all findings on it; of a part of the diagnostics, whether any of them passed."""
    verdicts = {one.verdict for one in findings}
    if verdicts & {Verdict.failed, Verdict.error}:
        return WholeVerdict(RunOutcome.failed)
    warned = [one for one in findings if one.verdict is Verdict.warned]
    if warned and all(one.check in END.checks for one in warned) and not partial:
        return WholeVerdict(RunOutcome.unknown, (), (f"{END.name}: {warned[0].message}",))
    if warned:
        return WholeVerdict(RunOutcome.doubtful)
    passed = {one.check for one in findings if one.verdict is Verdict.passed}
    if partial:
        needs = tuple(dict.fromkeys(one.message for one in findings if one.verdict is Verdict.not_available))
        return WholeVerdict(RunOutcome.healthy if passed else RunOutcome.unknown, tuple(sorted(passed)), needs)
    shown = [proof.name for proof in PROOFS if passed & set(proof.checks)]
    needs = tuple(proof.needs for proof in PROOFS if not passed & set(proof.checks))
    if passed & set(REPLIES):
        shown.append("that clients answer")
    return WholeVerdict(RunOutcome.unknown if needs else RunOutcome.healthy, tuple(shown), needs)
