"""What a program's names mean, by the table and by the words that they are made of."""

import pytest

from zk0.ledger.importers.metric_names import is_supervised_part, meaning_of, meanings


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("Train Loss", "policy_loss"),
        ("train_vae_loss", "policy_loss"),
        ("val_total_loss", "evaluation"),
        ("mean 100 episode reward", "reward"),
        ("train/episode_return", "reward"),
        ("ep_rew_mean", "reward"),
        ("reward_scale", ""),
        ("rew_tracking_lin_vel", ""),
        ("eval_mean_reward", "evaluation_return"),  # an evaluation's, among those of training, would be another series
        ("eval_macro_f1", "evaluation_score"),
        ("mean dice", "score"),
        ("train_f1", ""),
    ],
)
def test_a_name_means_what_its_words_say(name, meaning):
    assert meaning_of(name) == meaning


def test_of_several_scores_the_one_that_joins_others_stands_for_a_line():
    assert meanings(["val_precision", "val_f1", "val_recall"]) == {"evaluation_score": "val_f1"}


@pytest.mark.parametrize(
    ("others", "judged"),
    [
        (["loss"], True),
        (["loss", "v_recons", "recons"], True),
        (["pi_loss", "loss"], False),
        (["loss", "entropy"], False),
    ],
)
def test_beside_a_loss_alone_v_loss_is_that_of_validation(others, judged):
    assert (meanings([*others, "v_loss"]).get("evaluation") == "v_loss") is judged


@pytest.mark.parametrize(
    ("name", "supervised"),
    [
        *((name, True) for name in ("iou_loss", "CTCLoss", "loss_bbox", "loss_rpn_bbox", "train/box_loss", "seg_loss")),
        # 0 by design: one class, a regulariser, what is switched off
        *((name, False) for name in ("cls_loss", "aux_loss", "kl_loss", "unsuper_loss", "loss", "l2_loss")),
    ],
)
def test_a_part_that_labels_decide_is_known_by_its_name(name, supervised):
    assert is_supervised_part(name) is supervised
