"""Results in the layout of LeRobot's `eval_info.json` (lerobot.scripts.lerobot_eval of LeRobot 0.6), for its tools.

A task of the simulator is a task group of one task. The reward is 1 at the step of the success and 0 else, so an
episode's sum and its maximum are both its success. What LeRobot's layout has no place for is under `zk0`.
"""

from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import Any

from zk0.serving.evaluation import CheckpointEvaluation
from zk0.simulator.rollout import Episode

FILE = "eval_info.json"


def eval_info(found: CheckpointEvaluation, seconds: float, more: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of the file; `seconds` is how long all episodes took, `more` joins what is under `zk0`."""
    groups = {task: result.episodes for task, result in found.episodes.items()}
    everything = [episode for episodes in groups.values() for episode in episodes]
    return {
        "per_task": [
            {"task_group": task, "task_id": 0, "metrics": _metrics(episodes)} for task, episodes in groups.items()
        ],
        "per_group": {task: _aggregated(episodes) for task, episodes in groups.items()},
        "overall": _aggregated(everything) | {"eval_s": seconds, "eval_ep_s": seconds / len(everything)},
        "zk0": {
            **more,
            "execution": found.execution.model_dump(),
            "latency": found.latency.model_dump(),
            "tasks": [one.model_dump() for one in found.tasks],
            "episodes": {task: [vars(episode) for episode in episodes] for task, episodes in groups.items()},
        },
    }


def _metrics(episodes: Iterable[Episode]) -> dict[str, list[Any]]:
    successes = [one.success for one in episodes]
    rewards = [float(one) for one in successes]
    return {
        "sum_rewards": rewards,
        "max_rewards": rewards,
        "successes": successes,
        "video_paths": [],
        "predicted_video_paths": [],
    }


def _aggregated(episodes: Iterable[Episode]) -> dict[str, Any]:
    rewards = [float(one.success) for one in episodes]
    mean = fmean(rewards)
    return {
        "avg_sum_reward": mean,
        "avg_max_reward": mean,
        "pc_success": 100 * mean,
        "n_episodes": len(rewards),
        "video_paths": [],
        "predicted_video_paths": [],
    }
