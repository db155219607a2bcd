"""Convert between the simulator's radians and LeRobot's units of an SO-101.

LeRobot (since 0.4.4) states the five arm joints in degrees and the gripper in percent of its travel, 0 closed and
100 open. Data sets name the six numbers `shoulder_pan.pos` to `gripper.pos`, in this order.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

JOINTS: tuple[str, ...] = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
FEATURE_NAMES: tuple[str, ...] = tuple(f"{joint}.pos" for joint in JOINTS)

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class JointUnits:
    """Converts one robot's joint positions; `low` and `high` are its joints' limits, (6,) radians."""

    low: Floats
    high: Floats

    def from_radians(self, positions: Floats) -> NDArray[np.float32]:
        """Convert (..., 6) radians to degrees and gripper percent."""
        units = np.degrees(positions)
        units[..., -1] = 100 * (positions[..., -1] - self.low[-1]) / (self.high[-1] - self.low[-1])
        return units.astype(np.float32)

    def to_radians(self, units: Floats) -> NDArray[np.float64]:
        """Convert (..., 6) degrees and gripper percent to radians, clipped to the joints' limits."""
        radians = np.radians(units, dtype=np.float64)
        radians[..., -1] = self.low[-1] + units[..., -1] / 100 * (self.high[-1] - self.low[-1])
        return np.clip(radians, self.low, self.high)
