"""Scores and error rates by the words of their names, as shares of 1."""

import pytest

from zk0.ledger.importers.score_names import Shares, as_score, is_of_evaluation, plain, score_of


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("eval_f1", ("f1", True)),
        ("macro_f1", ("f1", None)),
        ("metrics/mAP50-95(B)", ("map", True)),
        ("bbox_mAP_50", ("map", None)),
        ("current mean dice", ("dice", None)),
        ("Val IoU", ("iou", True)),
        ("Average precision", ("ap", None)),
        ("eval_exact_match", ("em", True)),
        ("eval_rougeL", ("rouge", True)),
        ("pc_success", ("success", None)),
        ("train_f1", ("f1", False)),
        ("eval/wer", ("wer", True)),
        ("val_r2_score", ("r2", True)),
    ],
)
def test_a_score_is_known_by_its_word(name, found):
    assert score_of(plain(name)) == found


@pytest.mark.parametrize(
    "name", ["mixed_precision", "val_dice_loss", "best_f1", "map_size", "hd95", "time_map", "recall_threshold", "step"]
)
def test_a_word_with_another_one_that_turns_it_into_something_else_is_none(name):
    assert score_of(name) is None


def test_an_average_precision_is_of_an_evaluation_wherever_it_stands():
    assert is_of_evaluation("mAP50")
    assert not is_of_evaluation("precision")


def test_percent_are_shares_from_the_first_that_shows_it_on():
    shares = Shares()

    assert [shares.of("f1", value) for value in (0.5, 62.0, 0.9)] == pytest.approx([0.5, 0.62, 0.009])
    assert [shares.of("wer", value) for value in (1.2, 98.0)] == [1.2, 0.98]


def test_of_an_error_rate_counts_what_is_left_of_1():
    assert as_score("eval_wer", 0.87) == {"1 - eval_wer": pytest.approx(0.13)}
    assert as_score("eval_wer", 1.2) == {"1 - eval_wer": 0.0}
    assert as_score("hits", -3.0) == {}
    assert as_score("val_r2", -3.0) == {"val_r2": 0.0}
