"""Normalisation statistics of one client's training episodes, and of all clients together.

With its own mean and standard deviation, each client would map the same joint angle to another value, and averaging
their weights would mix unlike things. So the server merges the clients' statistics before the first round and all
clients use the result. Held-out episodes are left out: training must not see them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from lerobot.datasets.compute_stats import aggregate_stats
from numpy.typing import NDArray

from zk0.core.receipts import canonical_digest
from zk0.training.dataset_inspection import ACTION, STATE, DatasetDescription
from zk0.training.presets import ABSOLUTE_JOINTS, JOINTS

type FeatureStatistics = dict[str, dict[str, NDArray[np.float64]]]

RELATIVE = [joint not in ABSOLUTE_JOINTS for joint in JOINTS]
KEYS = ("min", "max", "mean", "std", "count")


def training_statistics(
    dataset: DatasetDescription, episodes: Sequence[int], *, relative_over: int = 0
) -> FeatureStatistics:
    """Return min, max, mean, std (6,) and count (1,) of state and action over these episodes.

    With `relative_over`, actions are those of chunks of this length, relative to the state that each chunk begins with.
    """
    rows = dataset.episode_statistics((STATE, ACTION), KEYS)
    merged = merged_statistics([rows[episode] for episode in episodes])
    return {**merged, ACTION: _of_chunks(dataset, episodes, relative_over)} if relative_over else merged


def _of_chunks(dataset: DatasetDescription, episodes: Sequence[int], horizon: int) -> dict[str, NDArray[np.float64]]:
    """Return the statistics of relative actions; a chunk that an episode's end cuts counts with what it has."""
    parts = []
    for state, action in dataset.trajectories(episodes):
        before, after = np.array(state), np.array(action)
        offset = np.where(RELATIVE, before, 0)
        parts += [after[later:] - offset[: len(after) - later] for later in range(min(horizon, len(after)))]
    values = np.concatenate(parts)
    return {
        "min": values.min(axis=0),
        "max": values.max(axis=0),
        "mean": values.mean(axis=0),
        "std": values.std(axis=0),
        "count": np.array([float(len(values))]),
    }


def merged_statistics(found: Sequence[Mapping[str, Mapping[str, Any]]]) -> FeatureStatistics:
    """Merge statistics as LeRobot merges those of data sets: exact for mean, standard deviation and extremes."""
    arrays = [
        {name: {key: np.asarray(values[key], dtype=np.float64) for key in KEYS} for name, values in one.items()}
        for one in found
    ]
    merged: FeatureStatistics = aggregate_stats(arrays)
    return merged


def to_plain(statistics: FeatureStatistics) -> dict[str, dict[str, list[float]]]:
    """Return statistics as lists, for a message or a file."""
    return {name: {key: np.ravel(values[key]).tolist() for key in KEYS} for name, values in statistics.items()}


def statistics_digest(statistics: FeatureStatistics) -> str:
    """Return a digest by which two sides can compare their normalisation."""
    return canonical_digest(to_plain(statistics))[:32]
