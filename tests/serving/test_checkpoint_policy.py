"""The same checkpoint and observation give the same chunk, whenever and wherever they are asked."""

import numpy as np
import pytest

from zk0.core.errors import PolicyError
from zk0.serving.checkpoint_policy import CheckpointPolicy, load_any_policy, noise_key
from zk0.serving.selection import choose, find_training
from zk0.simulator.environment import Observation
from zk0.training.presets import TINY


@pytest.fixture
def checkpoint(project):
    return choose(find_training(project), "last").path


def observation(shift=0.0):
    images = {name: np.full((96, 96, 3), 90, dtype=np.uint8) for name in ("wrist", "overhead")}
    return Observation(np.full(6, 10 + shift, dtype=np.float32), images, "Pick up the red cylinder.")


def test_a_chunk_depends_on_checkpoint_observation_and_seed_alone(checkpoint):
    policy, again = CheckpointPolicy.load(checkpoint, seed=0), CheckpointPolicy.load(checkpoint, seed=0)

    first = policy(observation())
    policy(observation(shift=5.0))

    assert first.shape == (TINY.chunk, 6)
    np.testing.assert_array_equal(policy(observation()), first)
    np.testing.assert_array_equal(again(observation()), first)
    assert not np.array_equal(CheckpointPolicy.load(checkpoint, seed=1)(observation()), first)
    assert len(policy.latencies) == 3
    assert min(policy.latencies) > 0


def test_noise_is_drawn_from_all_that_the_robot_saw():
    seen = observation()
    other = {**seen.images, "wrist": seen.images["wrist"] + 1}

    assert noise_key(seen.state, seen.images) == noise_key(seen.state.copy(), dict(reversed(seen.images.items())))
    assert noise_key(seen.state, other) != noise_key(seen.state, seen.images)
    assert noise_key(seen.state + 1, seen.images) != noise_key(seen.state, seen.images)


def test_a_checkpoint_without_its_processors_is_refused(checkpoint):
    (checkpoint / "policy_postprocessor.json").unlink()

    with pytest.raises(PolicyError, match=r"has no policy_postprocessor\.json"):
        CheckpointPolicy.load(checkpoint, seed=0)


def test_the_noise_is_scaled_and_without_it_the_seed_does_not_matter(checkpoint):
    still = CheckpointPolicy.load(checkpoint, seed=0, noise=0.0)

    np.testing.assert_array_equal(
        still(observation()), CheckpointPolicy.load(checkpoint, seed=1, noise=0.0)(observation())
    )
    whole, almost = (CheckpointPolicy.load(checkpoint, seed=0, noise=noise) for noise in (1.0, 1.0 + 1e-6))
    np.testing.assert_allclose(whole(observation()), almost(observation()), atol=1e-2)
    assert not np.array_equal(still(observation()), whole(observation()))


def test_a_policy_of_another_type_acts_too(act_checkpoint):
    policy = CheckpointPolicy.load(act_checkpoint, seed=0)

    chunk = policy(observation())

    assert chunk.shape == (4, 6)
    np.testing.assert_array_equal(policy(observation()), chunk)


def test_what_is_no_checkpoint_or_acts_on_several_observations_is_refused(act_checkpoint, tmp_path):
    with pytest.raises(PolicyError, match="is no checkpoint"):
        load_any_policy(tmp_path)
    config = act_checkpoint / "config.json"
    config.write_text(config.read_text().replace('"type": "act"', '"type": "dance"'))
    with pytest.raises(PolicyError, match="as a policy of type dance"):
        load_any_policy(act_checkpoint)
