"""The configuration of the simulated arm; LeRobot finds the arm in `arm.py` because this module is `config_arm`."""

import threading
from dataclasses import dataclass, field
from typing import Any

from lerobot.robots import RobotConfig

from zk0.simulator.cameras import DEFAULT_IMAGE_SIZE


@RobotConfig.register_subclass("zk0_simulated_so101")
@dataclass(kw_only=True)
class SimulatedSO101Config(RobotConfig):  # type: ignore[misc]  # LeRobot has no types
    """Which simulation the arm is in, and the seed of its episode."""

    simulation: Any = None
    seed: int = 0
    image_size: int = DEFAULT_IMAGE_SIZE
    over: threading.Event = field(default_factory=threading.Event)
