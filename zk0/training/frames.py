"""The frames of some episodes of a data set, as batches for SmolVLA.

Small data sets are decoded once into memory, an episode at a time, because every round needs the same frames; large
ones are read through LeRobot's data set and PyTorch's loader. Both follow a finite plan of indices made before the
round, so no iterator can end early or run for ever. Frames that can't be decoded are left out of their batch and
counted; too many of them end the training.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lerobot.datasets.lerobot_dataset import LeRobotDataset
from lerobot.datasets.video_utils import decode_video_frames
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate

from zk0.core.errors import TrainingError
from zk0.training.dataset_inspection import ACTION, IMAGES, STATE, DatasetDescription
from zk0.training.seeds import seed_of

MEMORY_LIMIT = 2 * 1024**3  # bytes of decoded frames a client may hold; larger data sets are read on demand
TOLERATED_SHARE = 0.05  # more undecodable frames than this are a broken data set, not a few broken frames
ENOUGH_FRAMES = 100  # a share of fewer says little
DECODE_ERRORS = (RuntimeError, ValueError, OSError)  # what PyAV and LeRobot raise for a frame that can't be decoded
VIDEO_BACKEND = "pyav"  # torchcodec needs a system FFmpeg; PyAV brings its own

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Batch:
    """Frames ready for LeRobot's preprocessor, and the number of requested ones that could not be decoded.

    `data` holds observation.state (batch, 6), action (batch, horizon, 6), action_is_pad (batch, horizon), each
    observation.images.* (batch, 3, height, width) in 0..1, and task, a list of sentences. Empty if all failed.
    """

    data: dict[str, Any]
    undecodable: int = 0
    frames: Sequence[int] = ()  # their numbers, where a number is always the same frame


type Frames = FramesInMemory | FramesOnDisk  # sources of batches, with the number of frames as their length


def open_frames(
    dataset: DatasetDescription, *, episodes: Sequence[int], horizon: int, cameras: Sequence[str], workers: int = 0
) -> Frames:
    """Return the frames of these episodes, in memory if they fit.

    Raises:
        TrainingError: too many frames can't be decoded.
    """
    pixels = sum(height * width * 3 for name, (height, width) in dataset.cameras.items() if name in cameras)
    expected = dataset.frames * len(episodes) // dataset.episodes * pixels
    source = LeRobotDataset(
        f"local/{dataset.name}",
        root=dataset.root,
        video_backend=VIDEO_BACKEND,
        # Half a frame: beyond it, LeRobot would return another frame.
        tolerance_s=0.5 / dataset.fps,
        delta_timestamps={ACTION: [step / dataset.fps for step in range(horizon)]},
    )
    videos = all(f"{IMAGES}{name}" in source.meta.video_keys for name in cameras)
    kind = FramesInMemory if videos and expected <= MEMORY_LIMIT else partial(FramesOnDisk, workers=workers)
    return kind(source, episodes=episodes, horizon=horizon, cameras=cameras)


def plan_batches(frames: int, *, batch_size: int, steps: int, seed: int, purpose: Sequence[object]) -> list[list[int]]:
    """Return `steps` lists of `batch_size` frame indices: permutations of all frames, one after another."""
    generator = np.random.default_rng(seed_of(seed, *purpose))
    wanted = batch_size * steps
    rounds = [generator.permutation(frames) for _ in range(-(-wanted // frames))]
    order = np.concatenate(rounds)[:wanted].reshape(steps, batch_size)
    return [[int(index) for index in row] for row in order]


@dataclass(eq=False)
class FramesInMemory:
    """All frames decoded once; images stay 8-bit until a batch is made."""

    source: LeRobotDataset
    episodes: Sequence[int]
    horizon: int
    cameras: Sequence[str]

    def __post_init__(self) -> None:
        parts = [self._episode(episode) for episode in self.episodes]
        total = sum(part["wanted"] for part in parts)
        decoded = sum(len(part["tasks"]) for part in parts)
        _refuse_too_many(total - decoded, total, Path(self.source.root))
        self._state = torch.cat([part["state"] for part in parts])
        self._action = torch.cat([part["action"] for part in parts])
        self._padding = torch.cat([part["padding"] for part in parts])
        self._images = {name: torch.cat([part["images"][name] for part in parts]) for name in self.cameras}
        self._tasks: list[str] = [task for part in parts for task in part["tasks"]]

    def __len__(self) -> int:
        return len(self._tasks)

    def batches(self, plan: Sequence[Sequence[int]]) -> Iterator[Batch]:
        """Yield one batch for each list of frame indices."""
        for indices in plan:
            chosen = torch.as_tensor(indices, dtype=torch.long)
            data: dict[str, Any] = {
                STATE: self._state[chosen],
                ACTION: self._action[chosen],
                "action_is_pad": self._padding[chosen],
                "task": [self._tasks[index] for index in indices],
            }
            data |= {f"{IMAGES}{name}": images[chosen].float() / 255 for name, images in self._images.items()}
            yield Batch(data, frames=indices)

    def _episode(self, episode: int) -> dict[str, Any]:
        meta = self.source.meta
        row = meta.episodes[episode]
        rows = self.source.hf_dataset.with_format("torch")[row["dataset_from_index"] : row["dataset_to_index"]]
        length = len(rows["timestamp"])
        steps = torch.arange(length)[:, None] + torch.arange(self.horizon)
        images, good = {}, torch.ones(length, dtype=torch.bool)
        for name in self.cameras:
            key = f"{IMAGES}{name}"
            start = row[f"videos/{key}/from_timestamp"]
            times = [start + float(time) for time in rows["timestamp"]]
            path = Path(self.source.root) / meta.get_video_file_path(episode, key)
            images[name], decoded = _decode(path, times, self.source.tolerance_s)
            good &= decoded
        tasks = [meta.tasks.iloc[int(index)].name for index in rows["task_index"]]
        return {
            "wanted": length,
            "state": rows[STATE][good],
            # Past the episode's end the last action is repeated and marked as padding.
            "action": rows[ACTION][steps.clamp(max=length - 1)][good],
            "padding": (steps >= length)[good],
            "images": {name: value[good] for name, value in images.items()},
            "tasks": [task for task, kept in zip(tasks, good.tolist(), strict=True) if kept],
        }


@dataclass(eq=False)
class FramesOnDisk:
    """Frames read through LeRobot's data set, batch by batch."""

    source: LeRobotDataset
    episodes: Sequence[int]
    horizon: int
    cameras: Sequence[str]
    workers: int = 0

    def __post_init__(self) -> None:
        rows = [self.source.meta.episodes[episode] for episode in self.episodes]
        self._indices = [index for row in rows for index in range(row["dataset_from_index"], row["dataset_to_index"])]

    def __len__(self) -> int:
        return len(self._indices)

    def batches(self, plan: Sequence[Sequence[int]]) -> Iterator[Batch]:
        """Yield one batch for each list of frame indices; a dead worker ends the training."""
        loader = DataLoader(
            _Guarded(self.source, self._indices),
            batch_sampler=[list(indices) for indices in plan],
            num_workers=self.workers,
            collate_fn=self._collate,
            multiprocessing_context="spawn" if self.workers else None,
        )
        asked = failed = 0
        try:
            for batch in loader:
                asked += len(batch.data.get("task", ())) + batch.undecodable
                failed += batch.undecodable
                if asked >= ENOUGH_FRAMES:
                    _refuse_too_many(failed, asked, Path(self.source.root))
                yield batch
        except RuntimeError as error:
            if "worker" not in str(error):
                raise
            raise TrainingError(
                f"a data loading worker died: {error}", remedy="lower batch-size or loader-workers: it may be memory"
            ) from error

    def _collate(self, items: list[dict[str, Any] | None]) -> Batch:
        good = [item for item in items if item is not None]
        if not good:
            return Batch({}, undecodable=len(items))
        keys = (STATE, ACTION, "action_is_pad", "task", *(f"{IMAGES}{name}" for name in self.cameras))
        data = default_collate([{key: item[key] for key in keys} for item in good])
        return Batch(data, undecodable=len(items) - len(good))


