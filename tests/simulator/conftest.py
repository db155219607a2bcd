"""A recording made once, processes to kill and to race, and simulations without cameras."""

import multiprocessing
from collections.abc import Callable, Iterator
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest

from zk0.simulator.environment import Simulation
from zk0.simulator.recorder import record
from zk0.simulator.tasks import Task, task

FORKS = multiprocessing.get_context("forkserver")


@pytest.fixture(scope="session", autouse=True)
def processes() -> ForkServerContext:
    """Give processes in which LeRobot is imported already: forked from one that imports it while the tests run."""
    FORKS.set_forkserver_preload(["lerobot.datasets.lerobot_dataset"])
    forkserver.ensure_running()
    return FORKS


@pytest.fixture(scope="session")
def lift() -> Task:
    return task("lift-left")


@pytest.fixture(scope="session")
def recorded(lift: Task, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data set of two episodes of lift-left, recorded with seed 0."""
    return record(lift, episodes=2, seed=0, root=tmp_path_factory.mktemp("recordings") / "lift-left")


@pytest.fixture
def blind(request: pytest.FixtureRequest) -> Iterator[Simulation]:
    """Give a simulation without cameras, of lift-left or of the task a test names as parameter."""
    with Simulation(task(getattr(request, "param", "lift-left")), image_size=None) as simulation:
        yield simulation


@pytest.fixture(scope="session")
def load() -> Callable[[Path], Any]:
    """Give what reads a data set as a training program does."""
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    return lambda root: LeRobotDataset("zk0/test", root=root, video_backend="pyav")
