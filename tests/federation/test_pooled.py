"""Training on pooled data is the clients' own loop on all of their frames."""

import pytest
import torch

from zk0.federation.configuration import Client, resolve
from zk0.federation.pooled import JoinedFrames, train_pooled
from zk0.training.frames import Batch
from zk0.training.policy import PROCESSORS


class Numbered:
    """Frames that are numbers; those in `broken` can't be decoded."""

    def __init__(self, first, count, broken=()):
        self.values, self.broken = list(range(first, first + count)), broken

    def __len__(self):
        return len(self.values)

    def batches(self, plan):
        for indices in plan:
            good = [self.values[index] for index in indices if index not in self.broken]
            data = {"action": torch.tensor(good), "task": [f"task {value}" for value in good]}
            yield Batch(data if good else {}, undecodable=len(indices) - len(good))


def test_a_batch_has_the_frames_of_all_data_sets_by_one_numbering():
    joined = JoinedFrames([Numbered(0, 3), Numbered(100, 2)])

    first, second = joined.batches([[4, 0, 2], [3]])

    assert len(joined) == 5
    assert first.data["action"].tolist() == [0, 2, 101]
    assert first.data["task"] == ["task 0", "task 2", "task 101"]
    assert second.data["action"].tolist() == [100]


def test_frames_that_cannot_be_decoded_are_counted_and_left_out():
    joined = JoinedFrames([Numbered(0, 3, broken={0, 1}), Numbered(100, 2, broken={0})])

    first, second = joined.batches([[0, 2, 3], [1]])

    assert (first.data["action"].tolist(), first.undecodable) == ([2], 2)
    assert (second.data, second.undecodable) == ({}, 1)


@pytest.fixture
def clients(recordings):
    return [Client(number, name, str(path)) for number, (name, path) in enumerate(recordings.items())]


def test_pooled_training_writes_a_checkpoint_and_is_the_same_again(clients, run_config, tmp_path):
    config = resolve(run_config())

    first, again = (train_pooled(config, clients, steps=3, folder=tmp_path / name) for name in ("first", "again"))

    assert all((first / name).is_file() for name in PROCESSORS)
    weights = "model.safetensors"
    assert (first / weights).read_bytes() == (again / weights).read_bytes()
