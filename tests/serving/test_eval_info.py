"""The file has LeRobot's own layout: as its evaluation writes it."""

import json

import pytest

from zk0.serving.closed_loop import DriveResult
from zk0.serving.eval_info import eval_info
from zk0.serving.evaluation import CheckpointEvaluation, ExecutionSettings
from zk0.serving.results import LatencySummary, TaskResult
from zk0.simulator.rollout import Episode, Rollouts


@pytest.fixture
def evaluation():
    episodes = {
        "lift-left": (Episode(1, True, 20, True), Episode(3, False, 60, True)),
        "touch-far": (Episode(5, True, 10, True), Episode(7, True, 12, True)),
    }
    return CheckpointEvaluation(
        execution=ExecutionSettings(execute=5, noise=0.0),
        tasks=[TaskResult.of(Rollouts.of(task, found)) for task, found in episodes.items()],
        latency=LatencySummary.of([0.02], actions=5, period=0.1),
        episodes={task: DriveResult(found, (0.02,)) for task, found in episodes.items()},
    )


def test_tasks_groups_and_all_together_are_as_lerobot_writes_them(evaluation):
    info = json.loads(json.dumps(eval_info(evaluation, 8.0, {"seed": 0})))

    assert info["per_task"][0] == {
        "task_group": "lift-left",
        "task_id": 0,
        "metrics": {
            "sum_rewards": [1.0, 0.0],
            "max_rewards": [1.0, 0.0],
            "successes": [True, False],
            "video_paths": [],
            "predicted_video_paths": [],
        },
    }
    assert info["per_group"]["lift-left"]["pc_success"] == 50.0
    assert info["overall"] == {
        "avg_sum_reward": 0.75,
        "avg_max_reward": 0.75,
        "pc_success": 75.0,
        "n_episodes": 4,
        "eval_s": 8.0,
        "eval_ep_s": 2.0,
        "video_paths": [],
        "predicted_video_paths": [],
    }


def test_the_keys_are_those_of_lerobots_own_aggregation(evaluation, monkeypatch):
    from lerobot.scripts import lerobot_eval

    class Environment:
        def close(self):
            pass

    class Policy:
        training = False

        def eval(self):
            pass

        def train(self, mode):
            pass

    metrics = {"sum_rewards": [1.0], "max_rewards": [1.0], "successes": [True], "video_paths": []}
    monkeypatch.setattr(lerobot_eval, "run_one", lambda group, number, _env, **_: (group, number, metrics))
    theirs = lerobot_eval.eval_policy_all({"lift-left": {0: Environment()}}, Policy(), None, None, None, None, 1)

    ours = eval_info(evaluation, 8.0, {})

    assert set(ours) - {"zk0"} == set(theirs)
    assert set(ours["overall"]) == set(theirs["overall"])
    assert set(ours["per_group"]["lift-left"]) <= set(theirs["per_group"]["lift-left"])


def test_what_lerobot_has_no_place_for_is_kept_apart(evaluation):
    more = eval_info(evaluation, 8.0, {"seed": 0})["zk0"]

    assert (more["seed"], more["execution"]) == (0, {"execute": 5, "noise": 0.0})
    assert more["episodes"]["lift-left"][1] == {"seed": 3, "success": False, "steps": 60, "finite": True}
    assert more["tasks"][0]["low"] == pytest.approx(0.0945, abs=1e-3)
