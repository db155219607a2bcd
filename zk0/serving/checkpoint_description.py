"""What a LeRobot checkpoint is, by its `config.json` alone: whether the simulated arm can be driven by it.

Nothing here imports LeRobot, so a checkpoint that can't be driven is refused at once.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from zk0.core.errors import PolicyError
from zk0.simulator.cameras import CAMERAS, DEFAULT_IMAGE_SIZE
from zk0.simulator.units import JOINTS

CONFIG, NESTED = "config.json", "pretrained_model"
IMAGES, STATE, ACTION = "observation.images.", "observation.state", "action"
RESIZES = ("smolvla",)  # its images may be of any size; other policies want that of their training


class _PolicyFeature(BaseModel):
    shape: list[int]


class _Config(BaseModel):
    type: str
    n_obs_steps: int = 1
    n_action_steps: int = Field(1, ge=1)
    chunk_size: int | None = None
    input_features: dict[str, _PolicyFeature]
    output_features: dict[str, _PolicyFeature]


@dataclass(frozen=True)
class CheckpointDescription:
    """A checkpoint's folder, the type of its policy, and how it acts by default."""

    folder: Path
    kind: str
    chunk: int  # actions it predicts at once
    executed: int  # of those, as its configuration says
    image_size: int  # pixels

    @property
    def has_noise(self) -> bool:
        """Whether its actions start from noise that can be scaled."""
        return self.kind == "smolvla"


def describe_checkpoint(path: Path) -> CheckpointDescription:
    """Describe the checkpoint in a folder, or in `pretrained_model/` below it as LeRobot's training writes it.

    Raises:
        PolicyError: it is none, or one that the simulated arm can't be driven by.
    """
    folder = path / NESTED if (path / NESTED / CONFIG).is_file() else path
    config = _read(folder)
    if config.n_obs_steps != 1:
        _refuse(folder, f"is a {config.type} policy that needs {config.n_obs_steps} observations at a time")
    for name, features in ((STATE, config.input_features), (ACTION, config.output_features)):
        if name not in features or features[name].shape != [len(JOINTS)]:
            found = features[name].shape if name in features else "nothing"
            _refuse(folder, f"has {found} as {name}; the SO-101 has {len(JOINTS)} joints")
    images = {name: one.shape for name, one in config.input_features.items() if name != STATE}
    if unknown := sorted(set(images) - {f"{IMAGES}{name}" for name in CAMERAS}):
        cameras = ", ".join(f"{IMAGES}{name}" for name in CAMERAS)
        _refuse(folder, f"needs {unknown[0]}, which the simulation does not have: it has {cameras}")
    return CheckpointDescription(
        folder=folder.resolve(),
        kind=config.type,
        chunk=config.chunk_size or config.n_action_steps,
        executed=config.n_action_steps,
        image_size=DEFAULT_IMAGE_SIZE if config.type in RESIZES else _side(folder, images),
    )


def _side(folder: Path, images: dict[str, list[int]]) -> int:
    """Return the side of square images, (channels, height, width)."""
    sizes = {tuple(shape[1:]) for shape in images.values()} or {(DEFAULT_IMAGE_SIZE,) * 2}
    height, width = sizes.pop() if len(sizes) == 1 else (0, 1)
    if height != width:
        _refuse(folder, f"wants images of {images}; the simulation's cameras are square and of one size")
    return height


def _read(folder: Path) -> _Config:
    try:
        content: Any = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        return _Config.model_validate(content)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise PolicyError(f"{folder / CONFIG} is not that of a LeRobot policy: {where} is missing or wrong") from error
    except (OSError, ValueError) as error:
        raise PolicyError(
            f"{folder} is no checkpoint: it has no {CONFIG} of a LeRobot policy",
            remedy="give a folder written by LeRobot: checkpoints/005000/pretrained_model, or a federation's round-010",
        ) from error


def _refuse(folder: Path, why: str) -> None:
    raise PolicyError(f"{folder} {why}", remedy="train it on data of the simulated arm: zk0 run train")
