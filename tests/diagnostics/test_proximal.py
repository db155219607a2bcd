"""A proximal term is 0 at a round's first step; one that is not was measured after the step and pulls at nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zk0.verdicts import Verdict

positive = st.floats(1e-6, 1e6)


def test_a_term_that_starts_at_0_and_grows_acts(events, judge, numbers):
    healthy = events.proximal([0.0, 0.005, 0.02022], proximal_ratio=[0.0, 0.1, 0.25])

    [finding] = judge("proximal.acts", healthy)

    assert (finding.verdict, finding.at) == ("pass", "left, round 1")
    assert finding.message == "0 at the first step, 0.0202 at step 2"
    assert numbers(finding) == {
        "proximal_loss at step 0": 0.0,
        "proximal_loss at step 2": 0.02022,
        "proximal_ratio at step 2": 0.25,
    }


@pytest.mark.parametrize(
    ("mu", "series"),
    [(0.1, [1.201, 28.832]), (0.01, [0.005868, 0.013218, 0.020024, 0.094092]), (0.001, [0.000585, 0.0013])],
    ids=["the explosion", "mu lowered", "mu lowered again"],
)
def test_the_series_of_the_field_were_all_computed_after_the_step(events, judge, numbers, mu, series):
    """The recorded series that were read as a loss explosion and as a mu that is too large."""
    [finding] = judge("proximal.acts", events.proximal(series, mu))

    assert finding.verdict is Verdict.failed
    assert finding.message == f"the term is {series[0]:.3g} at the first step, where it must be 0"
    assert finding.cause == "it is computed after the optimizer step and has no gradient"
    assert finding.remedy == "add mu * (w - w_round) to the gradient before clipping and the optimizer step"
    assert numbers(finding)["proximal_loss at step 0"] == series[0]
    assert numbers(finding)[f"proximal_loss at step {len(series) - 1}"] == series[-1]


def test_a_term_that_stays_0_has_a_reference_that_moves_along(events, judge):
    [finding] = judge("proximal.acts", events.proximal([0.0, 0.0, 0.0]))

    assert finding.verdict is Verdict.failed
    assert finding.message == "the term is still 0 at step 2"
    assert finding.cause.startswith("its reference moves with the weights")
    assert "snapshot the reference once a round" in finding.remedy


def test_without_mu_the_question_does_not_arise(events, judge):
    [finding] = judge("proximal.acts", events.proximal([0.0, 0.0], mu=0))

    assert (finding.verdict, finding.message) == ("not-applicable", "mu is 0: this is FedAvg")


@pytest.mark.parametrize("series", [[0.0], [None, 0.5], [None, None], [0.0, None]])
def test_without_the_first_and_a_later_step_nothing_can_be_told(events, judge, series):
    [finding] = judge("proximal.acts", events.proximal(series))

    assert finding.verdict is Verdict.not_available


def test_a_client_that_does_not_say_its_mu_can_t_be_judged(events, judge):
    [finding] = judge("proximal.acts", events.training(proximal_loss=[0.0, 0.5]))

    assert finding.verdict is Verdict.not_available


def test_a_term_measured_now_and_then_is_judged_by_what_was_measured(events, judge):
    [finding] = judge("proximal.acts", events.proximal([0.0, None, None, 0.5, None]))

    assert (finding.verdict, finding.message) == ("pass", "0 at the first step, 0.5 at step 3")


def test_every_round_of_every_client_is_judged(events, judge):
    rounds = [
        events.proximal([0.0, 0.5], client="left", round=1),
        events.proximal([1.2, 1.3], client="right", round=1),
        events.proximal([0.0, 0.0], mu=0, client="left", round=2),
    ]

    assert [(finding.at, finding.verdict) for finding in judge("proximal.acts", *rounds)] == [
        ("left, round 1", "pass"),
        ("right, round 1", "fail"),
        ("left, round 2", "not-applicable"),
    ]


@given(st.lists(positive, min_size=1, max_size=9))
def test_the_first_step_decides_whatever_follows(events, judge, later):
    [acts] = judge("proximal.acts", events.proximal([0.0, *later]))
    [inert] = judge("proximal.acts", events.proximal([*later, 1.0]))

    assert acts.verdict is Verdict.passed
    assert inert.verdict is Verdict.failed
