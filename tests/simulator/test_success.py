from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from zk0.simulator.environment import Simulation
from zk0.simulator.expert import demonstrate
from zk0.simulator.success import Judge
from zk0.simulator.tasks import episode_seed, task


def told(*, success: bool, grasped: bool = False, lifted: float = 0.0) -> dict[str, Any]:
    return {"success": success, "is_grasped": float(grasped), "lift_height": lifted}


def test_a_touch_lasts_half_a_second() -> None:
    judge = Judge(task("touch-far"))

    verdicts = [judge.decide(told(success=met)) for met in (True, True, False, True, True, True, True, True)]

    assert verdicts == [False] * 7 + [True]


def test_an_object_pushed_onto_the_disc_is_not_placed() -> None:
    judge = Judge(task("place-middle"))

    assert not judge.decide(told(success=True, lifted=0.05))
    assert not judge.decide(told(success=True, grasped=True))


def test_an_object_carried_onto_the_disc_is_placed() -> None:
    judge = Judge(task("place-middle"))

    assert not judge.decide(told(success=False, grasped=True, lifted=0.05))
    assert judge.decide(told(success=True))


def test_a_lift_counts_at_once() -> None:
    assert Judge(task("lift-left")).decide(told(success=True))


@pytest.mark.parametrize("blind", ["lift-left", "lift-right", "touch-far"], indirect=True)
def test_an_arm_that_does_not_look_has_luck_about_as_often_as_stated(blind: Simulation) -> None:
    name, rollouts = blind.task.name, 30
    average = np.mean(list(demonstrations(blind, 16)), axis=0)
    hold = np.repeat(average[-1:], blind.task.max_steps - len(average), axis=0)
    lucky = 0
    for index in range(rollouts):
        blind.reset(episode_seed(name, 0, index, "rollout"))
        for action in np.concatenate([average, hold]):
            blind.step(action)
            if blind.success:
                lucky += 1
                break

    assert lucky / rollouts == pytest.approx(blind.task.blind_success, abs=0.13)  # two sigma of 30 rollouts


def demonstrations(simulation: Simulation, count: int) -> Iterator[NDArray[np.float32]]:
    for index in range(count):
        simulation.reset(episode_seed(simulation.task.name, 0, index, "recording"))
        yield demonstrate(simulation).actions
