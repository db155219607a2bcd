"""Evaluate a checkpoint in closed loop, and choose how to execute it on other episodes than those it is judged by.

Settings that were chosen on the same episodes as they are reported on look better than they are. So a sweep tries them
on validation episodes, freezes the best, and only then are the others run, once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from zk0.core.intervals import wilson
from zk0.serving.checkpoint_description import CheckpointDescription
from zk0.serving.closed_loop import VALIDATION, CheckpointDriver, Drive, DriveResult, drive
from zk0.serving.results import LatencySummary, TaskResult, shared_period
from zk0.simulator.rollout import Rollouts

NOISES = (0.0, 1.0)  # the most typical actions, and those of training

type Observe = Callable[[int, int, str], None]  # called with parts done, parts in all, and a note


class ExecutionSettings(BaseModel):
    """How a policy acts: actions executed of each chunk, and the scale of the noise that a chunk starts from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    execute: int
    noise: float


class SweepPoint(BaseModel):
    """The successes of one way to execute, over all tasks, on validation episodes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    execution: ExecutionSettings
    successes: int
    episodes: int

    @property
    def shown(self) -> str:
        """The rate with its 95 % interval."""
        low, high = wilson(self.successes, self.episodes)
        return f"{self.successes} of {self.episodes} ({low:.0%} to {high:.0%})"


@dataclass(frozen=True)
class CheckpointEvaluation:
    """The results, and every episode, by task."""

    execution: ExecutionSettings
    tasks: list[TaskResult]
    latency: LatencySummary
    episodes: dict[str, DriveResult]


def evaluate_checkpoint(
    found: CheckpointDescription,
    tasks: Sequence[str],
    execution: ExecutionSettings,
    *,
    episodes: int,
    seed: int,
    device: str,
    observe: Observe,
) -> CheckpointEvaluation:
    """Run a checkpoint on these tasks; the same seed gives the same episodes to every checkpoint."""
    driver = _driver(found, execution, seed, device)
    drives = [Drive(driver, task, episodes, seed) for task in tasks]
    results = drive(drives, lambda done, total: observe(done, total, "driving"))
    return CheckpointEvaluation(
        execution=execution,
        tasks=[TaskResult.of(Rollouts.of(task, result.episodes)) for task, result in zip(tasks, results, strict=True)],
        latency=LatencySummary.of(
            [second for result in results for second in result.latencies],
            actions=execution.execute,
            period=shared_period(tasks),
        ),
        episodes=dict(zip(tasks, results, strict=True)),
    )


def sweep(
    found: CheckpointDescription, tasks: Sequence[str], *, episodes: int, seed: int, device: str, observe: Observe
) -> list[SweepPoint]:
    """Try ways to execute a checkpoint, each on the same validation episodes."""
    ways = candidates(found)
    drives = [
        Drive(_driver(found, way, seed, device), task, episodes, seed, VALIDATION) for way in ways for task in tasks
    ]
    results = iter(drive(drives, lambda done, total: observe(done, total, "choosing on validation episodes")))
    points = []
    for way in ways:
        own = [episode.success for _ in tasks for episode in next(results).episodes]
        points.append(SweepPoint(execution=way, successes=sum(own), episodes=len(own)))
    return points


def candidates(found: CheckpointDescription) -> list[ExecutionSettings]:
    """Return the ways to try: a quarter, half, all and the configured part of a chunk, without and with noise."""
    parts = sorted({max(1, found.chunk // 4), max(1, found.chunk // 2), found.executed, found.chunk})
    return [
        ExecutionSettings(execute=part, noise=noise)
        for part in parts
        for noise in (NOISES if found.has_noise else (1.0,))
    ]


def best(points: Sequence[SweepPoint]) -> ExecutionSettings:
    """Return the way with most successes; of equal ones that with the fewest chunks, then that without noise."""
    return max(points, key=lambda one: (one.successes, one.execution.execute, -one.execution.noise)).execution


def _driver(found: CheckpointDescription, way: ExecutionSettings, seed: int, device: str) -> CheckpointDriver:
    return CheckpointDriver(found.folder, way.execute, way.noise, seed, device, found.image_size)
