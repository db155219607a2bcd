"""Record demonstrations of the expert as one LeRobot v3.0 data set per task.

Frames come at the control rate (10 Hz), states and actions in LeRobot's SO-101 units, both cameras as h264 video.
The actions are the expert's clean plan; the arm executes them with noise (`zk0.simulator.noise`).
Only successful episodes are kept. `recording.json` in the data set's folder records how it was made; LeRobot ignores
it. The same arguments give the same states, actions and decoded pixels in any process; a GPU renders other pixels than
a CPU.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from zk0.core.errors import DependencyMissingError, RecordingError
from zk0.simulator.cameras import DEFAULT_IMAGE_SIZE
from zk0.simulator.dataset_writer import new_dataset
from zk0.simulator.environment import Simulation
from zk0.simulator.expert import demonstrate
from zk0.simulator.noise import DEFAULT_NOISE, disturbed
from zk0.simulator.tasks import Task, episode_seed

RECORDER_VERSION = 3  # raise it with every change to expert, environment or recorder: cached recordings depend on it
JUDGING_FIELDS = ("title", "blind_success", "max_steps")  # of a task: they do not change the recording
DECIDING_PACKAGES = ("so101-nexus", "mujoco", "lerobot")

Progress = Callable[[int, int], None]
"""Called after each kept episode with (episodes done, episodes wanted)."""


def record(
    task: Task,
    *,
    episodes: int,
    seed: int,
    root: Path,
    noise: float = DEFAULT_NOISE,
    image_size: int = DEFAULT_IMAGE_SIZE,
    progress: Progress | None = None,
) -> Path:
    """Record a data set into `root`, which must not exist, and return it; after an error it is removed.

    It holds this number of successful episodes; the seed, at least 0, decides the places of things in each, and the
    noise, whose standard deviation far from things is `noise` degrees. Images are `image_size` pixels wide and high,
    which is even for h264.

    Raises:
        RecordingError: `root` exists, or too few tries succeeded.
        DependencyMissingError: LeRobot or so101-nexus is not installed.
        RenderingError: MuJoCo can't render on this machine.
    """
    if episodes < 1 or image_size % 2:
        raise ValueError(f"episodes are at least 1 and images of even size, not {episodes} and {image_size}")
    if root.exists():
        raise RecordingError(f"{root} exists already; a recording never adds to another", remedy="name another folder")
    with Simulation(task, image_size=image_size) as simulation, new_dataset(task, root, image_size) as dataset:
        for kept, frames in enumerate(_successes(simulation, episodes, seed, noise), start=1):
            for frame in frames:
                dataset.add_frame(frame)
            dataset.save_episode()
            if progress is not None:
                progress(kept, episodes)
    recipe = recording_recipe(task, episodes=episodes, seed=seed, noise=noise, image_size=image_size)
    (root / "recording.json").write_text(json.dumps(recipe, indent=2) + "\n")
    return root


def cached_recording(
    task: Task,
    *,
    episodes: int,
    seed: int,
    cache: Path,
    noise: float = DEFAULT_NOISE,
    image_size: int = DEFAULT_IMAGE_SIZE,
    progress: Progress | None = None,
) -> Path:
    """Return the folder in `cache` that holds this recording; record it first if it is not there yet.

    A recording killed at any moment is never used, and several processes may call this at once: the first one records,
    the others wait. Arguments and errors are those of `record`; `progress` is not called on reuse.
    """
    from filelock import FileLock

    finished = recording_folder(task, episodes=episodes, seed=seed, cache=cache, noise=noise, image_size=image_size)
    name = finished.name
    partial = cache / f".{name}.partial"
    cache.mkdir(parents=True, exist_ok=True)
    # The system drops the lock of a killed process, so a partial folder under a held lock is a dead one.
    with FileLock(cache / f".{name}.lock"):
        if not finished.exists():
            shutil.rmtree(partial, ignore_errors=True)
            record(
                task,
                episodes=episodes,
                seed=seed,
                root=partial,
                noise=noise,
                image_size=image_size,
                progress=progress,
            )
            partial.rename(finished)
    return finished


def recording_folder(
    task: Task,
    *,
    episodes: int,
    seed: int,
    cache: Path,
    noise: float = DEFAULT_NOISE,
    image_size: int = DEFAULT_IMAGE_SIZE,
) -> Path:
    """Return where `cached_recording` keeps a recording, existing or not; raises what `recording_recipe` does."""
    recipe = recording_recipe(task, episodes=episodes, seed=seed, noise=noise, image_size=image_size)
    digest = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:12]
    return cache / f"{task.name}-{episodes}x{image_size}px-seed{seed}-{digest}"


def recording_recipe(task: Task, *, episodes: int, seed: int, noise: float, image_size: int) -> dict[str, Any]:
    """Return everything that decides a recording's content, as JSON values.

    Raises:
        DependencyMissingError: one of these packages is not installed.
    """
    return {
        "task": {key: value for key, value in asdict(task).items() if key not in JUDGING_FIELDS},
        "episodes": episodes,
        "seed": seed,
        "noise": noise,
        "image_size": image_size,
        "recorder_version": RECORDER_VERSION,
        "packages": {package: _version(package) for package in DECIDING_PACKAGES},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError as error:
        raise DependencyMissingError(
            f"recording needs {package}, which is not installed", remedy="pip install 'zk0[simulator]'"
        ) from error


def _successes(simulation: Simulation, episodes: int, seed: int, noise: float) -> Iterator[list[dict[str, Any]]]:
    """Yield the frames of `episodes` successful demonstrations.

    The expert succeeds in more than 95 % of its tries, with the default noise in 78 to 96 %; if twice as many and two
    more are not enough, it cannot do it.
    """
    tries, kept, task = 2 * episodes + 2, 0, simulation.task
    for attempt in range(tries):
        frames = _demonstration(simulation, episode_seed(task.name, seed, attempt, "recording"), noise)
        if simulation.success:
            yield frames
            kept += 1
            if kept == episodes:
                return
    raise RecordingError(
        f"the expert solved {task.name} in {kept} of {tries} tries; {episodes} successes were asked for",
        remedy="move spawn_centre or narrow spawn_radii: the arm reaches straight down from x = 0.10 m to 0.27 m",
    )


def _demonstration(simulation: Simulation, seed: int, noise: float) -> list[dict[str, Any]]:
    """Play one demonstration; each frame pairs an observation with the action that followed."""
    observation = simulation.reset(seed)
    frames = []
    demonstration = demonstrate(simulation)
    done = disturbed(demonstration, noise=noise, seed=seed)
    for action, executed in zip(demonstration.actions, done, strict=True):
        images = {f"observation.images.{camera}": image for camera, image in observation.images.items()}
        observed = {"observation.state": observation.state, "task": observation.sentence, **images}
        frames.append({**observed, "action": action})
        observation = simulation.step(executed)
    return frames
