"""The sizes of SmolVLA that zk0 builds or loads."""

from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Literal

from zk0.core.errors import UnknownNameError

JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
ABSOLUTE_JOINTS = ("gripper",)  # of relative actions: it is opened and closed, wherever it was
FEATURE_NAMES = tuple(f"{joint}.pos" for joint in JOINTS)


@dataclass(frozen=True)
class Vision:
    """A SigLIP-shaped image encoder."""

    width: int
    layers: int
    heads: int
    image_size: int
    patch_size: int = 16


@dataclass(frozen=True)
class Language:
    """A Llama-shaped text trunk."""

    width: int
    feed_forward: int
    layers: int
    heads: int
    key_value_heads: int

    @property
    def head_width(self) -> int:
        """Width of one attention head."""
        return self.width // self.heads


@dataclass(frozen=True)
class Backbone:
    """The shape of a SmolVLM built with random weights; `scale` is the pixel shuffle of the connector."""

    vision: Vision
    language: Language
    scale: int


@dataclass(frozen=True)
class Preset:
    """A policy size.

    `backbone` is a shape to build offline or the name of a SmolVLM; `pretrained` names a policy to start from. Of each
    `chunk` of actions, which takes `flow_steps` from noise, so many are `executed` before the policy looks again.
    `trains` names the trained parts: a random backbone must learn with the expert, a pretrained one stays frozen.
    """

    name: str
    summary: str
    backbone: Backbone | str
    image_size: int
    language_layers: int
    chunk: int
    executed: int
    flow_steps: int
    padded_joints: int
    text_tokens: int
    trains: Literal["expert", "all"]
    pretrained: str | None = None


TINY = Preset(
    name="tiny",
    summary="a few hundred thousand parameters, random weights, built offline: seconds on a CPU",
    backbone=Backbone(Vision(64, 1, 4, 64), Language(64, 128, 4, 4, 2), scale=1),
    image_size=64,
    language_layers=2,
    chunk=16,
    executed=10,
    flow_steps=4,
    padded_joints=8,
    text_tokens=32,
    trains="all",
)
SMALL = Preset(
    name="small",
    summary="tens of millions of parameters; a SmolVLM or SmolLM2 from a local folder if `backbone` names one",
    backbone=Backbone(Vision(192, 2, 3, 128), Language(576, 1536, 4, 9, 3), scale=4),
    image_size=128,
    language_layers=4,
    chunk=10,
    executed=10,
    flow_steps=10,
    padded_joints=8,
    text_tokens=48,
    trains="expert",
)
BASE = Preset(
    name="base",
    summary="lerobot/smolvla_base, 450 million parameters, pretrained: needs a GPU, and the hub or a local copy",
    backbone="HuggingFaceTB/SmolVLM2-500M-Video-Instruct",
    image_size=512,
    language_layers=16,
    chunk=50,
    executed=50,
    flow_steps=10,
    padded_joints=32,
    text_tokens=48,
    trains="expert",
    pretrained="lerobot/smolvla_base",
)
BASE_SHAPE = replace(
    BASE,
    name="base-shape",
    summary="the architecture of `base` with random weights, for measuring time and memory: it is untrained",
    backbone=Backbone(Vision(768, 12, 12, 512), Language(960, 2560, 16, 15, 5), scale=4),
    pretrained=None,
)
PRESETS = {preset.name: preset for preset in (TINY, SMALL, BASE, BASE_SHAPE)}


def preset(name: str) -> Preset:
    """Return the preset of this name.

    Raises:
        UnknownNameError: there is no such preset.
    """
    if name not in PRESETS:
        near = get_close_matches(name, PRESETS, n=1)
        raise UnknownNameError(
            f"there is no preset {name!r}",
            remedy=f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(PRESETS)}",
        )
    return PRESETS[name]
