"""One checkpoint per round, in LeRobot's format: a run resumes from it and a robot loads it."""

import re
from pathlib import Path

from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy

from zk0.training.policy import Processors, save_policy

NAME = re.compile(r"round-(\d+)")


def checkpoint_path(directory: Path, number: int) -> Path:
    """Return the folder of a round's checkpoint."""
    return directory / "checkpoints" / f"round-{number:03d}"


def save_checkpoint(directory: Path, number: int, policy: SmolVLAPolicy, processors: Processors) -> Path:
    """Write the checkpoint of a round atomically."""
    return save_policy(policy, checkpoint_path(directory, number), processors=processors)


def last_checkpoint(directory: Path) -> tuple[int, Path] | None:
    """Return the last round that has a checkpoint, and its folder."""
    found = [
        (int(match[1]), path)
        for path in (directory / "checkpoints").glob("round-*")
        if (match := NAME.fullmatch(path.name))
    ]
    return max(found, default=None)
