"""The scripted teacher: waypoints above and at the object, reached by inverse kinematics, joined smoothly.

Inverse kinematics is damped least squares (Wampler 1986; Buss 2004, "Introduction to Inverse Kinematics", section 6)
over the four joints that move and tilt the tool; the fifth, the wrist's roll, aligns the fingers with the object's
sides. The tool points down throughout, which reaches from x = 0.10 m to about 0.27 m.

Whoever imitates it errs. So the gripper opens wide and grasps low: with an error of 1.5 degrees (standard deviation) in
each joint and 4.5 in the roll, throughout an episode, it lifts 92 % of the cubes on the right and 83 % of the cylinders
on the left. Opened by 0.8 radians, at the object's middle, it was 82 and 69 %.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from zk0.simulator.environment import SceneState, Simulation
from zk0.simulator.tasks import Verb
from zk0.simulator.units import JOINTS, Floats

OPEN, CLOSED = 1.0, -0.15  # radians of the gripper; closed goes beyond contact, so that the fingers press
HOVER = 0.06  # metres above the object's centre
GRASP = -0.007  # metres above the object's centre: a finger that comes too high still has the object between its pads
RELEASE = 0.005  # metres above where the object's centre will rest
TOUCH = 0.034  # metres above the object's centre: fingertips at its top, see TOUCH_MARGIN

FREE, HOLDING, EXACT = 1.0, 0.5, 0.15  # slack: far from anything, with the object in the fingers, at the object

TOOL_OFFSET = np.array([-0.002, 0.0, 0.0])  # metres; one jaw is fixed, so the grasp's middle is off the tool's
READY = (-0.1, 0.5, 1.1)  # radians of lift, elbow and wrist: a pose near every solution, where the search begins
TILT_WEIGHT = 0.05  # metres a radian: position counts, tilt decides what is left
DAMPING = 1e-4
LARGEST_STEP = 0.2  # radians
CLOSE_ENOUGH = 5e-4  # metres
ITERATIONS = 60


@dataclass(frozen=True)
class Waypoint:
    """A place on the tool's way."""

    position: Floats  # (3,) metres
    gripper: float  # radians of its opening
    seconds: float  # to get there
    slack: (
        float  # how inexact the arm may be when it gets there: from 0, exact, to 1, as free as on the way to the object
    )


class Demonstration(NamedTuple):
    """What the expert does in an episode."""

    actions: NDArray[np.float32]  # joint targets, (steps, 6) in LeRobot's units
    slack: Floats  # of each step, (steps,), see `Waypoint`


def demonstrate(simulation: Simulation) -> Demonstration:
    """Return how to solve the current episode.

    The simulation decides whether they succeed: an object out of reach is reached for, too.
    """
    scene = simulation.scene
    waypoints = _SOLUTIONS[simulation.task.verb](scene)
    kinematics = Kinematics(simulation)
    # A cylinder looks the same from all sides: turning the wrist would teach a policy to read noise.
    roll = kinematics.roll_along(scene) if simulation.task.shape == "cube" else 0.0
    pose, free, ways, slack = kinematics.start, waypoints[0].slack, [], []
    for waypoint in waypoints:
        goal = np.append(kinematics.solve(waypoint.position, roll), waypoint.gripper)
        steps = round(waypoint.seconds / simulation.task.control_period)
        ways.append(_glide(pose, goal, steps))
        slack.append(np.linspace(free, waypoint.slack, steps + 1)[1:])
        pose, free = goal, waypoint.slack
    return Demonstration(simulation.units.from_radians(np.concatenate(ways)), np.concatenate(slack))


def _lift(scene: SceneState) -> list[Waypoint]:
    above, at = _over(scene.position, HOVER), _over(scene.position, GRASP)
    return [
        Waypoint(above, OPEN, 1.0, FREE),
        Waypoint(at, OPEN, 0.6, EXACT),
        Waypoint(at, CLOSED, 0.5, EXACT),
        Waypoint(above, CLOSED, 0.7, HOLDING),
        Waypoint(above, CLOSED, 0.2, HOLDING),
    ]


