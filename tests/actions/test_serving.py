"""A checkpoint is chosen, verified and driven in closed loop; each check has a case that passes and one that fails."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from zk0.actions.serving import (
    ChooseInputs,
    ChooseOutputs,
    EvaluateInputs,
    EvaluateOutputs,
    choose_checkpoint,
    evaluate,
)
from zk0.core.errors import InputError, PolicyError, UnknownNameError
from zk0.core.project import Project
from zk0.serving.results import LatencySummary, TaskResult
from zk0.simulator.rollout import Rollouts


@pytest.fixture
def arms(trained, tmp_path, context):
    """Return the context of a step in a copy of the project that has trained."""
    root = Path(shutil.copytree(trained, tmp_path / "arms", symlinks=True))
    return replace(context, project=Project(root))


def verdicts(findings):
    return [str(one.verdict) for one in findings]


def chosen(**changes):
    values = {
        "training": "run-1",
        "passed": True,
        "round": 2,
        "checkpoint": Path("round-002"),
        "loss": 0.3,
        "baseline_loss": 2.0,
        "digest_recorded": "a" * 32,
        "digest_loaded": "a" * 32,
        "frozen_recorded": "b" * 32,
        "frozen_loaded": "b" * 32,
        "tasks": ("lift-left",),
        "table": [],
    }
    return ChooseOutputs(**values | changes)


def evaluated(p95):
    latency = LatencySummary(chunks=9, actions=10, period=100.0, p50=p95, p95=p95, p99=p95, longest=p95)
    found = TaskResult.of(Rollouts("lift-left", 9, (30,) * 10, 0))
    return EvaluateOutputs(tasks=[found], latency=latency, results=[], table=[])


def test_without_inputs_the_last_good_training_is_taken_and_is_what_was_recorded(arms, judge):
    ChooseInputs().preflight(arms.project)

    found = choose_checkpoint(ChooseInputs(), arms)

    assert found.tasks == ("lift-left", "touch-far")
    assert found.checkpoint.is_dir()
    assert found.digest_loaded == found.digest_recorded
    assert verdicts(judge("serving.intact", found)) == ["pass", "pass", "pass"]


def test_a_checkpoint_is_chosen_by_its_folder(arms):
    [folder] = arms.project.root.rglob("checkpoints/round-001")

    found = choose_checkpoint(ChooseInputs(checkpoint=str(folder.relative_to(arms.project.root))), arms)

    assert found.round == 1


@pytest.mark.parametrize(
    ("inputs", "error"),
    [
        ({"checkpoint": "7"}, UnknownNameError),
        ({"checkpoint": "models/mine"}, UnknownNameError),
        ({"training": "20200101"}, UnknownNameError),
        ({"tasks": ("fold-laundry",)}, UnknownNameError),
    ],
)
def test_what_is_not_known_is_refused_before_anything_runs(arms, inputs, error):
    with pytest.raises(error) as caught:
        ChooseInputs(**inputs).preflight(arms.project)

    assert caught.value.remedy


def test_an_altered_checkpoint_is_refused_before_anything_runs(arms):
    [weights] = arms.project.root.rglob("round-002/model.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")

    with pytest.raises(PolicyError, match="altered"):
        ChooseInputs().preflight(arms.project)


def test_a_training_without_a_simulated_task_needs_one(arms, monkeypatch):
    monkeypatch.setattr("zk0.actions.serving.simulated_tasks", lambda _training: ())

    with pytest.raises(InputError, match="no task of the simulator"):
        ChooseInputs().preflight(arms.project)
    ChooseInputs(tasks=("touch-far",)).preflight(arms.project)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [({"digest_loaded": "c" * 32}, "fail"), ({"frozen_loaded": "c" * 32}, "fail"), ({"passed": False}, "warn")],
)
def test_other_tensors_fail_and_a_run_that_failed_warns(judge, changes, verdict):
    assert sorted(verdicts(judge("serving.intact", chosen(**changes)))) == sorted(["pass", "pass", verdict])


@pytest.mark.parametrize(("p95", "verdict"), [(100.0, "pass"), (700.0, "warn"), (1200.0, "fail")])
def test_an_action_must_be_ready_within_the_control_period(judge, p95, verdict):
    assert verdicts(judge("serving.latency", evaluated(p95))) == [verdict]


def test_a_rate_below_the_minimum_fails(judge):
    assert verdicts(judge("serving.success", evaluated(10.0))) == ["pass"]
    assert verdicts(judge("serving.success", evaluated(10.0), minimum=0.95)) == ["fail"]


def test_the_arm_is_driven_and_every_chunk_timed(arms, judge, told):
    checkpoint = choose_checkpoint(ChooseInputs(), arms).checkpoint
    inputs = EvaluateInputs(checkpoint=checkpoint, tasks=("touch-far",), episodes=1)
    inputs.preflight(arms.project)

    found = evaluate(inputs, arms)

    [task] = found.tasks
    assert (task.task, task.episodes, task.non_finite) == ("touch-far", 1, 0)
    assert found.latency.chunks == -(-task.steps // 10)
    assert found.latency.period == 100.0
    assert verdicts(judge("serving.success", found))[0] in ("pass", "warn")
    assert told[-1][:2] == (1, 1)
