from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from zk0.core.intervals import wilson
from zk0.simulator.environment import Observation, Simulation
from zk0.simulator.expert import demonstrate
from zk0.simulator.rollout import Episode, Rollouts, rollout, run_episode
from zk0.simulator.tasks import Task, episode_seed

Actions = NDArray[np.floating[Any]]

SIZE = 32  # pixels; these policies don't look


def experts_plans(task: Task, episodes: int) -> Iterator[Actions]:
    """Plan the very episodes that `rollout` will run with seed 0."""
    with Simulation(task, image_size=None) as simulation:
        for index in range(episodes):
            simulation.reset(episode_seed(task.name, 0, index, "rollout"))
            yield demonstrate(simulation).actions


def still(observation: Observation) -> Actions:
    return np.zeros((10, 6))


def test_the_expert_as_policy_succeeds(lift: Task) -> None:
    plans = list(experts_plans(lift, episodes=3))
    remaining = iter(plans)

    rollouts = rollout(lift, lambda seen: next(remaining), episodes=3, seed=0, image_size=SIZE, execute=100)

    assert (rollouts.successes, rollouts.n, rollouts.non_finite) == (3, 3, 0)
    assert all(steps <= len(plan) for steps, plan in zip(rollouts.steps, plans, strict=True))


def test_a_policy_that_does_not_act_never_succeeds_and_uses_all_steps(lift: Task) -> None:
    rollouts = rollout(lift, still, episodes=2, seed=0, image_size=SIZE)

    assert rollouts == Rollouts("lift-left", 0, (lift.max_steps, lift.max_steps), 0)


def test_a_policy_sees_state_images_and_sentence_and_is_asked_after_each_executed_part(lift: Task) -> None:
    seen: list[Observation] = []

    def watch(observation: Observation) -> Actions:
        seen.append(observation)
        return still(observation)

    rollout(lift, watch, episodes=1, seed=0, image_size=SIZE, execute=4)

    assert len(seen) == lift.max_steps / 4
    assert seen[0].state.shape == (6,)
    assert seen[0].state.dtype == np.float32
    assert {name: image.shape for name, image in seen[0].images.items()} == {
        "wrist": (SIZE, SIZE, 3),
        "overhead": (SIZE, SIZE, 3),
    }
    assert seen[0].sentence == lift.sentence


def test_a_chunk_shorter_than_the_executed_part_is_done_and_asked_again(lift: Task) -> None:
    asked: list[Observation] = []

    def short(observation: Observation) -> Actions:
        asked.append(observation)
        return np.zeros((2, 6))

    rollout(lift, short, episodes=1, seed=0, image_size=SIZE, execute=5)

    assert len(asked) == lift.max_steps / 2


def test_an_action_that_is_not_a_number_ends_the_episode_as_failed(lift: Task) -> None:
    def broken(observation: Observation) -> Actions:
        actions = still(observation)
        actions[3, 2] = np.nan
        return actions

    rollouts = rollout(lift, broken, episodes=2, seed=0, image_size=SIZE)

    assert rollouts == Rollouts("lift-left", 0, (3, 3), 2)


@pytest.mark.parametrize("answer", [np.zeros(6), np.zeros((0, 6)), np.zeros((5, 7))])
def test_an_answer_of_another_shape_is_refused(lift: Task, answer: Actions) -> None:
    with pytest.raises(ValueError, match="horizon"):
        rollout(lift, lambda seen: answer, episodes=1, seed=0, image_size=SIZE)


def test_an_episode_is_the_same_whatever_was_run_before_it(lift: Task) -> None:
    """So episodes may be shared out to processes in any way."""

    def towards(observation: Observation) -> Actions:
        return np.tile(observation.state + 3, (4, 1))

    seeds = [episode_seed(lift.name, 5, index, "rollout") for index in range(2)]
    with Simulation(lift, image_size=SIZE) as simulation:
        both = [run_episode(simulation, towards, seed=seed, execute=4) for seed in seeds]
    with Simulation(lift, image_size=SIZE) as simulation:
        alone = run_episode(simulation, towards, seed=seeds[1], execute=4)

    assert both[1] == alone
    assert both[0].seed != alone.seed


def test_results_of_episodes_are_counted() -> None:
    episodes = [Episode(1, success=True, steps=20, finite=True), Episode(3, success=False, steps=4, finite=False)]

    found = Rollouts.of("lift-left", episodes)

    assert found == Rollouts("lift-left", 1, (20, 4), 1)
    assert found.interval == wilson(1, 2)
