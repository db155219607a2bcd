"""The simulated SO-101 as one of LeRobot's robots, by the interface `Robot` that LeRobot's programs expect.

An episode is over when the task is solved, an action is not finite, or the task's steps are used up; then `over` is
set. Time in the simulation passes with actions only: while the arm waits for a server, the world stands still.
"""

from typing import Any

import numpy as np
from lerobot.robots import Robot

from zk0.serving.config_arm import SimulatedSO101Config
from zk0.simulator.cameras import CAMERAS
from zk0.simulator.environment import Observation, Simulation
from zk0.simulator.units import FEATURE_NAMES


class SimulatedSO101(Robot):  # type: ignore[misc]  # LeRobot has no types
    """One episode of the simulated arm; LeRobot finds this class by the name of its configuration."""

    config_class = SimulatedSO101Config
    name = "zk0_simulated_so101"

    def __init__(self, config: SimulatedSO101Config) -> None:
        super().__init__(config)
        self.simulation: Simulation = config.simulation
        self.config = config
        self.taken = 0
        self.is_finite = True
        self._seen: Observation | None = None

    @property
    def observation_features(self) -> dict[str, Any]:
        """The six joints, and the shapes of the cameras' images."""
        shape = (self.config.image_size, self.config.image_size, 3)
        return {**dict.fromkeys(FEATURE_NAMES, float), **dict.fromkeys(CAMERAS, shape)}

    @property
    def action_features(self) -> dict[str, Any]:
        """The six joints' targets."""
        return dict.fromkeys(FEATURE_NAMES, float)

    @property
    def is_connected(self) -> bool:
        """Whether the episode has begun."""
        return self._seen is not None

    @property
    def is_calibrated(self) -> bool:
        """A simulated arm is."""
        return True

    def connect(self, calibrate: bool = True) -> None:  # noqa: FBT001, FBT002, ARG002  LeRobot's signature
        """Begin the episode."""
        self._seen = self.simulation.reset(self.config.seed)

    def calibrate(self) -> None:
        """Nothing to calibrate."""

    def configure(self) -> None:
        """Nothing to configure."""

    def get_observation(self) -> dict[str, Any]:
        """Return the joints in LeRobot's units and the images (height, width, 3), 8-bit."""
        assert self._seen is not None
        return {**dict(zip(FEATURE_NAMES, map(float, self._seen.state), strict=True)), **self._seen.images}

    def send_action(self, action: dict[str, Any]) -> dict[str, Any]:
        """Do one control step, unless the episode is over."""
        targets = np.array([action[name] for name in FEATURE_NAMES], dtype=np.float64)
        if self.config.over.is_set():
            return action
        self.is_finite = bool(np.isfinite(targets).all())
        if self.is_finite:
            self._seen = self.simulation.step(targets)
            self.taken += 1
        if not self.is_finite or self.simulation.success or self.taken == self.simulation.task.max_steps:
            self.config.over.set()
        return action

    def disconnect(self) -> None:
        """End the episode; the simulation is its owner's."""
        self._seen = None
