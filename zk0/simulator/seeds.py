"""Which random seed an episode gets, so that no rollout ever starts where a demonstration did.

A demonstration's seed is even and a rollout's is odd. Within one purpose, different (task, seed) pairs begin far
apart, so two tasks recorded with the same seed don't place their objects alike.
"""

import zlib
from typing import Literal

Purpose = Literal["recording", "rollout"]

EPISODES_APART = 100_000  # more than anyone tries with one seed


def episode_seed(task: str, seed: int, index: int, purpose: Purpose) -> int:
    """Return the seed of the `index`-th try; the same for the same arguments on every machine."""
    first = (zlib.crc32(task.encode()) + seed) * EPISODES_APART
    return 2 * (first + index) + (purpose == "rollout")
