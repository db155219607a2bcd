"""A policy has learnt when its loss on frames it never saw is below that of the untrained policy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zk0.verdicts import Verdict

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
    assert finding.remedy == "halve local_steps, or lower learning_rate by a factor of 5"
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


@given(losses, st.lists(losses, max_size=5), losses, st.floats(0.05, 1))
def test_only_the_first_and_the_last_loss_count(events, judge, first, between, last, ratio):
    [finding] = judge("evaluation.beats-baseline", *events.evaluations(first, *between, last), ratio=ratio)

    assert finding.verdict is (Verdict.passed if last / first < ratio else Verdict.failed)
