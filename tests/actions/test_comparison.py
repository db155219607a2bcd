"""The steps of the comparison on a small scale, and each check with a case that passes and one that does not."""

import json
from pathlib import Path

import pytest

from zk0.actions.comparison import (
    CompareInputs,
    CompareOutputs,
    DriveArmsInputs,
    DriveArmsOutputs,
    TrainInputs,
    TrainOutputs,
    compare,
    drive,
    train,
)
from zk0.comparison.arms import TrainedPolicy
from zk0.comparison.contrasts import TaskDifference
from zk0.comparison.results import ArmResult
from zk0.core.errors import InputError


def verdicts(findings):
    return [str(one.verdict) for one in findings]


def policy(arm, steps):
    return TrainedPolicy(
        arm=arm, seed=0, client=None, checkpoint=Path(arm), losses={}, errors={}, steps=steps, seconds=1.0
    )


def result(arm, successes, non_finite=0):
    steps = [[20] * len(row) for row in successes]
    return ArmResult(arm=arm, task="lift-left", successes=successes, steps=steps, non_finite=non_finite)


def compared(*margins):
    return CompareOutputs(
        contrasts=[],
        margins=list(margins),
        sentence="",
        report=Path("comparison.md"),
        numbers=Path("comparison.json"),
        results=[],
        table=[],
    )


def margin(low, high, pooled=0.8):
    return TaskDifference(
        arm="fedavg", task="lift-left", pooled=pooled, difference=(low + high) / 2, low=low, high=high
    )


def test_an_arm_named_twice_is_refused_before_anything_runs(context):
    with pytest.raises(InputError, match="named twice"):
        TrainInputs(configuration={}, arms=("fedavg", "fedavg")).preflight(context.project)


def test_arms_are_trained_with_seeds_of_the_run(context, monkeypatch):
    seen = []

    def train_all(planned, values, folder, *, actions, observe):
        seen.extend(planned)
        return [policy(one.arm, 4) for one in planned]

    monkeypatch.setattr("zk0.actions.comparison.train_all", train_all)
    configuration = {"data": "sim:lift-left;sim:touch-far", "unseen": ""}

    inputs = TrainInputs(configuration=configuration, arms=("fedavg",), training_seeds=2)
    train(inputs, context)
    found = train(inputs, context)  # as if the first attempt had been interrupted

    assert [one.seed for one in seen] == [14, 15] * 2  # the run's seed is 7
    assert len(found.table) == 3


def test_references_are_driven_and_compared_with_nothing(context, recordings, monkeypatch, judge):
    root = recordings["lift-left"]
    monkeypatch.setattr("zk0.actions.comparison.locate_configured", lambda *_: type("Set", (), {"root": root}))
    inputs = DriveArmsInputs(
        policies=[],
        configuration={"data": "sim:lift-left", "unseen": ""},
        arms=("expert", "blind-replay"),
        rollouts=2,
    )

    found = drive(inputs, context)

    assert verdicts(judge("comparison.complete", found)) == ["pass", "pass"]
    assert json.loads(found.results.read_text())[0]["arm"] == "expert"
    said = compare(CompareInputs(arms=found.arms, about="Two references."), context)
    assert verdicts(judge("comparison.significance", said)) == ["not-applicable"]
    assert "Two references." in said.report.read_text()
    assert said.results[0] == {"name": "expert success rate, all tasks", "value": 1.0, "unit": ""}


def test_arms_with_other_steps_fail(judge):
    same = TrainOutputs(directory=Path(), policies=[policy("fedavg", 4), policy("centralised", 4)], table=[])
    other = TrainOutputs(directory=Path(), policies=[policy("fedavg", 4), policy("centralised", 8)], table=[])

    assert verdicts(judge("comparison.same-steps", same)) == ["pass"]
    assert verdicts(judge("comparison.same-steps", other)) == ["fail"]


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (result("fedavg", [[True] * 3] * 2), "pass"),
        (result("fedavg", [[True] * 3]), "fail"),
        (result("fedavg", [[True] * 2] * 2), "fail"),
        (result("fedavg", [[False] * 3] * 2, non_finite=1), "fail"),
    ],
)
def test_every_episode_of_every_seed_is_there_and_finite(judge, found, verdict):
    outputs = DriveArmsOutputs(results=Path(), arms=[found], rollouts=3, training_seeds=2, table=[])

    assert verdicts(judge("comparison.complete", outputs)) == [verdict]


@pytest.mark.parametrize(
    ("low", "high", "pooled", "verdict"),
    [
        (-0.04, 0.1, 0.8, "pass"),
        (-0.5, -0.06, 0.8, "warn"),
        (-0.2, 0.1, 0.8, "not-available"),
        (-0.01, 0.01, 0.0, "not-available"),
    ],
)
def test_near_means_that_the_whole_interval_is_and_a_wide_one_says_nothing(judge, low, high, pooled, verdict):
    found = compared(margin(low, high, pooled))

    assert verdicts(judge("comparison.federated-near-centralised", found)) == [verdict]


def test_without_pooled_data_there_is_nothing_to_be_near_to(judge):
    assert verdicts(judge("comparison.federated-near-centralised", compared())) == ["not-applicable"]
