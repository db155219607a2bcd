"""A checkpoint is described by its configuration alone, and refused if the arm can't be driven by it."""

import json
import subprocess
import sys

import pytest

from zk0.core.errors import PolicyError
from zk0.serving.checkpoint_description import describe_checkpoint

CONFIG = {
    "type": "smolvla",
    "n_obs_steps": 1,
    "n_action_steps": 10,
    "chunk_size": 16,
    "input_features": {
        "observation.state": {"type": "STATE", "shape": [6]},
        "observation.images.wrist": {"type": "VISUAL", "shape": [3, 480, 640]},
    },
    "output_features": {"action": {"type": "ACTION", "shape": [6]}},
}


@pytest.fixture
def write(tmp_path):
    def write_config(**changes):
        (tmp_path / "config.json").write_text(json.dumps(CONFIG | changes))
        return tmp_path

    return write_config


def seen(**images):
    named = {f"observation.images.{name}": {"type": "VISUAL", "shape": shape} for name, shape in images.items()}
    return {"observation.state": CONFIG["input_features"]["observation.state"], **named}


def test_smolvla_resizes_images_and_has_noise(write):
    found = describe_checkpoint(write())

    assert (found.kind, found.chunk, found.executed, found.image_size) == ("smolvla", 16, 10, 96)
    assert found.has_noise


def test_another_policy_sees_images_of_the_size_of_its_training(write):
    found = describe_checkpoint(write(type="act", input_features=seen(wrist=[3, 64, 64], overhead=[3, 64, 64])))

    assert found.image_size == 64
    assert not found.has_noise


def test_the_folder_that_lerobots_training_writes_is_found(write, tmp_path):
    inner = tmp_path / "005000" / "pretrained_model"
    inner.mkdir(parents=True)
    (write() / "config.json").rename(inner / "config.json")

    assert describe_checkpoint(tmp_path / "005000").folder == inner


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"n_obs_steps": 2}, "needs 2 observations at a time"),
        (
            {"input_features": seen(front=[3, 96, 96])},
            r"needs observation\.images\.front, which the simulation does not",
        ),
        ({"input_features": {}}, r"has nothing as observation\.state"),
        ({"output_features": {"action": {"shape": [7]}}}, r"has \[7\] as action"),
        ({"type": "act"}, "cameras are square"),
        ({"type": 5}, "type is missing or wrong"),
    ],
)
def test_what_the_arm_cannot_be_driven_by_is_refused_with_the_reason(write, changes, reason):
    with pytest.raises(PolicyError, match=reason):
        describe_checkpoint(write(**changes))


@pytest.mark.parametrize("content", [None, "no json"])
def test_a_folder_without_a_policy_is_refused_with_what_to_give(tmp_path, content):
    if content:
        (tmp_path / "config.json").write_text(content)

    with pytest.raises(PolicyError, match="is no checkpoint") as raised:
        describe_checkpoint(tmp_path)

    assert "pretrained_model" in raised.value.remedy


def test_it_imports_nothing_heavy():
    code = "import sys, zk0.serving.checkpoint_description as _; print(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not {"torch", "lerobot", "mujoco"} & set(ended.stdout.split())
