"""The robot and table of one task in MuJoCo, in LeRobot's units.

The model, the tasks and their conditions of success are so101-nexus's (Apache-2.0; the robot is MuJoCo Menagerie's
`robotstudio_so101`). Added here: cameras and units.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zk0.core.errors import DependencyMissingError
from zk0.simulator import rendering
from zk0.simulator.cameras import (
    CAMERAS,
    DEFAULT_IMAGE_SIZE,
    aim_overhead_camera,
    camera_observations,
    draw_fewer_triangles,
    fast_rendering,
    show_collision_shapes,
)
from zk0.simulator.success import Judge
from zk0.simulator.tasks import Task
from zk0.simulator.units import Floats, JointUnits

if TYPE_CHECKING:
    import gymnasium
    import mujoco

TOUCH_MARGIN = 0.02  # metres; a fingertip is 2 cm ahead of the tool point, so this is a touch and not a fly-by


@dataclass(frozen=True)
class Observation:
    """A policy's observation."""

    state: NDArray[np.float32]  # joint positions in LeRobot's units, (6,)
    images: dict[str, NDArray[np.uint8]]  # RGB of each camera, (height, width, 3)
    sentence: str  # the task in words


@dataclass(frozen=True)
class SceneState:
    """The places of things: known to the expert, unknown to a policy."""

    position: Floats  # of the object's centre, (3,) metres
    yaw: float  # of the object, radians
    target: Floats | None  # centre of the disc, (3,) metres; None if the task has none


class Simulation(AbstractContextManager["Simulation"]):
    """An environment of one task; close it, or use it as a context manager.

    `success` and `scene` describe the state after the last reset or step; `model` and `data` are MuJoCo's. Both cameras
    are `image_size` pixels wide and high; with None there are none, which is about ten times as fast.

    Raises:
        DependencyMissingError: so101-nexus is not installed.
        RenderingError: MuJoCo can't render on this machine.
    """

    success: bool
    scene: SceneState

    def __init__(self, task: Task, *, image_size: int | None = DEFAULT_IMAGE_SIZE) -> None:
        if find_spec("so101_nexus") is None:
            raise DependencyMissingError(
                "the simulator needs so101-nexus, which is not installed", remedy="pip install 'zk0[simulator]'"
            )
        rendering.prepare()
        self.task = task
        try:
            self._environment = _make(task, image_size)
        except Exception as error:  # MuJoCo, PyOpenGL and ctypes each have their own
            rendering.raise_if_not_rendering(error)
            raise
        robot = self._environment.unwrapped
        self.model: mujoco.MjModel = robot.model
        self.data: mujoco.MjData = robot.data
        joints = self._environment.action_space
        self.units = JointUnits(low=joints.low.astype(np.float64), high=joints.high.astype(np.float64))
        show_collision_shapes(self.model)
        if image_size is not None:
            aim_overhead_camera(robot)

    def reset(self, seed: int) -> Observation:
        """Start an episode; the seed decides the places of things and the pose of the arm."""
        observation, information = self._environment.reset(seed=seed)
        self._judge = Judge(self.task)
        return self._observe(observation, information)

    def step(self, action: Floats) -> Observation:
        """Command joint targets, (6,) in LeRobot's units and clipped to the joints' limits, for one control period."""
        target = self.units.to_radians(action).astype(np.float32)
        observation, _, _, _, information = self._environment.step(target)
        return self._observe(observation, information)

    def close(self) -> None:
        """Free the rendering contexts: those still open at exit make EGL print tracebacks."""
        self._environment.close()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _observe(self, observation: Floats | dict[str, Any], information: dict[str, Any]) -> Observation:
        if isinstance(observation, dict):  # with cameras
            known, images = information["privileged_state"], {name: observation[f"{name}_camera"] for name in CAMERAS}
        else:
            known, images = observation, {}
        joints, pose, target = np.split(known.astype(np.float64), (6, 13))
        self.success = self._judge.decide(information)
        self.scene = SceneState(position=pose[:3], yaw=_yaw(pose[3:]), target=target if target.size else None)
        return Observation(self.units.from_radians(joints), images, self.task.sentence)


def _make(task: Task, image_size: int | None) -> "gymnasium.Env[Any, Any]":
    import gymnasium
    import so101_nexus.mujoco  # noqa: F401  registers the environments
    from so101_nexus import config, objects, observations

    thing = {"cube": objects.CubeObject, "cylinder": objects.CylinderObject}[task.shape](color=task.colour)
    cameras = [] if image_size is None else camera_observations(image_size)
    common: dict[str, Any] = {
        "objects": thing,
        "spawn_center": task.spawn_centre,
        "spawn_min_radius": task.spawn_radii[0],
        "spawn_max_radius": task.spawn_radii[1],
        "terminate_on_success": False,
        "physics": config.PhysicsConfig(control_period_s=task.control_period),
        "obs_mode": "state" if image_size is None else "visual",
        "observations": [*cameras, observations.JointPositions(), observations.ObjectPose()],
        "render": fast_rendering(),
    }
    match task.verb:
        case "lift":
            name, settings = "MuJoCoPickLift-v1", config.PickConfig(**common)
        case "touch":
            name, settings = "MuJoCoTouch-v1", config.TouchConfig(touch_margin=TOUCH_MARGIN, **common)
        case "place":
            common["observations"].append(observations.TargetPosition())
            settings = config.PickAndPlaceV2Config(target_colors=task.target, **common)
            name = "MuJoCoPickAndPlace-v2"
    return _with_fewer_triangles(gymnasium.spec(name).entry_point)(config=settings)


def _with_fewer_triangles(entry_point: Any) -> "type[gymnasium.Env[Any, Any]]":
    """Return an environment's class that simplifies what it draws before its renderers load it to the (soft) GPU."""
    from gymnasium.envs.registration import load_env_creator

    class Simplified(load_env_creator(entry_point)):  # type: ignore[misc]  # a class that is known at run time only
        def _setup_rendering_quality(self) -> None:
            super()._setup_rendering_quality()
            draw_fewer_triangles(self.model)

    return Simplified


def _yaw(quaternion: Floats) -> float:
    w, x, y, z = quaternion
    return float(np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z)))
