import sys

import numpy as np
import pytest

from zk0.core.errors import DependencyMissingError
from zk0.simulator.environment import Simulation
from zk0.simulator.tasks import Task


def test_an_episode_is_decided_by_its_seed(blind: Simulation) -> None:
    first, scene = blind.reset(7).state, blind.scene
    other = blind.reset(8).state
    again = blind.reset(7).state

    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(scene.position, blind.scene.position)
    assert (first != other).any()


def test_a_commanded_position_is_reached_in_lerobot_s_units(blind: Simulation) -> None:
    goal = np.array([20.0, -60.0, 60.0, 40.0, 10.0, 50.0])
    blind.reset(0)

    for _ in range(20):
        observation = blind.step(goal)

    np.testing.assert_allclose(observation.state, goal, atol=2.0)  # degrees; a position servo gives a little


def test_commands_beyond_the_limits_are_clipped(blind: Simulation) -> None:
    blind.reset(0)

    for _ in range(20):
        observation = blind.step(np.array([1e4, -60.0, 60.0, 40.0, 10.0, 1e4]))

    assert observation.state[0] == pytest.approx(110, abs=2)
    assert observation.state[5] == pytest.approx(100, abs=2)


@pytest.mark.parametrize("blind", ["place-middle"], indirect=True)
def test_only_a_task_that_places_has_a_target(blind: Simulation) -> None:
    blind.reset(0)

    assert blind.scene.target is not None
    assert blind.scene.target[2] < blind.scene.position[2] == pytest.approx(0.0125, abs=1e-3)


def test_objects_lie_in_the_spawn_region(blind: Simulation) -> None:
    for seed in range(20):
        blind.reset(seed)
        distance = np.linalg.norm(blind.scene.position[:2] - blind.task.spawn_centre)
        assert blind.task.spawn_radii[0] <= distance <= blind.task.spawn_radii[1] + 1e-3
        assert blind.scene.target is None


def test_doing_nothing_is_no_success(blind: Simulation) -> None:
    observation = blind.reset(0)

    for _ in range(5):
        observation = blind.step(observation.state)

    assert blind.success is False
    assert observation.sentence == "Pick up the red cylinder."
    assert observation.images == {}


def test_a_missing_simulator_is_named_with_what_brings_it(lift: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "so101_nexus", None)

    with pytest.raises(DependencyMissingError, match="so101-nexus") as caught:
        Simulation(lift)

    assert caught.value.remedy == "pip install 'zk0[simulator]'"


def test_the_table_is_drawn_with_edges(blind: Simulation) -> None:
    """An infinite plane is 80,000 triangles: five sixths of the time of a picture."""
    assert all(blind.model.geom("floor").size > 0)
    assert blind.model.vis.quality.numquads == 1
