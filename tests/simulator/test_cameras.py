from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from zk0.simulator.cameras import CAMERAS
from zk0.simulator.environment import Simulation
from zk0.simulator.tasks import CLIENT_TASKS, UNSEEN_TASK, task

TASKS = (*CLIENT_TASKS, UNSEEN_TASK)
RGB = {"red": "r", "orange": "rg", "yellow": "rg", "green": "g", "blue": "b", "purple": "rb"}

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Look:
    """What the overhead camera first sees in a few episodes of a task, and how both cameras stand."""

    images: list[Image]
    stands: list[float]


@pytest.fixture(scope="module")
def looks() -> dict[str, Look]:
    """Open each task once and look at it."""
    looks = {}
    for name in TASKS:
        with Simulation(task(name)) as simulation:
            images = [simulation.reset(seed).images["overhead"] for seed in range(4)]
            wrist: Any = simulation.model.camera("wrist_cam")
            overhead = simulation._environment.unwrapped._overhead_obs_cam
            stands = [*wrist.pos, *wrist.quat, *wrist.fovy, *overhead.lookat, overhead.distance, overhead.azimuth]
            looks[name] = Look(images, stands)
    return looks


def coloured_pixels(image: Image, colour: str) -> int:
    """Count the pixels in which the colour's channels are well above the others; the rest of the scene is grey."""
    strong = ["rgb".index(channel) for channel in RGB[colour]]
    weak = [channel for channel in range(3) if channel not in strong]
    return int((image[..., strong].min(-1).astype(int) - image[..., weak].max(-1) > 40).sum())


@pytest.mark.parametrize("name", TASKS)
def test_the_object_is_in_sight_from_above_before_the_arm_moves(looks: dict[str, Look], name: str) -> None:
    pixels = [coloured_pixels(image, task(name).colour) for image in looks[name].images]

    assert min(pixels) >= 8  # a whole object takes about 40


@pytest.mark.parametrize("name", TASKS)
def test_both_cameras_stand_where_they_stand_for_every_task(looks: dict[str, Look], name: str) -> None:
    np.testing.assert_allclose(looks[name].stands, looks["lift-left"].stands)


def test_images_are_of_the_size_asked_for() -> None:
    with Simulation(task("lift-left"), image_size=64) as simulation:
        images = simulation.reset(0).images

    assert tuple(images) == CAMERAS
    assert all(image.shape == (64, 64, 3) and image.dtype == np.uint8 for image in images.values())
