"""LeRobot's programs find the simulated arm by its configuration and drive it as any of their robots."""

import math

import pytest
from lerobot.robots.utils import make_robot_from_config

from zk0.serving.config_arm import SimulatedSO101Config
from zk0.simulator.environment import Simulation
from zk0.simulator.tasks import task
from zk0.simulator.units import FEATURE_NAMES


@pytest.fixture
def arm(tmp_path):
    """Give an arm without cameras, as LeRobot makes it."""
    with Simulation(task("touch-far"), image_size=None) as simulation:
        yield make_robot_from_config(SimulatedSO101Config(simulation=simulation, seed=3, calibration_dir=tmp_path))


def hold(arm):
    return {name: arm.get_observation()[name] for name in FEATURE_NAMES}


def test_an_episode_ends_when_its_steps_are_used_up(arm):
    assert (arm.is_connected, arm.is_calibrated) == (False, True)
    arm.connect()

    assert list(arm.get_observation()) == list(arm.action_features) == list(FEATURE_NAMES)
    assert set(arm.observation_features) == {*FEATURE_NAMES, "wrist", "overhead"}
    for _ in range(task("touch-far").max_steps + 5):
        arm.send_action(hold(arm))

    assert arm.config.over.is_set()
    assert arm.taken == task("touch-far").max_steps
    arm.disconnect()
    assert not arm.is_connected


def test_an_action_that_is_no_number_ends_the_episode_and_is_not_done(arm):
    arm.connect()
    before = hold(arm)

    arm.send_action({**before, "gripper.pos": math.nan})
    arm.send_action(before)

    assert arm.config.over.is_set()
    assert (arm.is_finite, arm.taken) == (False, 0)
    assert hold(arm) == before
