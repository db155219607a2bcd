"""Functions that tests have workers perform."""

import os
import signal
import threading
import time
from pathlib import Path

from zk0.core.errors import DatasetError
from zk0.core.worker import note


class OddError(Exception):
    """One that can't be read back from a pickle."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} and {two}")


def square(number: int) -> tuple[int, int]:
    """Return a square and the process, after a time that lets others overtake."""
    time.sleep(0.2 / (number + 1))
    return number * number, os.getpid()


def speak(name: str) -> None:
    """Note something twice."""
    note(name, 1)
    note(name, 2)


def fail(kind: str) -> None:
    """Raise an error of a kind."""
    raise {"ours": DatasetError("the data set is gone", remedy="fetch it"), "odd": OddError("one", "two")}[kind]


def die() -> None:
    """Be killed, as the system does where memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


def hang(folder: Path) -> None:
    """Say which process this is, and go on for ever."""
    (folder / str(os.getpid())).touch()
    time.sleep(3600)


def environment() -> tuple[str, str, int]:
    """Return what a worker's arithmetic goes by, and how many threads of Python it has."""
    return os.environ["OMP_NUM_THREADS"], os.environ["OMP_WAIT_POLICY"], threading.active_count()
