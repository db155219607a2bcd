"""Evaluations by themselves: numbers, replies, a direction, more than guessing."""

import pytest

from zk0.core.faults import Fault
from zk0.core.verdicts import Verdict
from zk0.diagnostics.diagnosis import diagnose
from zk0.ledger import Evaluation, Ledger
from zk0.ledger.log_events import EvaluationReplies, LogProgress


def evaluations(*losses: float | None, first: int = 1, accuracy: list[float] | None = None, why: str = "not finite"):
    return [
        Evaluation(
            round=number,
            dataset="server",
            role="held-out",
            loss=loss,
            frames=None,
            digest=None,
            metrics={"accuracy": accuracy[place]} if accuracy else {},
            missing={} if loss is not None else {"loss": why},
        )
        for place, (number, loss) in enumerate(enumerate(losses, start=first))
    ]


@pytest.mark.parametrize("why", ["not finite", "null in the log"])
def test_an_evaluation_that_is_no_number_fails_with_the_last_that_was(judge, why):
    [finding] = judge("scores.finite", *evaluations(0.5, 0.4, None, None, why=why))

    assert (finding.verdict, finding.fault) == (Verdict.failed, Fault.evaluation_not_finite)
    assert "2 of 4 rounds, from round 3 on; round 2 was 0.4" in finding.message


def test_a_good_last_number_before_it_does_not_beat_the_baseline(judge):
    nan = evaluations(0.5, 0.4, None, first=0)

    assert judge("evaluation.beats-baseline", *nan)[0].verdict is Verdict.failed


@pytest.mark.parametrize(
    ("answered", "failed", "verdict"),
    [(0, 12, Verdict.failed), (12, 0, Verdict.passed), (99, 1, Verdict.warned), (5, 5, Verdict.failed)],
)
def test_evaluations_that_fail_are_counted(judge, answered, failed, verdict):
    [finding] = judge("scores.replies", EvaluationReplies(round=1, answered=answered, failed=failed))

    assert finding.verdict is verdict


def test_an_evaluation_that_rises_without_a_round_0_fails_and_says_what_would_decide(judge):
    [finding] = judge("scores.improve", *evaluations(1.0, 1.7, 2.4, 3.1, 3.8, 4.5))

    assert (finding.verdict, finding.fault) == (Verdict.failed, Fault.evaluation_rising)
    assert "not known" in finding.cause
    assert "decide" in finding.remedy


@pytest.mark.parametrize("first", [0, 1])
def test_evaluations_that_grow_beyond_all_measure_diverge_whatever_else_they_show(judge, first):
    losses, accuracy = [0.15, 0.9, 40.0, 3e3, 2e4, 5e5, 2e6, 3e6], [0.2, 0.2, *[0.1] * 6]
    found = evaluations(*losses, first=first, accuracy=accuracy)

    assert judge("scores.improve", *found)[0].fault == Fault.learning_rate_too_high
    assert diagnose(Ledger(events=tuple(found))).root.fault == Fault.learning_rate_too_high


def test_one_evaluation_far_above_the_others_does_not_diverge(judge):
    assert judge("scores.improve", *evaluations(0.15, 0.1, 400.0, 0.1, 0.1, 0.1))[0].fault is None


def test_an_accuracy_that_is_never_as_good_as_at_first_falls(judge):
    """One client of a federation of NVFlare: fewer right answers from round to round."""
    falling = [0.525, 0.494, 0.47, 0.451, 0.46, 0.442, 0.434, 0.44, 0.42, 0.424]
    found = evaluations(*[None] * 10, accuracy=falling, why="the log does not say it")

    assert judge("scores.improve", *found)[0].fault is None  # of as many models, for all that is known
    [finding] = judge("scores.improve", LogProgress(unit="round", planned=10, reached=10), *found)
    assert (finding.verdict, finding.fault) == (Verdict.failed, Fault.evaluation_rising)


