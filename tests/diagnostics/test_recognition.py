"""Scores by whatever name: 0 to the end, and up and down to the end."""

import pytest

from zk0.core.faults import Fault
from zk0.core.verdicts import Verdict
from zk0.ledger import Evaluation


def scored(name: str, *values: float, loss: float | None = None):
    return [
        Evaluation(
            round=number, dataset="server", role="held-out", loss=loss, frames=None, digest=None, metrics={name: value}
        )
        for number, value in enumerate(values, start=1)
    ]


ROWS = {
    "Hugging Face": "{{'eval_loss': 0.4{n}, 'eval_f1': 0.0, 'eval_accuracy': 0.87, 'epoch': {n}}}\n",
    "Keras": (
        "Epoch {n}/9\n9/9 [====] - 1s - loss: 0.2{n} - precision: 0.0000e+00 - val_loss: 0.3{n} "
        "- val_precision: 0.0000e+00\n"
    ),
    "mmdetection": "2023-05-01 10:0{n}:59,123 - mmdet - INFO - Epoch(val) [{n}][50]\tbbox_mAP: 0.0, bbox_mAP_50: 0.0\n",
    "MONAI": "epoch {n}/30\n1/4, train_loss: 0.6{n}\ncurrent epoch: {n} current mean dice: 0.0000\n",
    "a sentence, and hardly above 0": (
        "Epoch {n} train_loss: 0.7{n}\nTesting performance in val model: mean_dice : 0.00{n}2, best_dice : 0.000\n"
    ),
    "word errors": "{{'eval_loss': 3.{n}, 'eval_wer': 1.0, 'epoch': {n}}}\n",
    "robomimic": 'Train Epoch {n}0\n{{\n    "Loss": 0.4{n}\n}}\n{{\n    "Success_Rate": 0.0,\n    "Time": 5.2\n}}\n',
    "detectron2": (
        "[05/01 10:01:01 d2.utils.events]:  eta: 0:10:00  iter: {n}000  total_loss: 1.{n}  lr: 0.00025\n"
        "|  AP   |  AP50  |\n|:-----:|:------:|\n| 0.000 | 0.000  |\n"
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_score_of_0_in_every_evaluation_is_found_under_the_names_that_programs_give_it(diagnose_text, row):
    said = diagnose_text("".join(row.format(n=n) for n in range(1, 10)))

    assert (said.root.check, said.root.fault) == ("scores.above-zero", Fault.at_chance)


EVALUATED = (
    "INFO 2026-08-04 16:34:09 bot_eval.py:760 Making policy.\n"
    "Stepping through eval batches: 100%|██████████| 2/2 [01:02<00:00, 31.5s/it, running_success_rate={rate}%]\n"
    "INFO 2026-08-04 16:38:12 bot_eval.py:809 {{'avg_sum_reward': 0.5, 'avg_max_reward': 0.5, 'pc_success': {rate}, "
    "'n_episodes': 20, 'eval_s': 62.3, 'eval_ep_s': 3.1, 'video_paths': ['outputs/eval/videos/a.mp4']}}\n"
    "INFO 2026-08-04 16:38:12 bot_eval.py:822 End of eval\n"
)


def test_a_policy_that_solves_no_episode_of_its_evaluation_is_a_failure(diagnose_text):
    said = diagnose_text(EVALUATED.format(rate=0.0))

    assert (said.root.check, said.root.verdict) == ("scores.above-zero", Verdict.failed)
    assert said.root.message == "pc_success is 0 in the evaluation: no episode succeeds"
    assert "demonstration" in said.root.remedy
    assert diagnose_text(EVALUATED.format(rate=35.0)).problems == ()


def test_an_evaluation_that_has_only_begun_says_nothing(diagnose_text):
    assert diagnose_text(EVALUATED.format(rate=0.0).partition("INFO 2026-08-04 16:38")[0]).problems == ()


def test_a_score_that_has_only_begun_says_nothing(diagnose_text):
    said = diagnose_text("".join(f"epoch {n}/300\nval loss: 0.{9 - n}, val_mAP: 0.0\n" for n in range(1, 5)))

    assert said.problems == () or said.root.check == "progress.ended"


@pytest.mark.parametrize("name", ["mixed_precision", "precision_bits", "map_size", "best_f1", "recall_loss"])
def test_a_setting_with_the_word_of_a_score_is_none(diagnose_text, name):
    said = diagnose_text("".join(f"epoch {n}: loss: {1 / n:.3f}, {name}: 0\n" for n in range(1, 9)))

    assert said.problems == ()


def test_a_score_that_came_down_to_0_collapsed(judge):
    [finding] = judge("scores.above-zero", *scored("dice", 0.5, 0.6, 0.62, 0.61, 0.0, 0.0, 0.0))

    assert (finding.verdict, finding.fault) == (Verdict.failed, Fault.at_chance)


SWINGING = (0.41, 0.72, 0.28, 0.69, 0.31, 0.74, 0.25, 0.70, 0.33)


def test_rounds_that_undo_each_other_are_swings_and_not_healthy(judge, events):
    federated = [events.training("left"), events.training("right")]

    [finding] = judge("scores.steady", *federated, *scored("accuracy", *SWINGING))

    assert (finding.verdict, finding.fault) == (Verdict.warned, Fault.evaluation_swinging)
    assert "clients" in finding.cause


def test_a_loss_that_doubles_and_halves_to_the_end_swings(judge):
    losses = (3.29, 0.92, 1.43, 1.85, 0.58, 2.3, 0.17, 1.52, 0.14, 2.81)
    found = [scored("x", 1.0, loss=loss)[0].model_copy(update={"round": n}) for n, loss in enumerate(losses, start=1)]

    assert judge("scores.steady", *found)[0].fault == Fault.evaluation_swinging


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("accuracy", (0.3, 0.5, 0.44, 0.6, 0.55, 0.66, 0.64, 0.7)),  # rises, with noise
        ("accuracy", (0.2, 0.7, 0.3, 0.8, 0.81, 0.8, 0.82, 0.81, 0.82)),  # swings at first
        ("pc_success", (0.4, 0.6, 0.4, 0.7, 0.4, 0.7, 0.4, 0.6)),  # ten episodes each
    ],
    ids=["rises", "settles", "few episodes"],
)
def test_noise_and_a_beginning_are_no_swings(judge, name, values):
    assert judge("scores.steady", *scored(name, *values))[0].verdict is not Verdict.warned


@pytest.mark.parametrize(("level", "faults"), [(0.02, {Fault.at_chance}), (0.6, set())])
def test_a_regression_that_says_the_mean_explains_nothing(diagnose_text, level, faults):
    text = "".join(
        f"Epoch {n}: loss: {1 - 0.002 * n:.3f}, val_loss: {0.96 - 0.001 * n:.3f}, val_r2: {level - 0.01 * n:.3f}\n"
        for n in range(6)
    )

    assert {one.fault for one in diagnose_text(text).problems if one.check == "scores.above-zero"} == faults
