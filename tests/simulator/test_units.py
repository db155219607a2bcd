import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from so101_nexus import SO101_JOINT_NAMES, sim_qpos_to_dataset_row

from zk0.simulator.units import FEATURE_NAMES, JOINTS, JointUnits

LOW = np.radians([-110, -100, -97, -95, -157, -10])
HIGH = np.radians([110, 100, 97, 95, 163, 100])
UNITS = JointUnits(LOW, HIGH)


def test_joints_are_named_as_lerobot_names_them() -> None:
    assert JOINTS == SO101_JOINT_NAMES
    assert FEATURE_NAMES[0] == "shoulder_pan.pos"
    assert FEATURE_NAMES[-1] == "gripper.pos"


def test_arms_are_in_degrees_and_grippers_in_percent() -> None:
    radians = np.array([np.pi / 2, -np.pi / 4, 0, 0, 0, np.radians(45)])

    assert UNITS.from_radians(radians) == pytest.approx([90, -45, 0, 0, 0, 50])


@given(st.lists(st.floats(0, 1), min_size=6, max_size=6))
def test_there_and_back_is_the_same_position(shares: list[float]) -> None:
    radians = LOW + np.array(shares) * (HIGH - LOW)

    assert UNITS.to_radians(UNITS.from_radians(radians)) == pytest.approx(radians, abs=1e-5)


def test_units_are_those_of_so101_nexus() -> None:
    radians = np.random.default_rng(0).uniform(LOW, HIGH, (50, 6))

    expected = sim_qpos_to_dataset_row(radians, gripper_limits_rad=(LOW[-1], HIGH[-1]))

    np.testing.assert_allclose(UNITS.from_radians(radians), expected, rtol=1e-5)


def test_targets_beyond_the_joints_reach_are_clipped() -> None:
    assert UNITS.to_radians(np.full(6, 1e6)) == pytest.approx(HIGH)
    assert UNITS.to_radians(np.full(6, -1e6)) == pytest.approx(LOW)


def test_whole_trajectories_are_converted_at_once() -> None:
    assert UNITS.to_radians(np.zeros((7, 3, 6))).shape == (7, 3, 6)