def _place(scene: SceneState) -> list[Waypoint]:
    assert scene.target is not None, "a task that places has a disc"
    rest = np.array([scene.target[0], scene.target[1], scene.position[2]])
    above, at = _over(rest, HOVER), _over(rest, RELEASE)
    return [
        *_lift(scene)[:-1],
        Waypoint(above, CLOSED, 0.8, HOLDING),
        Waypoint(at, CLOSED, 0.5, EXACT),
        Waypoint(at, OPEN, 0.4, EXACT),
        Waypoint(above, OPEN, 0.5, HOLDING),
        Waypoint(above, OPEN, 0.3, HOLDING),  # success asks for 0.2 s of rest
    ]


def _touch(scene: SceneState) -> list[Waypoint]:
    above, at = _over(scene.position, HOVER), _over(scene.position, TOUCH)
    return [
        Waypoint(above, CLOSED, 1.0, FREE),
        Waypoint(at, CLOSED, 0.4, EXACT),
        Waypoint(at, CLOSED, 0.6, EXACT),
    ]


def _over(point: Floats, height: float) -> Floats:
    return np.add(point, (0.0, 0.0, height))


_SOLUTIONS: dict[Verb, Callable[[SceneState], list[Waypoint]]] = {"lift": _lift, "place": _place, "touch": _touch}


class Kinematics:
    """Inverse kinematics of one simulated arm, on a copy of its state."""

    def __init__(self, simulation: Simulation) -> None:
        import mujoco

        self._model = simulation.model
        self._scratch = mujoco.MjData(self._model)
        self._scratch.qpos[:] = simulation.data.qpos
        self._tool = self._model.site("gripperframe").id
        joints = [self._model.joint(name) for name in JOINTS]
        self._positions = np.array([joint.qposadr[0] for joint in joints])
        self._velocities = np.array([joint.dofadr[0] for joint in joints])
        self._low, self._high = simulation.units.low[:4], simulation.units.high[:4]
        self.start: Floats = self._scratch.qpos[self._positions].copy()
        """Joint positions now, (6,) radians."""

    def solve(self, position: Floats, roll: float) -> NDArray[np.float64]:
        """Return arm joints (5,) in radians that bring the tool to (3,) metres, pointing down; the nearest if none."""
        joints = np.array([np.arctan2(position[1], position[0]), *READY, roll])
        for _ in range(ITERATIONS):
            tool, axes, jacobian = self._look(joints)
            off = position - tool
            if np.linalg.norm(off) < CLOSE_ENOUGH:
                break
            error = np.concatenate([off, TILT_WEIGHT * np.cross(axes[:, 2], (0, 0, -1))])
            weighted = np.concatenate([jacobian[:3, :4], TILT_WEIGHT * jacobian[3:, :4]])
            step = weighted.T @ np.linalg.solve(weighted @ weighted.T + DAMPING * np.eye(6), error)
            joints[:4] = np.clip(joints[:4] + np.clip(step, -LARGEST_STEP, LARGEST_STEP), self._low, self._high)
        return joints

    def roll_along(self, scene: SceneState) -> float:
        """Return the least wrist roll (radians) that lines the fingers up with two sides of a cube."""
        _, axes, jacobian = self._look(self.solve(scene.position, 0.0))
        missing = scene.yaw - np.arctan2(axes[1, 0], axes[0, 0])
        missing = (missing + np.pi / 4) % (np.pi / 2) - np.pi / 4  # a cube is the same again after a quarter turn
        return float(missing * np.sign(jacobian[5, 4]))  # the roll's axis points down or up

    def _look(self, arm: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the grasp point (3,), the tool's axes as columns (3, 3) and the Jacobian (6, 5) of a pose."""
        import mujoco

        self._scratch.qpos[self._positions[:5]] = arm
        mujoco.mj_kinematics(self._model, self._scratch)
        mujoco.mj_comPos(self._model, self._scratch)
        axes = self._scratch.site_xmat[self._tool].reshape(3, 3)
        point = self._scratch.site_xpos[self._tool] + axes @ TOOL_OFFSET
        moving, turning = np.zeros((3, self._model.nv)), np.zeros((3, self._model.nv))
        mujoco.mj_jac(self._model, self._scratch, moving, turning, point, self._model.site_bodyid[self._tool])
        return point, axes, np.concatenate([moving, turning])[:, self._velocities[:5]]


def _glide(start: Floats, goal: Floats, steps: int) -> NDArray[np.float64]:
    """Return (steps, joints) targets that leave and arrive at rest (a cubic in time), the start left out."""
    time = np.arange(1, steps + 1)[:, None] / steps
    return start + (goal - start) * time**2 * (3 - 2 * time)
