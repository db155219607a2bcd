"""Run programs as steps: an argv list, no shell, output to a log, a timeout that ends all child processes."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from pydantic import BaseModel, ConfigDict, Field

from zk0.core.checks import CHECKS, Check
from zk0.core.errors import DependencyMissingError, SpecError
from zk0.core.process import GRACE, end_tree, send, start, wait, without_interruption
from zk0.core.project import DEFAULT_LOG_LIMIT
from zk0.core.verdicts import Finding
from zk0.workflow.actions import Outputs
from zk0.workflow.log_limit import limited
from zk0.workflow.masking import Mask
from zk0.workflow.reserved import PROGRAM
from zk0.workflow.timeouts import TimeLimit, timeout_error


def _never(**_options: object) -> list[Finding]:
    raise AssertionError("a program is started by the engine's effects, not by a check")


class ProgramOptions(BaseModel):
    """The options of a `run` check."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    argv: list[str | int | float | bool] = Field(min_length=1)


PROGRAM_CHECK = Check(PROGRAM, "The program ends with exit status 0.", _never, ProgramOptions)


def check_named(name: str) -> Check:
    """Return a check, or the one that runs a program.

    Raises:
        UnknownNameError: there is no such check.
    """
    return PROGRAM_CHECK if name == PROGRAM else CHECKS.get(name)


class CommandOutputs(Outputs):
    """The outputs of a step that runs a program; the log has all it printed."""

    exit_status: int
    log: Path


@dataclass(frozen=True)
class Command:
    """A program with its arguments, the directory and environment it runs in, and its time limit."""

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict, repr=False)  # it may hold secrets
    limit: TimeLimit | None = None


@dataclass(frozen=True)
class ProgramEnd:
    """How a program ended: its exit status, and what it had left running, which was ended with it."""

    status: int
    left: tuple[str, ...] = ()


class RunEnding(BaseException):
    """Raised in a thread when the run ends; a BaseException, so that code which handles errors lets it pass."""


class Programs:
    """Runs programs, and ends all of them when the run ends.

    Args:
        log_limit: bytes that a log may have.
    """

    def __init__(self, log_limit: int = DEFAULT_LOG_LIMIT) -> None:
        self.log_limit = log_limit
        self._ending = threading.Event()
        self._deadline = 0.0
        self._starting = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()

    def run(self, command: Command, log: Path, mask: Mask | None = None) -> ProgramEnd:
        """Run a program to its end, its output going to a log file; all that it started ends with it.

        The program gets only the secrets in its own `env`.

        Raises:
            DependencyMissingError: there is no such program.
            SpecError: the system refuses to start it as written.
            TimeLimitError: it did not end in time.
            CommandError: something that it started can't be ended.
            RunEnding: all programs were ended.
        """
        left: list[str] = []
        with self.written(log, mask or Mask()) as output:
            process: subprocess.Popen[bytes] | None = None
            try:
                with without_interruption():
                    process = self.started(command, output, mask or Mask())
                status = wait(process, command.limit.seconds if command.limit else None)
            except subprocess.TimeoutExpired as error:
                raise timeout_error(Path(command.argv[0]).name, command.limit, log) from error
            finally:
                if process is not None:
                    left = self.end_one(process)
        if self._ending.is_set():
            raise RunEnding
        return ProgramEnd(status, tuple(left))

    @contextmanager
    def written(self, log: Path, mask: Mask) -> Iterator[IO[bytes]]:
        """Open a log for a program to write to, with secrets masked and a limited size."""
        log.parent.mkdir(parents=True, exist_ok=True)
        with limited(log, self.log_limit), mask.opened(log) as output:
            yield output

    def started(self, command: Command, output: IO[bytes], mask: Mask) -> subprocess.Popen[bytes]:
        """Start a program that `end` ends; raises what `run` does."""
        with self._starting:
            if self._ending.is_set():
                raise RunEnding
            process = _started(command, output, environment_for(command, mask))
            self._running.add(process)
            return process

    def end_one(self, process: subprocess.Popen[bytes]) -> list[str]:
        """End a program with all that it started; return what it had left running."""
        grace = max(0.0, self._deadline - time.monotonic()) if self._ending.is_set() else GRACE
        try:
            return end_tree(process, grace)
        finally:
            self._running.discard(process)

    def pause(self, seconds: float) -> None:
        """Sleep.

        Raises:
            RunEnding: the run is ended meanwhile.
        """
        if self._ending.wait(seconds):
            raise RunEnding

    def end(self) -> None:
        """End all running programs, and start no more; the threads that run them end what the programs started."""
        self._deadline = time.monotonic() + GRACE
        self._ending.set()
        with self._starting:
            running = list(self._running)
        for process in running:
            send(process, signal.SIGTERM)
        for process in running:
            try:
                process.wait(max(0.0, self._deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                send(process, signal.SIGKILL)


def environment_for(command: Command, mask: Mask) -> dict[str, str]:
    """Return the environment of a program: this process's without the secrets, and its own."""
    return {**mask.without(os.environ), **command.env}


def _started(command: Command, output: IO[bytes], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    try:
        return start(command.argv, cwd=command.cwd, env=environment, stdout=output)
    except FileNotFoundError as error:
        if not command.cwd.is_dir():
            raise SpecError(f"there is no directory {command.cwd}", remedy="correct the step's cwd") from error
        raise DependencyMissingError(
            f"there is no program {command.argv[0]!r}", remedy="install it, or correct the step's first argument"
        ) from error
    except (OSError, ValueError) as error:
        raise SpecError(f"{command.argv[0]!r} can't be started: {error}") from error
