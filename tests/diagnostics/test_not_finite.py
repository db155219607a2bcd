"""A cause of NaN is named by what came before it, and only growth asks for a lower learning rate."""

import pytest

from zk0.core.verdicts import Verdict


def logged(events, losses, norms=(), **bad):
    return events.training(
        policy_loss=losses,
        gradient_norm=list(norms) or [None] * len(losses),
        read_from="run.log:1",
        logged=len(losses),
        not_finite=bad,
    )


def test_from_the_first_value_on_it_is_the_data_or_the_precision(judge, events):
    [finding] = judge("loss.finite", logged(events, [None] * 4, policy_loss=[0, 1, 2, 3]))

    assert finding.message == "4 of 4 logged values are not finite"
    assert "from the first logged value on" in finding.cause
    assert "learning_rate" not in finding.remedy


def test_after_growth_it_is_the_learning_rate(judge, events):
    grown = [1.0, 1.1, 1.0, 1.2, 2.0, 9.0, 60.0, None, None]

    [finding] = judge("loss.finite", logged(events, grown, policy_loss=[7, 8]))

    assert "lower learning_rate" in finding.remedy


def test_growing_gradients_are_growth_too(judge, events):
    norms = [1.0, 1.0, 1.2, 4.0, 30.0, 200.0, None]

    [finding] = judge("loss.finite", logged(events, [1.0] * 6 + [None], norms, policy_loss=[6], gradient_norm=[6]))

    assert "lower learning_rate" in finding.remedy


def test_out_of_the_calm_it_is_a_batch_or_an_overflow(judge, events):
    calm = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, None, None]

    [finding] = judge("loss.finite", logged(events, calm, policy_loss=[6, 7]))

    assert "nothing grew before" in finding.cause
    assert "would only hide it" in finding.remedy


def test_a_scaler_that_settles_is_no_fault(judge, events):
    norms = [None, None, 1.0, None, *[1.0] * 50]

    [finding] = judge("loss.finite", logged(events, [1.0] * 54, norms, gradient_norm=[0, 1, 3]))

    assert finding.verdict is Verdict.passed
    assert "scaler" in finding.message


@pytest.mark.parametrize("late", [list(range(60, 90))])
def test_gradients_that_go_on_overflowing_are_one(judge, events, late):
    norms = [None if step in late else 1.0 for step in range(100)]

    [finding] = judge("loss.finite", logged(events, [1.0] * 100, norms, gradient_norm=late))

    assert finding.verdict is Verdict.failed


def test_one_loss_that_is_finite_again_afterwards_is_a_warning(judge, events):
    [finding] = judge("loss.finite", logged(events, [1.0, None, 0.9, 0.8], policy_loss=[1]))

    assert finding.verdict is Verdict.warned
    assert "again" in finding.message


def test_a_first_round_that_is_not_finite_before_rounds_that_are(judge, events):
    later = events.training(round=2, policy_loss=[0.9], read_from="run.log:2")

    finding, _ = judge("loss.finite", logged(events, [None], policy_loss=[0]), later)

    assert finding.verdict is Verdict.warned
