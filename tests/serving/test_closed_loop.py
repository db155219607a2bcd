"""Episodes are the same whoever runs them, and however they are shared out."""

from dataclasses import dataclass

import numpy as np
import pytest

from zk0.serving import closed_loop
from zk0.serving.closed_loop import VALIDATION, CheckpointDriver, Drive, drive
from zk0.serving.selection import choose, find_training
from zk0.simulator.tasks import episode_seed


@dataclass(frozen=True)
class Pushing:
    """Moves all joints by a few degrees from where they are."""

    image_size: int | None = None
    execute: int = 20

    def policy(self, simulation):
        return (lambda seen: np.tile(seen.state + 3, (20, 1))), []


def test_episodes_are_the_same_in_parts_side_by_side_and_here(monkeypatch):
    wanted = [Drive(Pushing(), "touch-far", 3), Drive(Pushing(), "lift-left", 1)]
    whole = drive(wanted)
    monkeypatch.setattr(closed_loop, "PART", 2)
    monkeypatch.setenv("ZK0_WORKERS", "2")
    monkeypatch.setattr(closed_loop, "PRELOAD", ("zk0.simulator.environment",))
    parts = []

    shared = drive(wanted, lambda done, total: parts.append((done, total)))

    assert shared == whole
    assert [len(one.episodes) for one in whole] == [3, 1]
    assert sorted(parts) == [(1, 3), (2, 3), (3, 3)]


def test_validation_episodes_are_others_than_those_that_count():
    [result] = drive([Drive(Pushing(), "touch-far", 2, seed=4, first=VALIDATION)])

    counted = {episode_seed("touch-far", 4, index, "rollout") for index in range(1000)}
    assert not counted & {episode.seed for episode in result.episodes}


def test_a_checkpoint_is_loaded_once_and_each_of_its_chunks_timed(project):
    driver = CheckpointDriver(choose(find_training(project), "last").path, execute=10, noise=0.0)

    first, second = drive([Drive(driver, "touch-far", 1), Drive(driver, "touch-far", 1, first=1)])

    assert all(len(one.latencies) == -(-one.episodes[0].steps // 10) for one in (first, second))
    assert first.episodes[0].seed != second.episodes[0].seed
    assert closed_loop._loaded.cache_info().hits >= 1


@pytest.mark.parametrize("episodes", [1, 10, 11, 25])
def test_parts_are_all_episodes_once(episodes):
    parts = closed_loop._parts(Drive(Pushing(), "touch-far", episodes, first=5))

    assert [index for one in parts for index in range(one.first, one.first + one.episodes)] == [*range(5, 5 + episodes)]
