"""LeRobot's SmolVLA: build it from a preset, load it from a checkpoint, save it for other machines.

LeRobot writes the path of the backbone into `config.json` and into the preprocessor. zk0 copies the backbone's
configuration and tokenizer (never its weights, which are in the checkpoint) beside them as `backbone/` and names it
by that relative name, so the folder contains no path of this machine and can be moved.
"""

import contextlib
import io
import json
import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lerobot.configs import FeatureType, PolicyFeature, PreTrainedConfig
from lerobot.policies.smolvla.configuration_smolvla import SmolVLAConfig
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy
from lerobot.policies.smolvla.processor_smolvla import make_smolvla_pre_post_processors
from lerobot.processor import (
    AbsoluteActionsProcessorStep,
    NormalizerProcessorStep,
    RelativeActionsProcessorStep,
    UnnormalizerProcessorStep,
)
from torch import Tensor

from zk0.core.errors import AssetMissingError, ConfigurationError, PolicyError
from zk0.training.backbone import composed_backbone, random_backbone
from zk0.training.dataset_inspection import ACTION, IMAGES, STATE
from zk0.training.parameters import trainable_parameters
from zk0.training.presets import ABSOLUTE_JOINTS, FEATURE_NAMES, Preset
from zk0.training.seeds import seeded

BACKBONE = "backbone"
PROCESSORS = ("policy_preprocessor.json", "policy_postprocessor.json")
# Degrees, or percent of the gripper. A joint that never moved in the training episodes has a deviation of 0; LeRobot
# divides by 1e-8 then, and an arm that does move it later sees a state of a billion (measured: a loss of 2e10).
SMALLEST_DEVIATION = 0.1
CAMERA_SHAPE = (3, 96, 96)  # (channels, height, width) as recorded in the configuration; any size is resized
WEIGHT_FILES = ("*.safetensors", "*.bin", "*.pt", "*.gguf")

type Statistics = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Processors:
    """LeRobot's pipelines around the policy: `before` normalises its input, `after` unnormalises its output."""

    before: Any
    after: Any


def build_policy(
    preset: Preset,
    *,
    cameras: Sequence[str],
    seed: int,
    cache: Path,
    backbone: str | None = None,
    device: str = "cpu",
) -> SmolVLAPolicy:
    """Build a policy of this preset, from its pretrained weights if it has any, else from the seed's random ones.

    `cache` holds built backbones. `backbone` is a local SmolVLM or SmolLM2 folder, or a hub name, in place of the
    preset's own.

    Raises:
        AssetMissingError: the weights are neither local nor on the hub.
    """
    if preset.pretrained is not None:
        policy = load_policy(preset.pretrained, device=device)
        policy.config.input_features = _inputs(cameras)
        return policy
    source, weights = _backbone_source(preset, backbone, cache)
    config = SmolVLAConfig(
        vlm_model_name=source,
        load_vlm_weights=weights,
        num_vlm_layers=preset.language_layers,
        resize_imgs_with_padding=(preset.image_size, preset.image_size),
        chunk_size=preset.chunk,
        n_action_steps=preset.executed,
        num_steps=preset.flow_steps,
        max_state_dim=preset.padded_joints,
        max_action_dim=preset.padded_joints,
        tokenizer_max_length=preset.text_tokens,
        train_expert_only=preset.trains == "expert",
        freeze_vision_encoder=preset.trains == "expert",
        input_features=_inputs(cameras),
        output_features={ACTION: PolicyFeature(FeatureType.ACTION, (len(FEATURE_NAMES),))},
        device=device,
        push_to_hub=False,
    )
    with quiet(), seeded(seed, "policy", preset.name):
        policy = SmolVLAPolicy(config)
    return _in_fp32(policy, device)


