"""Run episodes in closed loop, side by side over worker processes.

An episode depends on its driver and its seed alone, so the results are the same whatever the number of workers. A
driver (what moves the arm) travels to the workers, and keeps there what it loaded.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from zk0.core.worker_pool import WorkerCall, perform
from zk0.simulator.cameras import DEFAULT_IMAGE_SIZE
from zk0.simulator.environment import Simulation
from zk0.simulator.rollout import Episode, Policy, run_episode
from zk0.simulator.tasks import EPISODES_APART, episode_seed, task

if TYPE_CHECKING:  # LeRobot, which takes 5 to 13 s
    from zk0.serving.checkpoint_policy import CheckpointPolicy

PRELOAD = ("zk0.serving.checkpoint_policy", "zk0.simulator.environment")
PART = 10  # episodes a call: few enough to share out, and opening a simulation costs less than one
VALIDATION = EPISODES_APART // 2  # the first episode to choose settings on; no result is reported on these


class Driver(Protocol):
    """What moves the arm; picklable. `image_size` is None for one that does not look."""

    def __hash__(self) -> int:
        """Equal drivers load the same."""

    @property
    def image_size(self) -> int | None:
        """Pixels of the cameras' sides."""

    @property
    def execute(self) -> int:
        """Actions to execute of each chunk."""

    def policy(self, simulation: Simulation) -> tuple[Policy, list[float]]:
        """Return the policy, and the list to which it adds the seconds of each call."""


@dataclass(frozen=True)
class CheckpointDriver:
    """A checkpoint of LeRobot's; `noise` scales SmolVLA's start noise, `seed` decides it."""

    folder: Path
    execute: int
    noise: float = 1.0
    seed: int = 0
    device: str = "cpu"
    image_size: int = DEFAULT_IMAGE_SIZE

    def policy(self, simulation: Simulation) -> tuple[Policy, list[float]]:  # noqa: ARG002  it sees by the cameras
        """Load the policy, once a process."""
        loaded = _loaded(self)
        return loaded, loaded.latencies


@dataclass(frozen=True)
class Drive:
    """Episodes of a task: so many from `first` on, of a seed."""

    driver: Driver
    task: str
    episodes: int
    seed: int = 0
    first: int = 0


@dataclass(frozen=True)
class DriveResult:
    """The episodes in order, and the seconds of each chunk."""

    episodes: tuple[Episode, ...]
    latencies: tuple[float, ...]


def drive(
    drives: Sequence[Drive], finished: Callable[[int, int], None] = lambda _done, _total: None
) -> list[DriveResult]:
    """Run all episodes and return the results in the order of the drives.

    `finished` is called with the numbers of parts that are done and of all.

    Raises:
        PolicyError: a checkpoint can't be loaded.
        RenderingError: MuJoCo can't render on this machine.
    """
    parts = [(at, part) for at, one in enumerate(drives) for part in _parts(one)]
    calls = [WorkerCall(_run, (part,), affinity=part.driver) for _, part in parts]
    results = perform(calls, PRELOAD, lambda done: finished(done, len(calls)))
    found: list[DriveResult] = [DriveResult((), ()) for _ in drives]
    for (at, _), result in zip(parts, results, strict=True):
        before = found[at]
        found[at] = DriveResult(before.episodes + result.episodes, before.latencies + result.latencies)
    return found


def _parts(whole: Drive) -> list[Drive]:
    ends = range(whole.first, whole.first + whole.episodes, PART)
    left = whole.first + whole.episodes
    return [Drive(whole.driver, whole.task, min(PART, left - first), whole.seed, first) for first in ends]


def _run(part: Drive) -> DriveResult:
    """Run the episodes of a part in this process, with one thread: more would add numbers up in another order."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with Simulation(task(part.task), image_size=part.driver.image_size) as simulation:
            policy, latencies = part.driver.policy(simulation)
            begun = len(latencies)
            episodes = [
                run_episode(
                    simulation,
                    policy,
                    seed=episode_seed(part.task, part.seed, part.first + index, "rollout"),
                    execute=part.driver.execute,
                )
                for index in range(part.episodes)
            ]
            return DriveResult(tuple(episodes), tuple(latencies[begun:]))
    finally:
        torch.set_num_threads(before)


@lru_cache(maxsize=1)
def _loaded(driver: CheckpointDriver) -> "CheckpointPolicy":
    from zk0.serving.checkpoint_policy import CheckpointPolicy

    return CheckpointPolicy.load(driver.folder, seed=driver.seed, device=driver.device, noise=driver.noise)
