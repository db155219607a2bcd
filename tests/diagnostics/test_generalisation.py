"""What is learnt by heart, and what only looks like it."""

import pytest

from zk0.core.faults import Fault
from zk0.core.verdicts import Verdict

FALLING = [1.2, 0.9, 0.6, 0.4, 0.2, 0.1, 0.05]


def evaluations(events, *losses: float, accuracy: list[float] | None = None):
    found = events.evaluations(*losses)
    named = zip(found, accuracy or [], strict=bool(accuracy))
    return [one.model_copy(update={"metrics": {"accuracy": value}}) for one, value in named] or found


def test_an_evaluation_that_rises_far_above_the_loss_of_training_is_overfitting(judge, events):
    [finding] = judge("generalisation.gap", events.training(policy_loss=FALLING), *evaluations(events, 0.9, 0.7, 1.1))

    assert (finding.verdict, finding.fault) == (Verdict.warned, Fault.overfitting)


def test_so_is_an_accuracy_far_below_that_of_the_training_data(judge, events):
    training = events.training(policy_loss=FALLING, accuracy=[0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93])

    [finding] = judge("generalisation.gap", training, *evaluations(events, 1.8, accuracy=[0.62]))

    assert (finding.verdict, finding.fault) == (Verdict.warned, Fault.overfitting)


@pytest.mark.parametrize(("other", "verdict"), [(0.5, Verdict.warned), (0.65, Verdict.passed)])
def test_a_loss_that_rises_far_is_overfitting_where_the_answers_are_worse_than_in_training(
    judge, events, other, verdict
):
    """An LSTM: 73 % right in training, 50 % as from the beginning in the evaluation, whose loss rises by half."""
    training = events.training(
        policy_loss=[1.5, 1.2, 1.0, 0.9, 0.8, 0.7, 0.66], accuracy=[0.3 + 0.06 * n for n in range(7)]
    )
    judged = evaluations(events, 1.4, 1.29, 1.6, 1.95, accuracy=[other - 0.05, other, other, other])

    assert judge("generalisation.gap", training, *judged)[0].verdict is verdict


@pytest.mark.parametrize(("last", "verdict"), [(3.6, Verdict.warned), (3.35, Verdict.passed)])
def test_so_is_one_that_rises_a_little_where_the_answers_are_far_worse(judge, events, last, verdict):
    """Forty kinds of actions: 46 % right in training, 13 % in the evaluation from the beginning on."""
    training = events.training(policy_loss=[4.9, 3.2, 2.9, 2.6, 2.3, 2.1, 1.9], accuracy=[0.07 * n for n in range(7)])
    judged = evaluations(events, 3.7, 3.4, 3.32, 3.37, last, last, accuracy=[0.05, 0.1, 0.12, 0.14, 0.14, 0.13])

    assert judge("generalisation.gap", training, *judged)[0].verdict is verdict


def test_where_only_evaluations_are_logged_many_have_to_rise(judge, events):
    rising = [0.5, 0.44, *(0.44 + 0.002 * n for n in range(30))]

    assert judge("generalisation.gap", *evaluations(events, *rising))[0].fault == Fault.overfitting
    assert judge("generalisation.gap", *evaluations(events, *rising[:10]))[0].verdict is not Verdict.warned


def test_many_evaluations_that_rise_a_little_from_their_best_are_enough_beside_a_loss_far_below(judge, events):
    """TMR: the best of 500 epochs is the 120th, 13 % below the last."""
    training = events.training(policy_loss=[5 / (n + 1) for n in range(60)])
    falling, noise = [0.5 - 0.01 * n for n in range(20)], (0.0, 0.002, -0.001)
    rising = [*falling, *(0.31 + 0.001 * n + noise[n % 3] for n in range(40))]
    level = [*falling, *(0.31 + 0.01 * (n % 3) for n in range(40))]

    assert judge("generalisation.gap", training, *evaluations(events, *rising))[0].fault == Fault.overfitting
    assert judge("generalisation.gap", training, *evaluations(events, *level))[0].verdict is Verdict.passed


def test_a_loss_that_vanishes_beside_a_low_score_that_never_rises_is_overfitting(diagnose_text):
    text = "".join(
        f"Epoch: {n}, Avg_loss: {0.8 * 0.8**n:.4f}, Average_precision: {0.19 + 0.004 * (n % 3):.3f}\n"
        for n in range(1, 40)
    )

    assert diagnose_text(text).root.fault == Fault.overfitting


@pytest.mark.parametrize(
    ("trained", "judged", "accuracy"),
    [
        (FALLING, (0.9, 0.7, 0.72), None),  # noise
        (FALLING, (0.09, 0.05, 0.08), None),  # no further from the loss of training than augmentation puts it
        (FALLING, (0.9, 0.7, 1.1), [0.7, 0.8, 0.85]),  # the answers get better all the same
        ([*reversed(FALLING)], (0.9, 0.7, 4.1), None),  # training diverges as well
    ],
)
def test_these_are_no_overfitting(judge, events, trained, judged, accuracy):
    findings = judge(
        "generalisation.gap", events.training(policy_loss=trained), *evaluations(events, *judged, accuracy=accuracy)
    )

    assert [one.verdict for one in findings] == [Verdict.passed]


def test_a_loss_of_training_below_0_is_no_measure_of_what_is_learnt_by_heart(judge, events):
    [finding] = judge("generalisation.gap", events.training(policy_loss=[-1.0] * 9), *evaluations(events, 0.3, 0.9))

    assert finding.verdict is not Verdict.warned


@pytest.mark.parametrize(
    ("last", "verdict"),
    [(0.6, Verdict.warned), (0.9, Verdict.passed), (None, Verdict.not_applicable)],
    ids=["stays low", "holds", "still rises"],
)
def test_clients_that_know_their_data_by_heart_while_the_evaluation_stays_low(judge, events, last, verdict):
    clients = [
        events.training(client=name, policy_loss=[0.1] * 20, accuracy=[0.7] * 5 + [0.99] * 15) for name in ("a", "b")
    ]
    accuracy = [last - 0.01 * (n % 2) for n in range(14)] if last else [0.3 + 0.03 * n for n in range(14)]

    [finding] = judge("generalisation.gap", *clients, *evaluations(events, *[0.9] * 14, accuracy=accuracy))

    assert finding.verdict is verdict


def test_accuracies_of_clients_that_are_no_shares_are_not_compared(judge, events):
    clients = [events.training(client=name, policy_loss=[0.1] * 20, accuracy=[58.4] * 20) for name in ("a", "b")]

    [finding] = judge("generalisation.gap", *clients, *evaluations(events, *[0.9] * 14, accuracy=[0.1] * 14))

    assert finding.verdict is Verdict.not_applicable


def test_clients_of_a_federation_are_judged_elsewhere(judge, events):
    both = [events.training(client=name, policy_loss=FALLING) for name in "ab"]

    assert judge("generalisation.gap", *both, *evaluations(events, 0.9, 0.7, 1.1))[0].verdict is Verdict.not_applicable


def test_without_two_sides_nothing_is_said(judge, events):
    assert judge("generalisation.gap", *evaluations(events, 0.9, 0.7))[0].verdict is Verdict.not_available


def test_what_is_worse_than_the_untrained_policy_is_not_learnt_by_heart(judge, events):
    [finding] = judge("generalisation.gap", events.training(policy_loss=FALLING), *evaluations(events, 0.15, 0.6, 1.1))

    assert finding.verdict is Verdict.not_available
