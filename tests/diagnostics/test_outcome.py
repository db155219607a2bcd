"""Healthy is what is shown; what is not shown is unknown, with what would show it."""

import pytest

from zk0.core.verdicts import Finding, Verdict
from zk0.diagnostics.diagnosis import diagnose
from zk0.diagnostics.outcome import PROOFS, RunOutcome, judge_whole
from zk0.ledger import Ledger, RunClosed


def of(check: str, verdict: Verdict = Verdict.passed) -> Finding:
    return Finding(check=check, verdict=verdict, message="said so")


SHOWN = [of(proof.checks[0]) for proof in PROOFS]


def test_healthy_is_what_every_proof_shows():
    whole = judge_whole(SHOWN)

    assert (whole.outcome, whole.needs) == (RunOutcome.healthy, ())
    assert whole.sentence == "healthy: the log shows its end, finite numbers, that it learns"


@pytest.mark.parametrize("missing", range(len(PROOFS)))
def test_without_one_of_them_it_is_unknown_and_says_what_is_needed(missing):
    whole = judge_whole(SHOWN[:missing] + SHOWN[missing + 1 :])

    assert (whole.outcome, whole.needs) == (RunOutcome.unknown, (PROOFS[missing].needs,))
    assert whole.sentence.startswith("can't tell")


def test_nothing_is_never_healthy():
    assert judge_whole([]).outcome is RunOutcome.unknown


@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [(Verdict.warned, RunOutcome.doubtful), (Verdict.failed, RunOutcome.failed), (Verdict.error, RunOutcome.failed)],
)
def test_a_problem_decides(verdict, outcome):
    assert judge_whole([*SHOWN, of("loss.spikes", verdict)]).outcome is outcome


def test_a_log_that_breaks_off_is_unknown_and_not_only_doubtful():
    whole = judge_whole([*SHOWN[1:], of("progress.ended", Verdict.warned)])

    assert (whole.outcome, whole.needs) == (RunOutcome.unknown, ("its end: said so",))
    assert judge_whole([of("progress.ended", Verdict.warned), of("a", Verdict.warned)]).outcome is RunOutcome.doubtful


def test_that_clients_answer_is_told_where_it_was_asked():
    assert "that clients answer" in judge_whole([*SHOWN, of("clients.participation")]).shown


def test_of_a_part_of_the_diagnostics_one_that_passed_is_enough(events):
    falling = Ledger((events.training(policy_loss=[2 - step / 20 for step in range(20)]),))

    assert diagnose(falling, only=["loss.trend"]).whole.outcome is RunOutcome.healthy
    assert diagnose(falling, only=["scores.finite"]).whole.outcome is RunOutcome.unknown


def test_a_run_that_ended_and_learnt_is_healthy_and_one_that_broke_off_is_not(events):
    falling = events.training(policy_loss=[2 - step / 20 for step in range(20)])

    assert diagnose(Ledger((falling, RunClosed(outcome="done", rounds=1)))).whole.outcome is RunOutcome.healthy
    assert diagnose(Ledger((falling,))).whole.outcome is RunOutcome.unknown


def test_what_is_explained_away_still_counts(events):
    """A run whose only failures are consequences of a warning is not healthy."""
    series = events.evaluations(0.1, 0.5, 0.9, 1.2)

    assert diagnose(Ledger((*series, RunClosed(outcome="done", rounds=3)))).whole.outcome is RunOutcome.failed
