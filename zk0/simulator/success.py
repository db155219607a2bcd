"""Decide whether a task is solved: so101-nexus's conditions, without lucky successes.

An untrained arm sweeping over the table passes over an object, or pushes it onto a disc that lies beside it: of eight
untrained rollouts, six "touched" or "placed" so. Hence a touch must last, and what is placed must have been lifted.
"""

from typing import Any

from zk0.simulator.tasks import Task

TOUCH_SECONDS = 0.5  # a sweeping arm stays within reach of an object for 0.1 to 0.3 s
LIFTED = 0.02  # metres; a cube that topples over another edge rises by 5 mm


class Judge:
    """Judges one episode of a task."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._lasting = round(TOUCH_SECONDS / task.control_period)
        self._touched = 0
        self._lifted = False

    def decide(self, information: dict[str, Any]) -> bool:
        """Return whether the task is solved, from so101-nexus's information after a control step."""
        met = bool(information["success"])
        match self._task.verb:
            case "lift":  # between both fingers and 5 cm above where it lay
                return met
            case "touch":
                self._touched = self._touched + 1 if met else 0
                return self._touched >= self._lasting
            case "place":  # at rest on the disc, carried by nothing but the table
                self._lifted |= bool(information["is_grasped"]) and information["lift_height"] > LIFTED
                return met and self._lifted
