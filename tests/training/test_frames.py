"""Frames in memory and on disk: the same as LeRobot's, padded at the end, counted where they can't be decoded."""

import shutil

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lerobot.datasets.lerobot_dataset import LeRobotDataset

from zk0.core.errors import TrainingError
from zk0.training import frames as module
from zk0.training.dataset_inspection import describe
from zk0.training.frames import open_frames, plan_batches
from zk0.training.presets import TINY

CAMERAS = ("wrist", "overhead")
KEYS = ("observation.state", "action", "action_is_pad", "observation.images.wrist", "observation.images.overhead")


def all_of(frames):
    [batch] = frames.batches([list(range(len(frames)))])
    return batch


def test_frames_in_memory_are_those_of_lerobots_data_set(frames, dataset):
    theirs = LeRobotDataset(
        "local/x",
        root=dataset.root,
        video_backend="pyav",
        delta_timestamps={"action": [step / dataset.fps for step in range(TINY.chunk)]},
    )

    ours = all_of(frames).data

    for index in (0, 1, len(frames) // 2, len(frames) - 1):
        for key in KEYS:
            assert torch.equal(ours[key][index], theirs[index][key]), (index, key)
        assert ours["task"][index] == theirs[index]["task"]


def test_frames_on_disk_are_those_in_memory(frames, dataset, monkeypatch):
    monkeypatch.setattr(module, "MEMORY_LIMIT", 0)
    on_disk = open_frames(dataset, episodes=[0, 1], horizon=TINY.chunk, cameras=CAMERAS)

    [batch] = on_disk.batches([[3, 0, len(frames) - 1]])
    [wanted] = frames.batches([[3, 0, len(frames) - 1]])

    assert type(on_disk) is not type(frames)
    assert len(on_disk) == len(frames)
    assert all(torch.equal(batch.data[key], wanted.data[key]) for key in KEYS)
    assert batch.data["task"] == wanted.data["task"]


def test_only_the_episodes_asked_for_are_there(dataset, frames):
    last = open_frames(dataset, episodes=[2], horizon=TINY.chunk, cameras=CAMERAS)

    assert len(frames) + len(last) == dataset.frames


def test_a_chunk_that_passes_the_episodes_end_repeats_the_last_action_as_padding(frames):
    data = all_of(frames).data

    assert data["action_is_pad"][-1].tolist() == [False] + [True] * (TINY.chunk - 1)
    assert torch.equal(data["action"][-1], data["action"][-1][:1].expand(TINY.chunk, 6))
    assert not data["action_is_pad"][0].any()


@pytest.fixture
def damaged(dataset, tmp_path):
    """Return a copy of the data set, to be damaged."""
    root = tmp_path / "damaged"
    shutil.copytree(dataset.root, root)
    return root


def cut(root, share):
    [video, *_] = sorted((root / "videos" / "observation.images.wrist").rglob("*.mp4"))
    content = bytearray(video.read_bytes())
    begin = int(len(content) * share)
    content[begin : begin + 40000] = bytes(len(content[begin : begin + 40000]))
    video.write_bytes(bytes(content))


def test_a_data_set_most_of_whose_video_is_damaged_is_refused(damaged):
    cut(damaged, 0.2)

    with pytest.raises(TrainingError, match=r"can.* be decoded"):
        open_frames(describe(damaged), episodes=[0, 1, 2], horizon=TINY.chunk, cameras=CAMERAS)


def test_on_disk_frames_that_cannot_be_decoded_are_left_out_and_counted(dataset, monkeypatch):
    monkeypatch.setattr(module, "MEMORY_LIMIT", 0)
    frames = open_frames(dataset, episodes=[0, 1], horizon=TINY.chunk, cameras=CAMERAS)
    whole = frames.source

    class OneBroken:
        root = whole.root

        def __getitem__(self, index):
            if index == 2:
                raise RuntimeError("Could not push packet to decoder")
            return whole[index]

    frames.source = OneBroken()

    [batch, other] = frames.batches([[1, 2, 3], [2]])

    assert batch.undecodable == 1
    assert len(batch.data["task"]) == 2
    assert other.data == {}
    assert other.undecodable == 1


def test_on_disk_a_broken_data_set_ends_the_training(dataset, monkeypatch):
    monkeypatch.setattr(module, "MEMORY_LIMIT", 0)
    frames = open_frames(dataset, episodes=[0, 1], horizon=TINY.chunk, cameras=CAMERAS)

    class Broken:
        root = dataset.root

        def __getitem__(self, index):
            raise RuntimeError("Could not push packet to decoder")

    frames.source = Broken()

    with pytest.raises(TrainingError, match="can't be decoded"):
        list(frames.batches([[0] * 60, [1] * 60]))


@given(st.integers(1, 50), st.integers(1, 20), st.integers(1, 30), st.integers(0, 99))
def test_a_plan_is_finite_reproducible_and_goes_through_all_frames_before_it_repeats_one(frames, size, steps, seed):
    plan = plan_batches(frames, batch_size=size, steps=steps, seed=seed, purpose=("x", 1))
    order = [index for batch in plan for index in batch]

    assert [len(batch) for batch in plan] == [size] * steps
    assert sorted(order[:frames]) == list(range(frames))[: len(order)] or len(order) < frames
    assert len(set(order[:frames])) == min(frames, len(order))
    assert plan == plan_batches(frames, batch_size=size, steps=steps, seed=seed, purpose=("x", 1))
