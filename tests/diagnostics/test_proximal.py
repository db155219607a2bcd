"""A proximal term is 0 at a round's first step; one that is not was measured after the step and pulls at nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zk0.core.faults import Fault
from zk0.core.verdicts import Verdict
from zk0.diagnostics.diagnosis import diagnose
from zk0.diagnostics.proximal import scaling
from zk0.ledger import Ledger

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
    assert (finding.fault, finding.workflow) == (Fault.proximal_inert, "fedprox-debug")
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


def test_a_falling_loss_under_a_growing_term_is_an_inert_term_and_no_explosion(events):
    """The recorded run: mu 0.1, term 1.201 to 28.832 in 50 steps, while the policy loss fell from 0.6205 to 0.4073."""
    steps = range(50)
    term = [1.201 * (step + 1) ** 0.8125 for step in steps]
    loss = [0.6205 + (0.4073 - 0.6205) * step / 49 for step in steps]
    run = events.training(
        proximal_loss=term,
        policy_loss=loss,
        total_loss=[a + b for a, b in zip(term, loss, strict=True)],
        settings={"proximal-mu": 0.1},
    )

    found = diagnose(Ledger((run,)))

    assert (found.root.check, found.root.fault) == ("proximal.acts", Fault.proximal_inert)
    assert term[-1] == pytest.approx(28.832, rel=0.01)
    assert not {Fault.proximal_diverging, Fault.learning_rate_too_high} & found.faults


def test_a_term_that_begins_at_0_in_the_first_round_only_has_an_old_reference(events, judge):
    rounds = [events.proximal([0.0, 0.1, 0.2]), events.proximal([0.5, 0.6, 0.7], round=2)]

    first, second = judge("proximal.acts", *rounds)

    assert first.verdict is Verdict.passed
    assert second.fault == Fault.proximal_reference


def test_a_first_value_no_step_could_reach_is_another_tensor_s_reference(events, judge):
    opened = events.opened().model_copy(update={"trainable": 10_000})
    far = events.proximal([500.0, 501.0], mu=1.0, learning_rate=[1e-3, 1e-3])
    near = events.proximal([0.5 * 0.01, 0.02], mu=1.0, learning_rate=[1e-3, 1e-3])

    assert judge("proximal.acts", opened, far)[0].fault == Fault.proximal_pairing
    assert judge("proximal.acts", opened, near)[0].fault == Fault.proximal_inert


DRIFT = [0.0, 0.1, 0.2, 0.3, 0.35, 0.4, 0.42, 0.43, 0.44]


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (lambda drift, _: 0.05 * drift**2, None),
        (lambda drift, _: 0.1 * drift**2, Fault.proximal_formula),
        (lambda drift, _: 0.05 * drift, Fault.proximal_formula),
        (lambda _, step: 0.05 * sum(past**2 for past in DRIFT[: step + 1]), Fault.proximal_repeated),
    ],
    ids=["right", "half forgotten", "not squared", "adding up"],
)
def test_the_value_is_held_against_the_drift(events, judge, value, fault):
    series = [value(drift, step) for step, drift in enumerate(DRIFT)]

    [finding] = judge("proximal.formula", events.proximal(series, drift=DRIFT))

    assert finding.fault == fault


@pytest.mark.parametrize(("change", "fault"), [(0.0, Fault.proximal_detached), (0.03, None)], ids=["alone", "with it"])
def test_a_term_that_leaves_the_gradient_s_norm_alone_is_detached(events, judge, change, fault):
    own = [1.0 + 0.1 * step for step in range(len(DRIFT))]
    run = events.training(
        drift=DRIFT,
        proximal_ratio=[0.1 * drift / norm for drift, norm in zip(DRIFT, own, strict=True)],
        gradient_norm=[norm - change * drift for norm, drift in zip(own, DRIFT, strict=True)],
        settings={"proximal-mu": 0.1},
    )

    assert judge("proximal.gradient", run)[0].fault == fault


def test_two_runs_whose_terms_differ_by_mu_alone_have_a_term_without_gradient(events):
    one = Ledger((events.proximal([0.0, 1.0, 2.0, 3.0], mu=0.1),))
    inert = Ledger((events.proximal([0.0, 0.1, 0.2, 0.3], mu=0.01),))
    acting = Ledger((events.proximal([0.0, 0.1, 0.6, 1.7], mu=0.01),))

    assert scaling(one, inert).fault == Fault.proximal_detached
    assert scaling(one, acting).verdict is Verdict.passed
    assert scaling(one, one).verdict is Verdict.not_available


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
