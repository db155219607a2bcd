"""A tiny policy and the frames of a recording."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from zk0.training.dataset_inspection import DatasetDescription, describe
from zk0.training.frames import Frames, open_frames
from zk0.training.loop import TrainingSettings
from zk0.training.policy import Processors, build_policy, make_processors
from zk0.training.presets import TINY
from zk0.training.statistics import training_statistics

CAMERAS = ("wrist", "overhead")


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Compute on one thread: a tiny model gains nothing from two, and the order of sums stays the same."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def dataset(recordings: dict[str, Path]) -> DatasetDescription:
    return describe(recordings["lift-left"])


@pytest.fixture(scope="session")
def frames(dataset: DatasetDescription) -> Frames:
    return open_frames(dataset, episodes=[0, 1], horizon=TINY.chunk, cameras=CAMERAS)


@pytest.fixture
def policy(cache: Path) -> Any:
    """Return a freshly built tiny policy of seed 0."""
    return build_policy(TINY, cameras=CAMERAS, seed=0, cache=cache)


@pytest.fixture
def processors(policy: Any, dataset: DatasetDescription) -> Processors:
    return make_processors(policy, training_statistics(dataset, [0, 1]))


@pytest.fixture
def settings() -> Callable[..., TrainingSettings]:
    def make(**changes: Any) -> TrainingSettings:
        values: dict[str, Any] = {
            "learning_rate": 1e-3,
            "final_learning_rate": 1e-4,
            "warmup_steps": 2,
            "first_step": 0,
            "total_steps": 12,
            "clip_norm": 10.0,
            "weight_decay": 1e-10,
            "proximal_mu": 0.0,
            "measure_every": 1,
            "seed": 0,
        }
        return TrainingSettings(**(values | changes))

    return make
