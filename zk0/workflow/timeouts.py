"""Timeouts of steps: a step's own limit, or what is left of the limit of a step that it is part of.

A program is ended when its time is up. An action runs in this process, so a signal raises an exception in it, between
two Python instructions; C code is not interrupted before it returns to Python. What must end in any case should be a
program (`run:`). An action that catches the exception gets it again every few seconds.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from zk0.core.errors import RequestError, TimeLimitError
from zk0.core.process import GRACE

UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


@dataclass(frozen=True)
class TimeLimit:
    """A limit in seconds; `of` names the outer step that sets it, if there is one."""

    seconds: float
    of: str = ""

    def __str__(self) -> str:
        return (
            f"the {self.seconds:.1f} s that were left of step {self.of}" if self.of else format_duration(self.seconds)
        )


@dataclass(frozen=True)
class Deadline:
    """When a step that consists of others must be done: a reading of this process's clock, in seconds."""

    step: str
    at: float


class _TimeIsUp(BaseException):
    """Ends an action; no Exception, so that a library which catches those does not swallow it."""


def format_duration(seconds: float) -> str:
    """Return a duration in the largest unit that divides it: 2 h, 90 s."""
    unit, size = next((unit, size) for unit, size in UNITS if seconds % size == 0 or size == 1)
    return f"{seconds / size:g} {unit}"


def timeout_error(what: str, limit: TimeLimit | None, log: Path, *, expected: str = "end") -> TimeLimitError:
    """Return the error for something that did not end in time, or do what else was expected."""
    return TimeLimitError(f"{what} did not {expected} within {limit}", remedy=f"see {log}, or raise the timeout")


@contextmanager
def enforce_limit(what: str, limit: TimeLimit | None, log: Path) -> Iterator[None]:
    """Interrupt the block when its time is up.

    Raises:
        TimeLimitError: it was interrupted.
        RequestError: this is not the main thread, the only one that can be interrupted.
    """
    if limit is None:
        yield
        return
    if threading.current_thread() is not threading.main_thread():
        problem = f"{what} has a timeout, which can be kept only where the engine runs in the main thread"
        raise RequestError(problem, remedy="remove the timeout, or run it by zk0 run")
    over = False

    def ring(_number: int, _frame: FrameType | None) -> None:
        if not over:
            raise _TimeIsUp

    def disarm() -> None:
        nonlocal over
        over = True
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before or signal.SIG_DFL)

    before = signal.signal(signal.SIGALRM, ring)
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, max(limit.seconds, 1e-6), GRACE)
            yield
        finally:
            disarm()
    except _TimeIsUp as error:
        disarm()  # the signal may have come just before `over` was set; the next one would come in GRACE seconds
        raise timeout_error(what, limit, log) from error
