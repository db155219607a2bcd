"""A policy has learnt when its loss on frames it never saw is below that of the untrained policy."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zk0.core.faults import Fault
from zk0.core.verdicts import Verdict
from zk0.diagnostics.diagnosis import diagnose
from zk0.ledger import Ledger

losses = st.floats(0.001, 1000)


def test_a_loss_below_the_baseline_passes_with_both_and_their_ratio(events, judge, numbers):
    [finding] = judge("evaluation.beats-baseline", *events.evaluations(0.4, 0.3, 0.2))

    assert (finding.verdict, finding.at) == ("pass", "left")
    assert finding.message == "0.400 to 0.200 on 30 held-out frames, 0.50 of the baseline"
    assert numbers(finding) == {"loss at round 0": 0.4, "loss at round 2": 0.2, "ratio": 0.5, "frames": 30}


@pytest.mark.parametrize(
    "series",
    [(0.150, 0.438, 1.001, 1.088), (0.149, 1.35, 0.544), (0.152, 0.810, 0.923), (0.15, 0.28)],
    ids=["1,000 local steps", "30 rounds", "50 rounds", "called a success"],
)
def test_the_series_of_the_field_are_not_better_than_the_untrained_policy(events, judge, numbers, series):
    [finding] = judge("evaluation.beats-baseline", *events.evaluations(*series))

    assert finding.verdict is Verdict.failed
    assert finding.message.endswith("not better than the untrained policy")
    assert "losses decide" in finding.remedy
    assert numbers(finding)["ratio"] == pytest.approx(series[-1] / series[0])


def test_a_policy_that_has_not_changed_is_not_better(events, judge):
    [finding] = judge("evaluation.beats-baseline", *events.evaluations(0.4, 0.4))

    assert finding.verdict is Verdict.failed
    assert "not better than the untrained policy" in finding.message


def test_a_loss_that_falls_too_little_fails_with_another_cause(events, judge):
    [finding] = judge("evaluation.beats-baseline", *events.evaluations(0.4, 0.36), ratio=0.7)

    assert finding.verdict is Verdict.failed
    assert finding.message.endswith("0.90 of the baseline; less than 0.7 was wanted")
    assert finding.cause == "it learns, but not enough in these steps"


def test_each_data_set_is_judged_by_its_own_baseline(events, judge):
    sets = [*events.evaluations(0.4, 0.2, dataset="left"), *events.evaluations(0.1, 0.2, dataset="right")]

    found = {finding.at: finding.verdict for finding in judge("evaluation.beats-baseline", *sets)}

    assert found == {"left": Verdict.passed, "right": Verdict.failed}


def test_the_unseen_data_set_is_judged_when_it_is_asked_for(events, judge):
    sets = [*events.evaluations(0.4, 0.2), *events.evaluations(0.5, 0.6, dataset="far", role="unseen")]

    [held_out] = judge("evaluation.beats-baseline", *sets)
    [unseen] = judge("evaluation.beats-baseline", *sets, role="unseen")

    assert (held_out.at, held_out.verdict) == ("left", Verdict.passed)
    assert (unseen.at, unseen.verdict) == ("far", Verdict.failed)


@pytest.mark.parametrize("series", [(0.4,), (None, 0.2), (0.4, None), (0.0, 0.2)])
def test_without_two_losses_there_is_nothing_to_compare(events, judge, series):
    [finding] = judge("evaluation.beats-baseline", *events.evaluations(*series))

    assert finding.verdict is Verdict.not_available


def test_without_the_untrained_policy_there_is_nothing_to_compare(events, judge):
    [finding] = judge("evaluation.beats-baseline", *events.evaluations(0.4, 0.3, 0.2)[1:])

    assert finding.verdict is Verdict.not_available


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # generating is slow on a busy machine
@given(losses, st.lists(losses, max_size=5), losses, st.floats(0.05, 1))
def test_only_the_first_and_the_last_loss_count(events, judge, first, between, last, ratio):
    [finding] = judge("evaluation.beats-baseline", *events.evaluations(first, *between, last), ratio=ratio)

    assert finding.verdict is (Verdict.passed if last / first < ratio else Verdict.failed)


def learning(events):
    return events.training(policy_loss=[2 - step / 20 for step in range(30)])


def test_a_loss_that_is_the_same_to_the_last_digit_judges_another_policy(events, judge):
    [finding] = judge("evaluation.moves", learning(events), *events.evaluations(0.4, 0.4, 0.4))

    assert (finding.verdict, finding.fault) == (Verdict.failed, Fault.evaluation_insensitive)


@pytest.mark.parametrize(
    ("loss", "verdict"), [(2.301025, Verdict.failed), (2.3, Verdict.not_available)], ids=["exact", "coarse"]
)
def test_two_evaluations_are_enough_where_clients_learn_and_no_digit_changes(events, judge, loss, verdict):
    """FederatedScope's `global`: the training accuracy rises from 0.49 to 0.62, the server tests another model."""
    assert judge("evaluation.moves", learning(events), *events.evaluations(loss, loss))[0].verdict is verdict
    assert judge("evaluation.moves", *events.evaluations(loss, loss))[0].verdict is Verdict.not_available