@pytest.mark.parametrize(
    ("accuracy", "fault"),
    [
        ([0.7202, 0.7202, 0.7198, 0.7198, *[0.7188] * 11], Fault.at_chance),
        ([0.65, 0.69, 0.7198, 0.7198, *[0.7188] * 11], None),  # it learnt, and has converged
        ([0.7202, 0.7202, 0.7198, 0.7198, *[0.72] * 11], None),  # of few samples
    ],
)
def test_an_accuracy_that_never_leaves_one_level_is_one_answer_though_the_loss_falls(judge, accuracy, fault):
    losses = [0.96 - 0.02 * n for n in range(15)]

    assert judge("scores.above-chance", *evaluations(*losses, accuracy=accuracy))[0].fault == fault


def test_where_every_client_s_own_loss_falls_the_cause_is_the_average(judge, events):
    falling = events.training(policy_loss=[1.0, 0.5, 0.2])

    [finding] = judge("scores.improve", falling, *evaluations(1.0, 1.7, 2.4, 3.1))

    assert "learn by heart" in finding.cause


def test_beside_the_untrained_policy_a_rise_is_that_check_s(judge):
    assert judge("scores.improve", *evaluations(1.0, 1.7, 2.4, 3.1, first=0))[0].verdict is Verdict.not_available


@pytest.mark.parametrize("losses", [(2.3, 1.1, 0.6), (2.3, 1.1, 0.6, 0.5, 0.52)])
def test_one_that_falls_passes(judge, losses):
    assert judge("scores.improve", *evaluations(*losses))[0].verdict is Verdict.passed


@pytest.mark.parametrize("losses", [(0.5,), (0.5, 0.499, 0.501, 0.5, 0.498), (0.5, 0.55, 0.5, 0.56)])
def test_one_that_goes_nowhere_says_nothing(judge, losses):
    assert judge("scores.improve", *evaluations(*losses))[0].verdict is Verdict.not_available


@pytest.mark.parametrize(
    ("aucs", "verdict"),
    [
        ((0.757, 0.771, 0.776, 0.780, 0.784), Verdict.passed),  # Flower's example of XGBoost
        ((0.757, 0.758, 0.759, 0.760, 0.761), Verdict.not_available),
        ((0.757, 0.784, 0.760, 0.771, 0.769), Verdict.not_available),
    ],
    ids=["from one to the next", "hardly", "up and down"],
)
def test_a_score_that_rises_a_little_from_one_evaluation_to_the_next_learns(judge, aucs, verdict):
    scored = [
        one.model_copy(update={"metrics": {"auc": auc}, "missing": {"loss": "not in the log"}})
        for one, auc in zip(evaluations(*[None] * len(aucs)), aucs, strict=True)
    ]

    assert judge("scores.improve", *scored)[0].verdict is verdict


def test_an_accuracy_that_stays_at_guessing_fails(judge):
    [finding] = judge("scores.above-chance", *evaluations(*[2.3] * 6, accuracy=[0.1, 0.101, 0.1, 0.099, 0.1, 0.1]))

    assert (finding.verdict, finding.fault) == (Verdict.failed, Fault.at_chance)
    assert "10 classes" in finding.message


@pytest.mark.parametrize("accuracy", [[0.1, 0.3, 0.5, 0.7], [0.87, 0.87, 0.87, 0.88], [0.5, 0.6, 0.62, 0.7]])
def test_one_that_learns_or_is_far_from_guessing_passes(judge, accuracy):
    assert judge("scores.above-chance", *evaluations(*[1.0] * 4, accuracy=accuracy))[0].verdict is Verdict.passed


def test_the_nearest_number_of_classes_is_named(judge):
    [finding] = judge("scores.above-chance", *evaluations(*[2.3] * 6, accuracy=[0.1, 0.116, 0.12, 0.1, 0.1, 0.12]))

    assert "10 classes" in finding.message


def test_one_answer_for_all_inputs_is_no_learning(judge):
    [finding] = judge("scores.above-chance", *evaluations(*[2.48] * 6, accuracy=[0.034] * 6))

    assert (finding.verdict, finding.fault) == (Verdict.failed, Fault.at_chance)
    assert "one answer" in finding.message


