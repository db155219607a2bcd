"""Noise on the actions that a demonstration executes, while the expert's clean plan stays the label.

A policy errs, and then sees what no exact demonstration shows. So the arm is pushed off its way while it demonstrates,
and the label says how to come back: DART (Laskey et al. 2017, "DART: Noise Injection for Robust Imitation Learning").
"""

from collections.abc import Iterator
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from zk0.simulator.expert import Demonstration

DEFAULT_NOISE = 3.0  # degrees, or percent of the gripper: a standard deviation, where nothing is near
SPREAD = 1.4  # an episode's own scale lies between 0 and this, so that some are nearly exact
MEMORY = 0.7  # correlation of one step's noise with the next's: white noise would be smoothed away by the arm's inertia


def disturbed(demonstration: Demonstration, *, noise: float, seed: int) -> Iterator[NDArray[np.float64]]:
    """Yield the actions to execute, (6,) each; the same for the same arguments."""
    generator = np.random.default_rng(seed)
    scale = noise * generator.uniform(0, SPREAD)
    offset: NDArray[np.float64] = np.zeros(demonstration.actions.shape[1])
    for action, slack in zip(*demonstration, strict=True):
        offset = MEMORY * offset + sqrt(1 - MEMORY**2) * generator.normal(size=offset.shape)
        yield action + scale * slack * offset
