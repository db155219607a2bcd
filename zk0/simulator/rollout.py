"""Run a policy on the simulated robot and count its successes.

The interval is Wilson's (1927), which stays within 0 and 1 and is honest for few episodes, unlike mean ± 2 sigma.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zk0.simulator.cameras import DEFAULT_IMAGE_SIZE
from zk0.simulator.environment import Observation, Simulation
from zk0.simulator.tasks import Task, episode_seed
from zk0.simulator.units import JOINTS, Floats

Policy = Callable[[Observation], Floats]
"""Returns the next actions for an observation, (horizon, 6) in LeRobot's units."""

CONFIDENCE = 0.95


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
        from scipy.stats import binomtest

        bounds = binomtest(self.successes, self.n).proportion_ci(CONFIDENCE, method="wilson")
        return float(bounds.low), float(bounds.high)


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
    successes, non_finite, steps = 0, 0, []
    with Simulation(task, image_size=image_size) as simulation:
        for index in range(episodes):
            observation = simulation.reset(episode_seed(task.name, seed, index, "rollout"))
            taken, finite = _episode(simulation, observation, policy, execute)
            steps.append(taken)
            successes += simulation.success
            non_finite += not finite
    return Rollouts(task.name, successes, tuple(steps), non_finite)


def _episode(simulation: Simulation, observation: Observation, policy: Policy, execute: int) -> tuple[int, bool]:
    """Run one episode; return the steps taken and whether all actions were finite."""
    taken = 0
    while True:
        for action in _chunk(policy(observation))[:execute]:
            if not np.isfinite(action).all():
                return taken, False
            observation = simulation.step(action)
            taken += 1
            if simulation.success or taken == simulation.task.max_steps:
                return taken, True


def _chunk(actions: Floats) -> NDArray[np.float64]:
    chunk = np.asarray(actions, dtype=np.float64)
    if len(chunk) == 0 or chunk.shape[1:] != (len(JOINTS),):
        raise ValueError(f"a policy returns (horizon, {len(JOINTS)}) actions with a horizon ≥ 1, not {chunk.shape}")
    return chunk
