"""Ways to execute are chosen on validation episodes, and the best is judged on others."""

from pathlib import Path

import pytest

from zk0.serving import evaluation
from zk0.serving.checkpoint_description import CheckpointDescription
from zk0.serving.closed_loop import VALIDATION, DriveResult
from zk0.serving.evaluation import ExecutionSettings, SweepPoint, best, candidates, evaluate_checkpoint, sweep
from zk0.simulator.rollout import Episode

SMOLVLA = CheckpointDescription(Path("round-010"), "smolvla", chunk=16, executed=10, image_size=96)
ACT = CheckpointDescription(Path("act"), "act", chunk=4, executed=4, image_size=64)


@pytest.fixture
def driven(monkeypatch):
    """Note what is driven; a policy solves as many episodes as it executes actions."""
    seen = []

    def drive(drives, finished):
        seen.extend(drives)
        finished(1, 1)
        return [
            DriveResult(
                tuple(Episode(number, number < one.driver.execute, 30, finite=True) for number in range(one.episodes)),
                (0.02,) * one.episodes,
            )
            for one in drives
        ]

    monkeypatch.setattr(evaluation, "drive", drive)
    return seen


def quiet(done, total, note):
    pass


def point(successes, execute=5, noise=0.0):
    return SweepPoint(execution=ExecutionSettings(execute=execute, noise=noise), successes=successes, episodes=20)


def test_a_quarter_half_all_and_the_configured_part_of_a_chunk_are_tried():
    assert [(one.execute, one.noise) for one in candidates(SMOLVLA)] == [
        (execute, noise) for execute in (4, 8, 10, 16) for noise in (0.0, 1.0)
    ]
    assert [(one.execute, one.noise) for one in candidates(ACT)] == [(1, 1.0), (2, 1.0), (4, 1.0)]


def test_a_sweep_uses_validation_episodes_and_all_tasks(driven):
    points = sweep(SMOLVLA, ["lift-left", "touch-far"], episodes=20, seed=3, device="cpu", observe=quiet)

    assert {(one.first, one.episodes, one.seed) for one in driven} == {(VALIDATION, 20, 3)}
    assert [(one.successes, one.episodes) for one in points[:2]] == [(8, 40), (8, 40)]
    assert best(points) == ExecutionSettings(execute=16, noise=0.0)


def test_of_equal_ways_that_with_the_fewest_chunks_and_without_noise_is_taken():
    assert best([point(9), point(9, execute=10, noise=1.0), point(9, execute=10)]).execute == 10
    assert best([point(9, execute=10, noise=1.0), point(9, execute=10)]).noise == 0.0
    assert best([point(10), point(9, execute=10)]).execute == 5


def test_a_checkpoint_is_judged_on_the_same_episodes_as_any_other(driven):
    found = evaluate_checkpoint(
        ACT, ["lift-left"], ExecutionSettings(execute=4, noise=1), episodes=5, seed=0, device="cpu", observe=quiet
    )

    assert [(one.first, one.seed, one.driver.image_size) for one in driven] == [(0, 0, 64)]
    assert (found.tasks[0].successes, found.tasks[0].episodes) == (4, 5)
    assert (found.latency.chunks, found.latency.p50) == (5, 20.0)