def load_policy(source: str | Path, *, device: str = "cpu") -> SmolVLAPolicy:
    """Load a policy from a checkpoint folder or the hub.

    Raises:
        AssetMissingError: the hub can't be reached and holds no local copy.
        PolicyError: the folder is not a SmolVLA checkpoint.
    """
    folder = Path(source)
    if folder.exists() and not (folder / "config.json").is_file():
        raise PolicyError(f"{folder} has no config.json", remedy="name a folder written by LeRobot's save_pretrained")
    try:
        config = PreTrainedConfig.from_pretrained(source)
        if not isinstance(config, SmolVLAConfig):
            raise PolicyError(f"{source} is a {config.type} policy, not smolvla")
        beside = folder / config.vlm_model_name
        if beside.is_dir():
            config.vlm_model_name = str(beside)
        # The weights of the backbone are in the checkpoint: do not read them from the hub again.
        config.load_vlm_weights = False
        config.device = device
        with quiet():
            policy = SmolVLAPolicy.from_pretrained(source, config=config, strict=True)
    except RuntimeError as error:
        # safetensors lists the missing and unexpected tensors: a policy with half of its weights random would train
        # silently.
        raise PolicyError(f"{source} does not hold this policy: {str(error).splitlines()[0]}") from error
    except OSError as error:
        raise AssetMissingError(
            f"{source} can't be loaded: {str(error).splitlines()[0]}",
            remedy=f"give a local folder, or fetch it once with a network: hf download {source}",
        ) from error
    return _in_fp32(policy, device)


def predicts_relative_actions(source: str | Path) -> bool | None:
    """Return whether the policy of a checkpoint folder predicts relative actions; None where no processor says it."""
    path = Path(source) / PROCESSORS[0]
    try:
        steps = json.loads(path.read_text(encoding="utf-8"))["steps"]
    except (OSError, ValueError, KeyError):  # a hub id, a folder of weights alone, another format
        return None
    return any(
        step.get("registry_name") == "relative_actions_processor" and step.get("config", {}).get("enabled", True)
        for step in steps
    )


def require_same_actions(source: str | Path, *, relative: bool) -> None:
    """Refuse to start from a policy that predicts the other kind of actions: its actions would have to be learnt again.

    Raises:
        ConfigurationError: it does.
    """
    learnt = predicts_relative_actions(source) if source else None
    if learnt is not None and learnt != relative:
        kinds = {True: "how far each joint goes", False: "where each joint goes"}
        raise ConfigurationError(
            f"the policy {source} predicts {kinds[learnt]}, and this run trains {kinds[not learnt]}",
            remedy=f"set relative-actions={str(learnt).lower()}, as in the run that trained it",
        )


def make_processors(policy: SmolVLAPolicy, statistics: Statistics, *, relative_actions: bool = False) -> Processors:
    """Return LeRobot's pipelines with these normalisation statistics.

    With `relative_actions` the policy predicts how far each joint goes from where it is; the statistics are of that.

    Raises:
        PolicyError: a feature has no statistics; LeRobot would silently leave it unnormalised.
    """
    for feature in (STATE, ACTION):
        if not {"mean", "std"} <= set(statistics.get(feature, {})):
            raise PolicyError(f"there are no mean and std of {feature!r} to normalise with")
    tensors = {
        feature: {name: torch.as_tensor(np.asarray(value), dtype=torch.float32) for name, value in found.items()}
        for feature, found in statistics.items()
    }
    for found in tensors.values():
        found["std"] = found["std"].clamp(min=SMALLEST_DEVIATION)
    before, after = make_smolvla_pre_post_processors(policy.config, tensors)
    if relative_actions:
        relative = RelativeActionsProcessorStep(
            enabled=True, exclude_joints=list(ABSOLUTE_JOINTS), action_names=list(FEATURE_NAMES)
        )
        absolute = AbsoluteActionsProcessorStep(enabled=True, relative_step=relative)
        # As LeRobot's π0 has them: relative before normalising, absolute when the numbers are the arm's again.
        at = _place(before.steps, NormalizerProcessorStep)
        before.steps = [*before.steps[:at], relative, *before.steps[at:]]
        at = _place(after.steps, UnnormalizerProcessorStep) + 1
        after.steps = [*after.steps[:at], absolute, *after.steps[at:]]
    return Processors(before, after)


