"""A checkpoint per round, in LeRobot's format: what a run can go on from and what a robot can load."""

import re
from pathlib import Path

from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy

from zk0.training.policy import Processors, save_policy

NAME = re.compile(r"round-(\d+)")


def checkpoint_path(directory: Path, number: int) -> Path:
    """Return where the checkpoint of a round is kept."""
    return directory / "checkpoints" / f"round-{number:03d}"


def save_checkpoint(directory: Path, number: int, policy: SmolVLAPolicy, processors: Processors) -> Path:
    """Write the checkpoint of a round; it is there as a whole or not at all."""
    return save_policy(policy, checkpoint_path(directory, number), processors=processors)


def last_checkpoint(directory: Path) -> tuple[int, Path] | None:
    """Return the last round with a checkpoint, and its folder."""
    found = [
        (int(match[1]), path)
        for path in (directory / "checkpoints").glob("round-*")
        if (match := NAME.fullmatch(path.name))
    ]
    return max(found, default=None)
