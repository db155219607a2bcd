"""Policies: built, saved without a path of this machine, loaded, exchanged strictly."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from zk0.core.errors import AssetMissingError, PolicyError
from zk0.serving.checkpoint_policy import load_processors
from zk0.training.parameters import digest_of, trainable_parameters
from zk0.training.policy import (
    build_policy,
    load_policy,
    make_processors,
    predicts_relative_actions,
    save_policy,
    set_trainable,
)
from zk0.training.presets import BASE_SHAPE, SMALL, TINY

CAMERAS = ("wrist", "overhead")


@pytest.fixture
def checkpoint(policy, processors, tmp_path):
    return save_policy(policy, tmp_path / "checkpoint", processors=processors)


def test_the_tiny_policy_has_a_few_hundred_thousand_parameters_and_trains_in_fp32(policy):
    trained = trainable_parameters(policy)

    assert 200_000 < sum(value.numel() for value in policy.parameters()) < 900_000
    assert {value.dtype for value in trained.values()} == {torch.float32}


def test_the_small_policy_has_tens_of_millions_of_parameters(cache):
    policy = build_policy(SMALL, cameras=CAMERAS, seed=0, cache=cache)

    assert 10e6 < sum(value.numel() for value in policy.parameters()) < 90e6


@pytest.mark.slow
def test_the_base_shape_is_that_of_smolvla(cache):
    policy = build_policy(BASE_SHAPE, cameras=CAMERAS, seed=0, cache=cache)

    # 450 M with SmolVLM2's vocabulary of 49,280 words for embeddings and head, each 960 wide.
    words = 2 * (49_280 - policy.model.vlm_with_expert.config.text_config.vocab_size) * 960
    assert sum(value.numel() for value in policy.parameters()) + words == pytest.approx(450e6, rel=0.02)
    assert sum(value.numel() for value in trainable_parameters(policy).values()) == pytest.approx(99.9e6, rel=0.02)


def test_the_same_seed_builds_the_same_policy_and_another_another(policy, cache):
    again = build_policy(TINY, cameras=CAMERAS, seed=0, cache=cache)
    other = build_policy(TINY, cameras=CAMERAS, seed=1, cache=cache)

    assert digest_of(policy.state_dict()) == digest_of(again.state_dict()) != digest_of(other.state_dict())


def test_a_checkpoint_loads_back_to_the_same_tensors(policy, checkpoint):
    assert digest_of(load_policy(checkpoint).state_dict()) == digest_of(policy.state_dict())


def test_a_checkpoint_names_no_path_of_this_machine(checkpoint, tmp_path, cache):
    texts = [path.read_text() for path in checkpoint.rglob("*.json")]

    assert texts
    assert not any(str(place) in text for text in texts for place in (tmp_path, cache, Path.home()))


def test_lerobot_itself_loads_a_checkpoint_from_inside_its_folder_wherever_it_is_moved(checkpoint, tmp_path):
    moved = tmp_path / "elsewhere" / "robot"
    shutil.copytree(checkpoint, moved)
    program = (
        "from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy;"
        "from lerobot.policies.factory import make_pre_post_processors;"
        "policy = SmolVLAPolicy.from_pretrained('.', strict=True);"
        "before, after = make_pre_post_processors(policy.config, pretrained_path='.');"
        "print(sum(p.numel() for p in policy.parameters()))"
    )

    done = subprocess.run([sys.executable, "-c", program], cwd=moved, capture_output=True, text=True, check=True)

    assert done.stdout.split()[-1] == str(sum(value.numel() for value in load_policy(checkpoint).parameters()))


def test_saving_over_a_checkpoint_replaces_it_as_a_whole(policy, checkpoint):
    (checkpoint / "stray.txt").write_text("old")

    save_policy(policy, checkpoint)

    assert not (checkpoint / "stray.txt").exists()
    assert not list(checkpoint.parent.glob(".*"))


def test_a_checkpoint_that_lacks_weights_is_refused(checkpoint):
    from safetensors.torch import load_file, save_file

    tensors = load_file(checkpoint / "model.safetensors")
    tensors.pop(next(iter(sorted(tensors))))
    save_file(tensors, checkpoint / "model.safetensors")

    with pytest.raises(PolicyError, match="does not hold this policy"):
        load_policy(checkpoint)


def test_a_folder_that_is_no_checkpoint_is_refused(tmp_path):
    with pytest.raises(PolicyError, match=r"no config\.json"):
        load_policy(tmp_path)


def test_a_policy_of_another_kind_is_refused(checkpoint):
    config = json.loads((checkpoint / "config.json").read_text())
    (checkpoint / "config.json").write_text(json.dumps({"type": "act", "device": "cpu"}))

    assert config["type"] == "smolvla"
    with pytest.raises(PolicyError, match="is a act policy"):
        load_policy(checkpoint)


def test_a_hub_policy_without_a_network_is_told_how_to_fetch():
    with pytest.raises(AssetMissingError) as caught:
        load_policy("lerobot/smolvla_base")

    assert "hf download lerobot/smolvla_base" in caught.value.remedy


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda tensors: tensors.pop(min(tensors)), "missing"),
        (lambda tensors: tensors.update(stranger=torch.zeros(1)), "unknown stranger"),
        (lambda tensors: tensors.update({min(tensors): torch.zeros(7)}), r"is \(7,\)"),
        (lambda tensors: tensors.update({min(tensors): tensors[min(tensors)].double()}), "float64"),
    ],
)
def test_tensors_that_are_not_the_policys_are_refused_and_nothing_is_copied(policy, change, said):
    tensors = {name: value.detach() + 1 for name, value in trainable_parameters(policy).items()}
    before = digest_of(policy.state_dict())
    change(tensors)

    with pytest.raises(PolicyError, match=said):
        set_trainable(policy, tensors)

    assert digest_of(policy.state_dict()) == before


def test_statistics_without_a_mean_are_refused_where_lerobot_would_leave_values_as_they_are(policy):
    good = {"mean": np.zeros(6), "std": np.ones(6)}

    with pytest.raises(PolicyError, match="'action'"):
        make_processors(policy, {"observation.state": good, "so100.action": good})


def test_a_joint_that_never_moved_in_training_does_not_blow_up_when_it_moves_later(policy):
    still = {"mean": np.zeros(6), "std": np.array([30.0, 30, 30, 30, 0, 20])}
    processors = make_processors(policy, {"observation.state": still, "action": still})
    seen = {"observation.state": torch.full((1, 6), 5.0), "action": torch.zeros(1, 10, 6), "task": ["lift"]}

    state = processors.before(seen)["observation.state"]

    assert state.abs().max() <= 50
    assert state[0, 0] == pytest.approx(5 / 30)


def test_relative_actions_begin_where_the_arm_is_and_survive_a_checkpoint(policy, tmp_path):
    plain = {"mean": np.zeros(6), "std": np.full(6, 2.0)}
    processors = make_processors(policy, {"observation.state": plain, "action": plain}, relative_actions=True)
    state, action = torch.tensor([[5.0, -3, 2, 1, 0, 40]]), torch.full((1, 16, 6), 10.0)

    made = processors.before({"observation.state": state, "action": action, "task": ["lift"]})

    assert made["action"][0, 0].tolist() == pytest.approx([2.5, 6.5, 4, 4.5, 5, 5])  # the gripper stays as it was
    assert torch.allclose(processors.after(made["action"]), action)
    save_policy(policy, tmp_path / "checkpoint", processors=processors)
    saved = load_processors(load_policy(tmp_path / "checkpoint"), tmp_path / "checkpoint")
    again = saved.before({"observation.state": state, "action": action, "task": ["lift"]})
    assert torch.equal(again["action"], made["action"])
    assert torch.allclose(saved.after(again["action"]), action)
    assert predicts_relative_actions(tmp_path / "checkpoint") is True


def test_a_checkpoint_says_which_actions_its_policy_predicts(policy, tmp_path):
    plain = {"mean": np.zeros(6), "std": np.full(6, 2.0)}
    processors = make_processors(policy, {"observation.state": plain, "action": plain})
    save_policy(policy, tmp_path / "absolute", processors=processors)
    save_policy(policy, tmp_path / "without")
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "policy_preprocessor.json").write_text("{")

    answers = [predicts_relative_actions(tmp_path / name) for name in ("absolute", "without", "damaged", "nowhere")]

    assert answers == [False, None, None, None]


def test_a_local_backbone_that_is_not_there_is_named(cache):
    with pytest.raises(AssetMissingError, match="no backbone folder"):
        build_policy(TINY, cameras=CAMERAS, seed=0, cache=cache, backbone="/nowhere/smolvlm")
