"""Two arms without a policy: the teacher, and a replay that does not look. Neither sees, so no camera is rendered."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zk0.simulator.environment import Simulation
from zk0.simulator.expert import demonstrate
from zk0.simulator.rollout import Policy
from zk0.simulator.units import JOINTS, Floats
from zk0.training.dataset_inspection import ACTION

WHOLE = 10_000  # actions of a plan that are executed: all


@dataclass(frozen=True)
class ExpertDriver:
    """The scripted teacher."""

    image_size: int | None = None
    execute: int = WHOLE

    def policy(self, simulation: Simulation) -> tuple[Policy, list[float]]:
        """Plan from where things really are."""
        return lambda _observation: demonstrate(simulation).actions, []


@dataclass(frozen=True)
class BlindDriver:
    """The same joint targets in every episode, and then stillness."""

    plan: tuple[tuple[float, ...], ...]  # (steps, joints)
    image_size: int | None = None
    execute: int = WHOLE

    def policy(self, simulation: Simulation) -> tuple[Policy, list[float]]:
        """Return the plan whatever is observed."""
        still = [self.plan[-1]] * simulation.task.max_steps
        targets: Floats = np.asarray([*self.plan, *still], dtype=np.float64)
        return lambda _observation: targets, []


def average_demonstration(root: Path) -> tuple[tuple[float, ...], ...]:
    """Return the mean action of each step over the episodes of a data set, as far as the shortest goes."""
    import pyarrow.parquet as pq

    table = pq.read_table(root / "data", columns=[ACTION, "episode_index", "frame_index"])
    episodes, steps = (np.asarray(table[name]) for name in ("episode_index", "frame_index"))
    actions = np.asarray(table[ACTION].to_pylist(), dtype=np.float64).reshape(-1, len(JOINTS))
    shortest = min(int(steps[episodes == one].max()) for one in np.unique(episodes)) + 1
    return tuple(tuple(actions[steps == step].mean(axis=0).tolist()) for step in range(shortest))
