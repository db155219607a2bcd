"""Which differences count: planned pairs, both a test and an interval, and a sentence that says no more."""

import pytest

from zk0.comparison.contrasts import ELSEWHERE, Contrast, contrasts, planned, sentence, to_centralised

GOOD, HALF, BAD = [True] * 40, [True] * 20 + [False] * 20, [False] * 40


def outcomes(**arms):
    """Return outcomes of one task, with three training seeds that agree."""
    return {arm.replace("_", "-"): {"lift-left": [row] * 3} for arm, row in arms.items()}


def test_federated_arms_are_compared_with_pooled_data_with_local_ones_and_with_fedavg():
    assert planned(["expert", "local-only", ELSEWHERE, "centralised", "fedavg", "fedprox"]) == [
        ("fedavg", "centralised"),
        ("fedprox", "centralised"),
        ("fedavg", "local-only"),
        ("fedprox", "local-only"),
        ("fedavg", ELSEWHERE),
        ("fedprox", ELSEWHERE),
        ("centralised", "local-only"),
        ("fedprox", "fedavg"),
    ]
    assert planned(["expert", "fedavg"]) == []


def test_a_large_difference_is_significant_and_none_is_not():
    worse, same = contrasts(outcomes(centralised=GOOD, fedavg=HALF, fedprox=GOOD))[:2]

    assert (worse.first, worse.second, worse.difference) == ("fedavg", "centralised", -0.5)
    assert worse.is_significant
    assert worse.high < 0
    assert (same.difference, same.p, same.is_significant) == (0.0, 1.0, False)


def test_one_training_seed_of_several_proves_no_way_to_train():
    """McNemar's test alone would call this proven: 40 episodes are won, and none is lost."""
    found = {"fedavg": {"lift-left": [GOOD, BAD, BAD]}, "centralised": {"lift-left": [BAD, BAD, BAD]}}

    [contrast] = contrasts(found)

    assert contrast.adjusted < 1e-6
    assert contrast.low <= 0
    assert not contrast.is_significant


def test_tasks_are_counted_together():
    found = {
        "fedavg": {"lift-left": [GOOD], "touch-far": [BAD]},
        "centralised": {"lift-left": [BAD], "touch-far": [GOOD]},
    }

    [contrast] = contrasts(found)

    assert (contrast.difference, contrast.p) == (0.0, 1.0)


def test_each_federated_arm_is_set_against_pooled_data_task_by_task():
    found = to_centralised(outcomes(centralised=GOOD, fedavg=HALF, fedprox=GOOD, local_only=BAD))

    assert [(one.arm, one.task, one.difference) for one in found] == [
        ("fedavg", "lift-left", -0.5),
        ("fedprox", "lift-left", 0.0),
    ]
    assert to_centralised(outcomes(fedavg=GOOD)) == []


@pytest.mark.parametrize(
    ("adjusted", "low", "said"),
    [
        (0.01, 0.1, "Significant: fedavg is 30 points above local-only."),
        (0.2, 0.1, "Not significant: fedavg and local-only."),
        (0.01, -0.1, "Not significant: fedavg and local-only."),
    ],
)
def test_the_sentence_calls_significant_what_both_the_test_and_the_interval_do(adjusted, low, said):
    found = Contrast(first="fedavg", second="local-only", difference=0.3, low=low, high=0.5, p=0.01, adjusted=adjusted)

    assert sentence([found], 3) == said
    assert "not about the ways to train" in sentence([found], 1)