def _place(steps: Sequence[Any], kind: type) -> int:
    return next(at for at, step in enumerate(steps) if isinstance(step, kind))


def save_policy(policy: SmolVLAPolicy, folder: Path, *, processors: Processors | None = None) -> Path:
    """Write a checkpoint in LeRobot's format, complete and without paths of this machine.

    `SmolVLAPolicy.from_pretrained(".")` loads it from inside the folder, `load_policy` from anywhere.
    """
    beside = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    policy.save_pretrained(beside)
    if processors is not None:
        processors.before.save_pretrained(beside)
        processors.after.save_pretrained(beside)
    source = Path(policy.config.vlm_model_name)
    if source.is_dir():
        shutil.copytree(source, beside / BACKBONE, ignore=shutil.ignore_patterns(*WEIGHT_FILES))
        _name_backbone(beside, str(source), BACKBONE)
    _rewrite(beside / "config.json", {"load_vlm_weights": False, "device": "cpu"})
    shutil.rmtree(folder, ignore_errors=True)
    beside.rename(folder)
    return folder


def set_trainable(policy: SmolVLAPolicy, tensors: Mapping[str, Tensor]) -> None:
    """Copy tensors into the policy's trainable parameters, by name.

    Raises:
        PolicyError: a name, shape or dtype differs from the policy's; then nothing is copied.
    """
    own = trainable_parameters(policy)
    problems = [f"missing {name}" for name in own.keys() - tensors.keys()]
    problems += [f"unknown {name}" for name in tensors.keys() - own.keys()]
    problems += [
        f"{name} is {tuple(tensors[name].shape)} {tensors[name].dtype}, not {tuple(value.shape)} {value.dtype}"
        for name, value in own.items()
        if name in tensors and (tensors[name].shape != value.shape or tensors[name].dtype != value.dtype)
    ]
    if problems:
        raise PolicyError(f"these parameters are not the policy's: {'; '.join(sorted(problems)[:5])}")
    with torch.no_grad():
        for name, value in own.items():
            value.copy_(tensors[name])


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Send the prints of LeRobot and transformers to the debug log: stdout is for data."""
    prints = io.StringIO()
    with contextlib.redirect_stdout(prints):
        yield
    for line in prints.getvalue().splitlines():
        logging.getLogger(__name__).debug("%s", line)


def _backbone_source(preset: Preset, given: str | None, cache: Path) -> tuple[str, bool]:
    """Return the name or folder of the backbone, and whether to load its weights."""
    if isinstance(preset.backbone, str):
        return given or preset.backbone, True
    if not given:
        return str(random_backbone(preset.name, preset.backbone, cache)), False
    if not Path(given).is_dir():
        raise AssetMissingError(f"there is no backbone folder {given}", remedy="give the path of a local folder")
    return str(composed_backbone(Path(given), preset.backbone, cache)), True


def _in_fp32(policy: SmolVLAPolicy, device: str) -> SmolVLAPolicy:
    # Pretrained backbones load as bfloat16, where a learning rate of 1e-5 changes 16 % of the weights only and the
    # proximal pull is rounded away: everything that is trained or averaged is fp32.
    return policy.float().to(device)


def _inputs(cameras: Sequence[str]) -> dict[str, PolicyFeature]:
    features = {STATE: PolicyFeature(FeatureType.STATE, (len(FEATURE_NAMES),))}
    return features | {f"{IMAGES}{name}": PolicyFeature(FeatureType.VISUAL, CAMERA_SHAPE) for name in cameras}


def _name_backbone(folder: Path, old: str, new: str) -> None:
    for path in (folder / "config.json", *(folder / name for name in PROCESSORS)):
        if path.is_file():
            path.write_text(
                path.read_text(encoding="utf-8").replace(json.dumps(old), json.dumps(new)), encoding="utf-8"
            )


def _rewrite(path: Path, changes: Mapping[str, object]) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    content.update({name: value for name, value in changes.items() if name in content})
    path.write_text(json.dumps(content, indent=4) + "\n", encoding="utf-8")
