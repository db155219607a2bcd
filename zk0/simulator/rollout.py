"""Run a policy on the simulated robot and count its successes.

An episode depends on the policy and its seed alone, so episodes may be run in any order and in any process.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zk0.core.intervals import wilson
from zk0.simulator.cameras import DEFAULT_IMAGE_SIZE
from zk0.simulator.environment import Observation, Simulation
from zk0.simulator.tasks import Task, episode_seed
from zk0.simulator.units import JOINTS, Floats

Policy = Callable[[Observation], Floats]
"""Returns the next actions for an observation, (horizon, 6) in LeRobot's units."""


@dataclass(frozen=True)
class Episode:
    """The result of one episode; `seed` is the simulator's, which decides the places of things."""

    seed: int
    success: bool  # at any step; the episode ends with it
    steps: int
    finite: bool  # false: it ended as failed because an action was NaN or infinite


@dataclass(frozen=True)
class Rollouts:
    """The results of a policy on one task."""

    task: str  # its name
    successes: int  # episodes that met the task's condition at any step
    steps: tuple[int, ...]  # control steps of each episode, those of the successes up to the success
    non_finite: int  # episodes that ended as failed because an action was NaN or infinite

    @property
    def n(self) -> int:
        """The number of episodes."""
        return len(self.steps)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Wilson interval of the success rate, as fractions."""
        return wilson(self.successes, self.n)

    @classmethod
    def of(cls, task: str, episodes: Sequence[Episode]) -> "Rollouts":
        """Return the results of these episodes."""
        steps, solved = tuple(one.steps for one in episodes), sum(one.success for one in episodes)
        return cls(task, solved, steps, sum(not one.finite for one in episodes))


def rollout(
    task: Task,
    policy: Policy,
    *,
    episodes: int,
    seed: int,
    image_size: int = DEFAULT_IMAGE_SIZE,
    execute: int = 5,
) -> Rollouts:
    """Run a policy in closed loop; no episode starts like a recorded one.

    The seed decides the places of things. Of each chunk that the policy returns, the first `execute` actions are done,
    or all of a shorter one.

    Raises:
        ValueError: the policy does not return (horizon, 6) actions with a horizon of at least 1.
        DependencyMissingError: so101-nexus is not installed.
        RenderingError: MuJoCo can't render on this machine.
    """
    if episodes < 1 or execute < 1:
        raise ValueError(f"episodes and execute are at least 1, not {episodes} and {execute}")
    with Simulation(task, image_size=image_size) as simulation:
        seeds = [episode_seed(task.name, seed, index, "rollout") for index in range(episodes)]
        return Rollouts.of(task.name, [run_episode(simulation, policy, seed=one, execute=execute) for one in seeds])


def run_episode(simulation: Simulation, policy: Policy, *, seed: int, execute: int) -> Episode:
    """Run one episode to its success, to the first action that is not finite, or to the task's last step.

    Raises:
        ValueError: as `rollout`.
    """
    observation = simulation.reset(seed)
    taken = 0
    while True:
        for action in _chunk(policy(observation))[:execute]:
            if not np.isfinite(action).all():
                return Episode(seed, success=False, steps=taken, finite=False)
            observation = simulation.step(action)
            taken += 1
            if simulation.success or taken == simulation.task.max_steps:
                return Episode(seed, simulation.success, taken, finite=True)


def _chunk(actions: Floats) -> NDArray[np.float64]:
    chunk = np.asarray(actions, dtype=np.float64)
    if len(chunk) == 0 or chunk.shape[1:] != (len(JOINTS),):
        raise ValueError(f"a policy returns (horizon, {len(JOINTS)}) actions with a horizon ≥ 1, not {chunk.shape}")
    return chunk
