"""The expert solves its task, and a replay does the same whatever there is to see."""

import numpy as np

from zk0.comparison.references import BlindDriver, ExpertDriver, average_demonstration
from zk0.serving.closed_loop import Drive, drive
from zk0.simulator.environment import Simulation
from zk0.simulator.tasks import task


def test_the_expert_succeeds_in_closed_loop():
    [found] = drive([Drive(ExpertDriver(), "lift-left", 3)])

    assert sum(episode.success for episode in found.episodes) == 3


def test_a_replay_follows_the_average_demonstration_and_then_stands_still(recordings):
    plan = average_demonstration(recordings["lift-left"])
    driver = BlindDriver(plan)

    with Simulation(task("lift-left"), image_size=None) as simulation:
        policy, _ = driver.policy(simulation)
        actions = policy(simulation.reset(seed=1))

    assert len(plan) == 30
    assert actions.shape == (30 + task("lift-left").max_steps, 6)
    np.testing.assert_array_equal(actions[30:], np.tile(plan[-1], (60, 1)))


def test_the_average_is_that_of_the_recorded_actions(recordings):
    import pyarrow.parquet as pq

    rows = pq.read_table(recordings["touch-far"] / "data").to_pylist()
    first = np.mean([row["action"] for row in rows if row["frame_index"] == 0], axis=0)

    np.testing.assert_allclose(average_demonstration(recordings["touch-far"])[0], first)
