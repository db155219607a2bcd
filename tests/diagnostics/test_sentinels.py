"""0.0 and 1.0 in the place of what was not measured are found, and measured numbers are left alone."""

from zk0.core.faults import Fault
from zk0.core.verdicts import Verdict


def test_measured_numbers_pass(events, judge):
    [finding] = judge("sentinels.values", events.training(policy_loss=[1.0, 0.99]), *events.evaluations(1.0, 0.98))

    assert finding.verdict is Verdict.passed


def test_an_evaluation_of_exactly_1_again_and_again_was_not_measured(events, judge):
    [finding] = judge("sentinels.values", *events.evaluations(0.8, 1.0, 1.0))

    assert (finding.verdict, finding.fault) == (Verdict.failed, Fault.sentinel_value)
    assert finding.message == "the loss is exactly 1 in 2 rounds"


def test_a_loss_of_no_frame_was_not_measured(events, judge):
    empty = [one.model_copy(update={"frames": 0}) for one in events.evaluations(0.83)]

    assert judge("sentinels.values", *empty)[0].message == "a loss of 0.83 was logged for no frame"


def test_a_round_of_zeros_was_not_measured(events, judge):
    [finding] = judge(
        "sentinels.values", events.training(gradient_norm=[0.0] * 5, policy_loss=[0.4, 0.3, 0.2, 0.2, 0.1])
    )

    assert finding.message == "gradient_norm is 0 at all 5 steps"


def test_gradients_of_0_beside_a_loss_that_does_not_fall_reach_nothing(events, judge):
    stays = events.training(gradient_norm=[0.0] * 5, policy_loss=[0.69, 0.7, 0.69, 0.71, 0.69])

    assert judge("sentinels.values", stays)[0].fault == Fault.gradient_vanishing


def test_a_placeholder_beside_scores_that_rise_is_a_fault_of_the_log_alone(diagnose_text):
    text = "".join(f"Epoch {n}/9 | mAP@0.5: 0.{n}1, Recall: 0.{n}, Loss: -1.0000\n" for n in range(1, 10))

    assert [finding.check for finding in diagnose_text(text).problems] == ["sentinels.values"]
    assert diagnose_text(text).root.verdict is Verdict.warned


def test_losses_that_fall_below_the_printed_digits_were_measured(events, judge):
    """A network for a circuit's equation: 0.085232 at first, 0.000000 from epoch 100 on, in both."""
    training = events.training(policy_loss=[0.085232, 0.0, 0.0, 0.0])

    [finding] = judge("sentinels.values", training, *events.evaluations(0.079384, 0.0, 0.0, 0.0))

    assert finding.verdict is Verdict.passed


def test_zeros_beside_a_score_are_of_a_program_that_has_no_loss(events, judge):
    """Flower's example of XGBoost sends a loss of 0.0 and the AUC."""
    scored = [one.model_copy(update={"metrics": {"auc": 0.75}}) for one in events.evaluations(0.0, 0.0, 0.0)]

    assert [one.verdict for one in judge("sentinels.values", *scored)] == [Verdict.passed]