def test_a_loss_below_0_moves_as_any_other(events, judge):
    [finding] = judge("evaluation.moves", learning(events), *events.evaluations(-0.1, -0.3, -0.4))

    assert finding.verdict is Verdict.passed


def test_a_metric_that_hardly_moves_while_clients_learn_is_insensitive(events, judge):
    """The field's mean squared error in degrees: 6093.28 to 6090.71 while the training loss fell from 1.49 to 0.43."""
    [finding] = judge("evaluation.moves", learning(events), *events.evaluations(6093.28, 6092.0, 6090.71))

    assert finding.fault == Fault.evaluation_insensitive


def test_a_metric_that_stands_still_with_the_policy_is_sensitive_enough(events, judge):
    still = [events.aggregation(number, "a", "a", norm=0.0) for number in (1, 2)]

    assert judge("evaluation.moves", *still, *events.evaluations(0.4, 0.4, 0.4))[0].verdict is Verdict.not_available


def test_rounds_judged_on_other_frames_can_t_be_compared(events, judge):
    first, second = events.evaluations(0.4, 0.2)

    [finding] = judge("evaluation.comparable", first, second.model_copy(update={"frames": 12}))

    assert (finding.fault, finding.message) == (
        Fault.evaluation_incomparable,
        "30 frames before round 1, 12 from it on",
    )


def test_an_evaluation_of_other_parameters_than_were_aggregated_is_found(events, judge):
    [finding] = judge("evaluation.comparable", events.aggregation(1, "a", "b"), *events.evaluations(0.4, 0.2))

    assert finding.message == "round 1 judges other parameters than were aggregated"


def test_a_first_round_that_throws_the_policy_away_blames_the_rate(events, judge):
    """Recorded: 5e-4 gave 9.165 after one round, 1e-4 gave 0.298."""
    assert judge("evaluation.first-round", *events.evaluations(0.149, 9.165))[0].fault == Fault.learning_rate_too_high
    assert judge("evaluation.first-round", *events.evaluations(0.149, 0.298))[0].verdict is Verdict.passed


def test_an_evaluation_that_rises_while_clients_learn_is_warned_of(events, judge):
    [finding] = judge("evaluation.drift", learning(events), *events.evaluations(0.150, 0.438, 1.001, 1.088))

    assert (finding.verdict, finding.fault) == (Verdict.warned, Fault.client_drift)


def test_a_fall_smaller_than_the_ups_and_downs_is_no_fall_yet(events, judge):
    noisy = judge("evaluation.beyond-noise", *events.evaluations(0.50, 0.56, 0.47, 0.55, 0.46, 0.49))
    steady = judge("evaluation.beyond-noise", *events.evaluations(0.50, 0.47, 0.44, 0.42, 0.40, 0.39))

    assert (noisy[0].verdict, steady[0].verdict) == (Verdict.not_available, Verdict.passed)


def test_the_recorded_run_is_reported_as_worse_than_the_baseline_first(events):
    found = diagnose(Ledger(tuple(events.evaluations(0.150, 0.438, 1.001, 1.088))))

    assert (found.root.check, found.root.fault) == ("evaluation.beats-baseline", Fault.worse_than_baseline)
