"""Which policy runs on which task, and how the episodes become rows of training seeds."""

from pathlib import Path

import pytest

from zk0.comparison import driving
from zk0.comparison.arms import TrainedPolicy
from zk0.comparison.driving import DrivePlan, drive_all
from zk0.comparison.results import outcomes_of
from zk0.serving.closed_loop import CheckpointDriver, DriveResult
from zk0.simulator.rollout import Episode

TASKS = ("lift-left", "touch-far")
PLAN = DrivePlan(TASKS, rollouts=2, seed=7, execute=5, noise=0.0)


def trained(arm, seed, client=None):
    return TrainedPolicy(
        arm=arm,
        seed=seed,
        client=client,
        checkpoint=Path(f"{arm}-{client}-{seed}"),
        losses={"lift-left": 0.5 + seed, "touch-far": 0.7 + seed},
        errors={"lift-left": 5.0, "touch-far": 7.0},
        steps=8,
        seconds=1.0,
    )


@pytest.fixture
def driven(monkeypatch):
    """Drive nothing: seed 1's policies solve every episode, others none, references the first."""
    seen = []

    def drive(drives, finished):
        seen.extend(drives)
        results = []
        for one in drives:
            solved = 1
            if isinstance(one.driver, CheckpointDriver):
                solved = one.episodes if one.driver.folder.name.endswith("-1") else 0
            episodes = [Episode(number, number < solved, 20, finite=True) for number in range(one.episodes)]
            results.append(DriveResult(tuple(episodes), ()))
        return results

    monkeypatch.setattr(driving, "drive", drive)
    return seen


def run(arms, policies):
    return drive_all(arms, policies, dict.fromkeys(TASKS, ((0.0,) * 6,)), PLAN, lambda done, total: None)


def test_all_run_the_same_episodes(driven):
    run(["expert", "blind-replay", "fedavg"], [trained("fedavg", 0), trained("fedavg", 1)])

    assert {(one.seed, one.first, one.episodes) for one in driven} == {(7, 0, 2)}
    assert [one.task for one in driven if isinstance(one.driver, CheckpointDriver)] == [
        "lift-left",
        "lift-left",
        "touch-far",
        "touch-far",
    ]


def test_a_row_is_a_training_seed_and_references_have_the_same_in_each(driven):
    found = run(["expert", "fedavg"], [trained("fedavg", 1), trained("fedavg", 0)])

    outcomes = outcomes_of(found)
    assert outcomes["fedavg"]["touch-far"] == [[False, False], [True, True]]
    assert outcomes["expert"]["touch-far"] == [[True, False]] * 2
    [left] = [one for one in found if (one.arm, one.task) == ("fedavg", "lift-left")]
    assert (left.losses, left.errors, left.non_finite) == ([0.5, 1.5], [5.0, 5.0], 0)


def test_a_local_policy_runs_on_its_own_task_and_on_that_of_another_client(driven):
    found = run(["local-only"], [trained("local-only", 0, name) for name in TASKS])

    assert [(one.arm, one.task) for one in found] == [
        ("local-only", "lift-left"),
        ("local-only elsewhere", "lift-left"),
        ("local-only", "touch-far"),
        ("local-only elsewhere", "touch-far"),
    ]
    assert [(one.driver.folder.name, one.task) for one in driven] == [
        ("local-only-lift-left-0", "lift-left"),
        ("local-only-touch-far-0", "lift-left"),
        ("local-only-touch-far-0", "touch-far"),
        ("local-only-lift-left-0", "touch-far"),
    ]
