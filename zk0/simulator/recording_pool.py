"""Record several data sets side by side, in as many processes as there are cores.

A recording depends on its arguments alone, so states, actions and videos are the same bytes as in this process.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from zk0.core.worker import note
from zk0.core.worker_pool import WorkerCall, most_workers, pool_of
from zk0.simulator.recorder import cached_recording, recording_folder
from zk0.simulator.tasks import Task

PRELOAD = ("zk0.simulator.environment", "zk0.simulator.dataset_writer", "lerobot.datasets.lerobot_dataset")


def record_missing(
    wanted: Mapping[Task, int], *, seed: int, noise: float, cache: Path, progress: Callable[[str, int], None]
) -> None:
    """Record what `cached_recording` would have to, if that is more than one data set and there are cores for it.

    `wanted` is the number of episodes of each task. `progress` is called with a task's name and its number of episodes
    so far. Errors are those of `cached_recording`, the first task's first.
    """
    missing = [
        (one, episodes)
        for one, episodes in wanted.items()
        if not recording_folder(one, episodes=episodes, seed=seed, noise=noise, cache=cache).exists()
    ]
    workers = min(most_workers(), len(missing))
    if workers < 2:  # noqa: PLR2004  one alone is recorded in this process
        return
    calls = [WorkerCall(_record, (one, episodes, seed, noise, cache)) for one, episodes in missing]
    with pool_of(workers, PRELOAD) as pool:
        for outcome in pool.run(calls, progress):
            outcome.get()


def _record(task: Task, episodes: int, seed: int, noise: float, cache: Path) -> None:
    cached_recording(
        task,
        episodes=episodes,
        seed=seed,
        noise=noise,
        cache=cache,
        progress=lambda done, _: note(task.name, done),
    )
