import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zk0.core.errors import DependencyMissingError
from zk0.simulator.cameras import CAMERAS
from zk0.simulator.dataset_writer import new_dataset
from zk0.simulator.tasks import Task
from zk0.simulator.units import FEATURE_NAMES

Load = Callable[[Path], Any]


def test_a_recording_is_a_lerobot_v3_data_set_of_an_so101(recorded: Path, load: Load) -> None:
    data = load(recorded)

    assert data.meta.info.codebase_version == "v3.0"
    assert data.meta.robot_type == "so101_follower"
    assert data.meta.fps == 10
    assert data.meta.features["action"]["names"] == list(FEATURE_NAMES)
    assert data.meta.features["observation.state"]["names"] == list(FEATURE_NAMES)
    assert data.meta.camera_keys == ["observation.images.wrist", "observation.images.overhead"]
    assert data.meta.features["observation.images.wrist"]["info"]["video.codec"] == "h264"


def test_every_frame_can_be_decoded(recorded: Path, load: Load) -> None:
    data = load(recorded)

    frames = [data[index] for index in range(len(data))]

    assert [int(frame["episode_index"]) for frame in frames] == [0] * 30 + [1] * 30
    assert {frame["task"] for frame in frames} == {"Pick up the red cylinder."}
    assert all(frame["observation.images.wrist"].shape == (3, 96, 96) for frame in frames)


def test_images_survive_the_video(recorded: Path, load: Load) -> None:
    last = load(recorded)[29]["observation.images.wrist"].numpy()

    red = (last[0] - last[1:].max(0) > 0.3).mean()

    assert 0.03 < red < 0.3  # the lifted cylinder is between the fingers, right before the camera


def test_states_and_actions_are_degrees_and_percent(recorded: Path, load: Load) -> None:
    data = load(recorded)
    states = np.stack(data.hf_dataset["observation.state"])
    actions = np.stack(data.hf_dataset["action"])

    assert (np.abs(states[:, :5]) < 120).all()
    assert np.abs(states[:, 1]).max() > 20  # radians would be below 2
    assert 0 <= actions[:, 5].min() < 5  # the gripper closes
    assert 45 < actions[:, 5].max() <= 100  # and opens
    assert np.abs(actions - states).mean() < 10  # a frame's action is the target its state moves to


def test_an_error_leaves_no_data_set(lift: Task, tmp_path: Path) -> None:
    joints, image = np.zeros(6, np.float32), np.zeros((96, 96, 3), np.uint8)
    frame: dict[str, Any] = {"observation.state": joints, "action": joints, "task": "none"}
    frame |= {f"observation.images.{camera}": image for camera in CAMERAS}

    def fail_in_the_middle() -> None:
        with new_dataset(lift, tmp_path / "data", 96) as data:
            data.add_frame(frame)
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        fail_in_the_middle()

    assert list(tmp_path.iterdir()) == []


def test_a_missing_lerobot_is_named(lift: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lerobot.configs.video", None)

    with pytest.raises(DependencyMissingError, match="lerobot"), new_dataset(lift, tmp_path / "data", 96):
        pass
