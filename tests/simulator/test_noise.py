import numpy as np

from zk0.simulator.environment import Simulation
from zk0.simulator.expert import Demonstration, demonstrate
from zk0.simulator.noise import disturbed
from zk0.simulator.tasks import episode_seed

LONG = Demonstration(np.zeros((4000, 6), dtype=np.float32), np.ones(4000))


def executed(demonstration: Demonstration, noise: float = 3.0, seed: int = 0) -> np.ndarray:
    return np.stack(list(disturbed(demonstration, noise=noise, seed=seed)))


def test_the_seed_decides_the_noise() -> None:
    np.testing.assert_array_equal(executed(LONG), executed(LONG))
    assert not np.array_equal(executed(LONG), executed(LONG, seed=1))


def test_no_noise_executes_the_plan() -> None:
    np.testing.assert_array_equal(executed(LONG, noise=0.0), LONG.actions)


def test_each_episode_has_a_scale_of_its_own_around_the_noise_asked_for() -> None:
    scales = [executed(LONG, seed=seed).std() for seed in range(40)]

    assert 1.5 < np.mean(scales) < 2.7  # the mean of 0 to 1.4 times 3 is 2.1
    assert min(scales) < 1
    assert max(scales) > 3


def test_one_step_s_noise_is_like_the_last_one_s() -> None:
    noise = executed(LONG)[:, 0]

    assert 0.6 < np.corrcoef(noise[1:], noise[:-1])[0, 1] < 0.8


def test_the_expert_is_exact_at_the_object_and_free_on_the_way_to_it(blind: Simulation) -> None:
    blind.reset(0)
    demonstration = demonstrate(blind)

    assert demonstration.slack.shape == (len(demonstration.actions),)
    assert demonstration.slack[0] == 1
    closing = demonstration.actions[:, 5].argmin()  # the gripper presses first at the grasp
    assert demonstration.slack[closing] < 0.2


def test_a_disturbed_demonstration_mostly_succeeds(blind: Simulation) -> None:
    solved = 0
    for index in range(20):
        seed = episode_seed(blind.task.name, 1, index, "recording")
        blind.reset(seed)
        for action in disturbed(demonstrate(blind), noise=3.0, seed=seed):
            blind.step(action)
        solved += blind.success

    assert solved >= 14  # 53 of 60 were measured once