@pytest.mark.parametrize("accuracy", [0.0, 0.9])
def test_a_steady_accuracy_that_may_have_another_reason_is_no_finding(judge, accuracy):
    [finding] = judge("scores.above-chance", *evaluations(*[2.48] * 6, accuracy=[accuracy] * 6))

    assert finding.verdict is not Verdict.failed


def test_a_training_that_begins_to_learn_may_still_guess(judge, events):
    begins = events.training(policy_loss=[2.05, 2.03, 1.98, 1.94, 1.91, 1.88])
    scores = evaluations(1.963, 1.962, 1.96, 1.958, 1.957, 1.956, accuracy=[0.158, 0.16, 0.16, 0.16, 0.159, 0.16])

    assert judge("scores.above-chance", *scores)[0].verdict is Verdict.failed
    assert judge("scores.above-chance", begins, *scores)[0].verdict is Verdict.not_available


@pytest.mark.parametrize(
    ("share", "verdict"),
    [(887 / 1628, Verdict.warned), (2 / 3, Verdict.passed), (0.5448, Verdict.passed)],
    ids=["of many samples", "of few", "cut"],
)
def test_a_share_of_many_samples_that_never_changes_is_one_answer_whatever_the_loss_does(judge, share, verdict):
    """A federation of two classes that answers with the larger one: 0.5448402948402948 in each of five rounds."""
    [finding] = judge("scores.above-chance", *evaluations(0.67, 0.66, 0.65, 0.64, 0.62, accuracy=[share] * 5))

    assert finding.verdict is verdict


def test_an_accuracy_of_many_digits_that_is_repeated_is_another_model_s(judge):
    [finding] = judge("scores.above-chance", *evaluations(*[0.3] * 9, accuracy=[0.9988, *[0.5656] * 8]))

    assert (finding.verdict, finding.fault) == (Verdict.warned, Fault.evaluation_insensitive)


@pytest.mark.parametrize(
    ("accuracy", "losses"),
    [
        ([0.3, 0.4, 0.5, *[0.625] * 6], [0.3] * 9),  # 8 samples may agree by chance
        ([0.41, 0.52, 0.58, *[0.9412] * 6], [0.3] * 9),  # it has converged
        ([0.2, *[0.5656] * 8], [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]),  # it learns all the same
        ([0.2, 0.3, 0.4, 0.5, 0.51, 0.52, 0.53, 0.54, *[0.5656] * 6], [0.3] * 14),  # at the end of its schedule
    ],
)
def test_repeated_accuracies_with_another_reason_are_none(judge, accuracy, losses):
    [finding] = judge("scores.above-chance", *evaluations(*losses, accuracy=accuracy))

    assert finding.verdict is Verdict.passed


@pytest.mark.parametrize(("first", "verdict"), [(0, Verdict.not_available), (1, Verdict.failed)])
def test_three_evaluations_that_rise_tenfold_fail_unless_the_first_is_the_untrained_policy(judge, first, verdict):
    assert judge("scores.improve", *evaluations(0.15, 0.6, 1.1, first=first))[0].verdict is verdict


def test_one_accuracy_in_every_round_of_fedprox_s_code_is_no_learning(diagnose_text):
    text = "".join(
        f"At round {n} accuracy: 0.05166051660516605\nAt round {n} training accuracy: 0.0496\n"
        f"At round {n} training loss: {2.237 + n % 3 / 1000}\n"
        for n in range(1, 30)
    )

    assert diagnose_text(text).root.fault == Fault.at_chance


@pytest.mark.parametrize(("count", "fails"), [("", False), ("epoch {n}: ", True)], ids=["a search", "one training"])
def test_scores_that_nothing_counts_may_be_of_as_many_models(diagnose_text, count, fails):
    text = "".join(f"{count.format(n=n)}precision={0.87 - 0.02 * n:.3f}\n" for n in range(22))

    found = {finding.check for finding in diagnose_text(text).problems}

    assert ("scores.improve" in found) is fails


def test_scores_without_a_loss_are_finite_numbers(judge):
    found = evaluations(None, None, accuracy=[0.5, 0.9], why="not in the log")

    assert judge("scores.finite", *found)[0].verdict is Verdict.passed
