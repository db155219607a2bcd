"""SO-101 in MuJoCo: tasks, a scripted expert, a recorder of LeRobot data sets, and rollouts of policies.

Importing this is cheap; MuJoCo and LeRobot are imported by the first simulation and the first recording.
"""

from zk0.simulator.cameras import CAMERAS, DEFAULT_IMAGE_SIZE
from zk0.simulator.environment import Observation, SceneState, Simulation
from zk0.simulator.expert import demonstrate
from zk0.simulator.recorder import cached_recording, record
from zk0.simulator.rollout import Policy, Rollouts, rollout
from zk0.simulator.tasks import CLIENT_TASKS, UNSEEN_TASK, Task, task
from zk0.simulator.units import FEATURE_NAMES, JOINTS, JointUnits

__all__ = [
    "CAMERAS",
    "CLIENT_TASKS",
    "DEFAULT_IMAGE_SIZE",
    "FEATURE_NAMES",
    "JOINTS",
    "UNSEEN_TASK",
    "JointUnits",
    "Observation",
    "Policy",
    "Rollouts",
    "SceneState",
    "Simulation",
    "Task",
    "cached_recording",
    "demonstrate",
    "record",
    "rollout",
    "task",
]
