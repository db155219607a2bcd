from dataclasses import dataclass

import numpy as np
import pytest
import torch

from zk0.training.evaluation import evaluate_loss, make_actor
from zk0.training.frames import Batch
from zk0.training.parameters import trainable_parameters


def test_the_same_weights_have_the_same_loss_whatever_was_drawn_before(policy, processors, frames):
    first = evaluate_loss(policy, processors, frames, seed=0, name="a")
    torch.rand(100)

    assert evaluate_loss(policy, processors, frames, seed=0, name="a") == first
    assert evaluate_loss(policy, processors, frames, seed=1, name="a") != first


def test_other_weights_have_another_loss(policy, processors, frames):
    before, count = evaluate_loss(policy, processors, frames, seed=0, name="a")
    with torch.no_grad():
        for value in trainable_parameters(policy).values():
            value.mul_(1.1)

    after, _ = evaluate_loss(policy, processors, frames, seed=0, name="a")

    assert count == len(frames)
    assert after != before


def test_a_limit_takes_frames_from_the_whole_set(policy, processors, frames):
    loss, count = evaluate_loss(policy, processors, frames, seed=0, name="a", limit=7)

    assert count == 7
    assert loss > 0


def test_frames_none_of_which_can_be_decoded_have_no_loss(policy, processors):
    class Broken:
        def __len__(self):
            return 3

        def batches(self, plan):
            yield from (Batch({}, undecodable=len(indices)) for indices in plan)

    assert evaluate_loss(policy, processors, Broken(), seed=0, name="a") == (None, 0)


@dataclass
class Seen:
    state: np.ndarray
    images: dict
    sentence: str


@pytest.fixture
def seen():
    image = np.zeros((96, 96, 3), dtype=np.uint8)
    return Seen(np.zeros(6, dtype=np.float32), {"wrist": image, "overhead": image}, "Pick up the red cylinder.")


def test_the_policy_answers_an_observation_with_a_chunk_in_the_robots_units(policy, processors, seen):
    chunk = make_actor(policy, processors)(seen)

    assert chunk.shape == (policy.config.chunk_size, 6)
    assert np.isfinite(chunk).all()


def test_acting_is_reproducible(policy, processors, seen):
    act = make_actor(policy, processors)

    assert np.array_equal(act(seen), act(seen))