@dataclass
class _Guarded(Dataset[dict[str, Any] | None]):
    """Returns None for a frame that can't be decoded, so that the collate function can count it."""

    source: LeRobotDataset
    indices: list[int]

    def __getitem__(self, index: int) -> dict[str, Any] | None:
        try:
            return dict(self.source[self.indices[index]])
        except DECODE_ERRORS as error:
            log.warning("frame %d of %s can't be decoded: %s", index, self.source.root, str(error).splitlines()[0])
            return None


def _decode(path: Path, times: list[float], tolerance: float) -> tuple[Tensor, Tensor]:
    """Return 8-bit images (frames, 3, height, width) and which of them are real; one by one if all at once fails."""
    try:
        return decode_video_frames(path, times, tolerance, VIDEO_BACKEND, return_uint8=True), torch.ones(len(times)) > 0
    except DECODE_ERRORS as error:
        log.warning("%s: %s; trying frame by frame", path, str(error).splitlines()[0])
    found: list[Tensor | None] = []
    for time in times:
        try:
            found.append(decode_video_frames(path, [time], tolerance, VIDEO_BACKEND, return_uint8=True)[0])
        except DECODE_ERRORS:
            found.append(None)
    shape = next((image.shape for image in found if image is not None), None)
    if shape is None:
        raise TrainingError(f"no frame of {path} can be decoded", remedy="record or fetch the data set again")
    blank = torch.zeros(shape, dtype=torch.uint8)
    return (
        torch.stack([blank if image is None else image for image in found]),
        torch.tensor([image is not None for image in found]),
    )


def _refuse_too_many(failed: int, total: int, root: Path) -> None:
    if failed > TOLERATED_SHARE * total:
        raise TrainingError(
            f"{failed} of {total} frames of {root} can't be decoded; up to {TOLERATED_SHARE:.0%} are left out",
            remedy="record or fetch the data set again",
        )
