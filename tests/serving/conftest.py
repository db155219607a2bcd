"""A project of its own with a trained policy, for tests that change it."""

import shutil
from pathlib import Path

import pytest

from zk0.core.project import Project


@pytest.fixture
def project(trained: Path, tmp_path: Path) -> Project:
    """Return a copy of the project that has trained."""
    return Project(Path(shutil.copytree(trained, tmp_path / "arms", symlinks=True)))


@pytest.fixture
def act_checkpoint(tmp_path):
    """Return the checkpoint of a small, untrained ACT policy with LeRobot's own processors for it."""
    import torch
    from lerobot.configs import FeatureType, PolicyFeature
    from lerobot.policies.act.configuration_act import ACTConfig
    from lerobot.policies.act.modeling_act import ACTPolicy
    from lerobot.policies.act.processor_act import make_act_pre_post_processors

    images = {f"observation.images.{name}": (3, 96, 96) for name in ("wrist", "overhead")}
    config = ACTConfig(
        chunk_size=4,
        n_action_steps=4,
        dim_model=32,
        n_heads=2,
        dim_feedforward=32,
        n_encoder_layers=1,
        n_vae_encoder_layers=1,
        latent_dim=4,
        pretrained_backbone_weights=None,
        device="cpu",
        push_to_hub=False,
        input_features={
            "observation.state": PolicyFeature(FeatureType.STATE, (6,)),
            **{name: PolicyFeature(FeatureType.VISUAL, shape) for name, shape in images.items()},
        },
        output_features={"action": PolicyFeature(FeatureType.ACTION, (6,))},
    )
    joints = {"mean": torch.zeros(6), "std": torch.ones(6)}
    pixels = {"mean": torch.zeros(3, 1, 1), "std": torch.ones(3, 1, 1)}
    statistics = {"observation.state": joints, "action": joints, **dict.fromkeys(images, pixels)}
    folder = tmp_path / "act"
    ACTPolicy(config).save_pretrained(folder)
    for processor in make_act_pre_post_processors(config, statistics):
        processor.save_pretrained(folder)
    return folder
