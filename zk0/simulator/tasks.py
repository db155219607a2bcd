"""The robots' tasks: one for each client, deliberately different, and one that no client has.

The clients are non-IID on purpose. They differ in the verb (lift, place, touch), in where on the table the object
lies, and in its shape and colour; only robot, cameras and control rate are the same for all. The spawn regions are
small (half rings 3 or 4 cm wide), so that a policy of a few hundred thousand parameters learns something from a few
demonstrations: a success here says nothing about the rest of the table. In such small regions even an arm that does
not look has luck: compare a policy's rate with `blind_success`.

Coordinates are metres in the robot's frame: x forward from the shoulder, y to its left, z up.
"""

import zlib
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from zk0.core.errors import UnknownNameError

EpisodePurpose = Literal["recording", "rollout"]
Verb = Literal["lift", "place", "touch"]
Shape = Literal["cube", "cylinder"]
Colour = Literal["red", "orange", "yellow", "green", "blue", "purple", "black", "white"]

EPISODES_APART = 100_000  # more than anyone tries with one seed


@dataclass(frozen=True, kw_only=True)
class Task:
    """One manipulation task of the SO-101."""

    name: str  # kebab-case
    title: str  # for people
    sentence: str  # the instruction for the policy
    verb: Verb  # decides the environment, what counts as success and how the expert solves it
    shape: Shape  # of the object, 25 mm in every direction
    colour: Colour  # of the object
    target: Colour | None = None  # colour of the disc the object is placed on (10 cm across)
    spawn_centre: tuple[float, float]  # (x, y) in metres; objects and discs appear on its far side (x is greater there)
    spawn_radii: tuple[float, float]  # nearest and farthest distance from that centre, in metres
    blind_success: float  # share of 200 rollouts that the average of 16 demonstrations solves without looking
    max_steps: int  # control steps after which a rollout has failed, about twice what the expert needs
    control_period: float = 0.1  # seconds between two actions

    @property
    def rate(self) -> int:
        """Control steps and video frames in a second."""
        return round(1 / self.control_period)


_TASKS = {
    each.name: each
    for each in (
        Task(
            name="lift-left",
            title="Lift the red cylinder on the left",
            sentence="Pick up the red cylinder.",
            verb="lift",
            shape="cylinder",  # looks the same from every side, so that the wrist need not turn: the easiest to learn
            colour="red",
            spawn_centre=(0.17, 0.07),
            spawn_radii=(0.02, 0.06),
            blind_success=0.125,
            max_steps=60,
        ),
        Task(
            name="lift-right",
            title="Lift the blue cube on the right",
            sentence="Pick up the blue cube.",
            verb="lift",
            shape="cube",
            colour="blue",
            spawn_centre=(0.17, -0.07),
            spawn_radii=(0.02, 0.06),
            blind_success=0.16,
            max_steps=60,
        ),
        Task(
            name="place-middle",
            title="Place the orange cube on the green disc",
            sentence="Put the orange cube on the green circle.",
            verb="place",
            shape="cube",
            colour="orange",
            target="green",
            spawn_centre=(0.14, 0.0),
            spawn_radii=(0.02, 0.06),
            blind_success=0.015,
            max_steps=100,
        ),
        Task(
            name="touch-far",
            title="Touch the purple cube far away",
            sentence="Touch the purple cube.",
            verb="touch",
            shape="cube",
            colour="purple",
            spawn_centre=(0.19, 0.0),
            spawn_radii=(0.05, 0.08),
            blind_success=0.02,
            max_steps=40,
        ),
        Task(
            name="place-far",
            title="Place the yellow cylinder on the blue disc far away",
            sentence="Put the yellow cylinder on the blue circle.",
            verb="place",
            shape="cylinder",
            colour="yellow",
            target="blue",
            spawn_centre=(0.20, 0.0),
            spawn_radii=(0.02, 0.06),
            blind_success=0.0,
            max_steps=100,
        ),
    )
}

CLIENT_TASKS: tuple[str, ...] = ("lift-left", "lift-right", "place-middle", "touch-far")
"""The clients' tasks, in the order of the clients."""

UNSEEN_TASK: str = "place-far"
"""A known verb with another object in another place: for evaluation, never for training."""


def task(name: str) -> Task:
    """Return the task of this name.

    Raises:
        UnknownNameError: there is no such task; the remedy lists the nearest names.
    """
    if name not in _TASKS:
        near = get_close_matches(name, _TASKS, n=3, cutoff=0.4) or list(_TASKS)
        raise UnknownNameError(f"there is no task named {name!r}", remedy=f"name one of: {', '.join(near)}")
    return _TASKS[name]


def episode_seed(task: str, seed: int, index: int, purpose: EpisodePurpose) -> int:
    """Return the seed of the `index`-th episode; the same for the same arguments on every machine.

    A demonstration's seed is even and a rollout's is odd, so no rollout starts where a demonstration did. For one
    purpose, different (task, seed) pairs start far apart, so two tasks with one seed don't place their objects alike.
    """
    first = (zlib.crc32(task.encode()) + seed) * EPISODES_APART
    return 2 * (first + index) + (purpose == "rollout")
