"""Run a program: an argv list without a shell, ended in time together with all that it started."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from zk0.core.errors import CommandError, DependencyMissingError

GRACE = 5.0  # seconds between asking a program to end and killing it


@dataclass(frozen=True)
class Completed:
    """How a program ended: its exit status (negative: the signal that killed it), and what it printed."""

    status: int
    stdout: bytes
    stderr: bytes

    @property
    def out(self) -> str:
        """What it printed to stdout, as text."""
        return self.stdout.decode(errors="replace")

    @property
    def err(self) -> str:
        """What it printed to stderr, as text."""
        return self.stderr.decode(errors="replace")

    @property
    def reason(self) -> str:
        """The first line of what it printed, stderr before stdout."""
        return (self.err.strip() or self.out.strip()).partition("\n")[0]


def find_program(name: str) -> str | None:
    """Return the path of a program, beside this Python first; None where there is none."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.is_file() else shutil.which(name)


def run_program(
    *command: str,
    cwd: Path,
    seconds: float = 50,
    env: Mapping[str, str] | None = None,
    alone: bool = False,
    stdin: bytes = b"",
    remedy: str | None = None,
) -> Completed:
    """Run a program to its end and return what it printed.

    Args:
        command: the program's name and its arguments.
        cwd: where it runs.
        seconds: how long it may take.
        env: variables it gets besides ours.
        alone: whether it gets only those.
        stdin: what it reads.
        remedy: how to install it.

    Raises:
        DependencyMissingError: there is no such program.
        CommandError: it did not end in time; it was killed, with all that it started.
    """
    program = find_program(command[0])
    if program is None:
        raise DependencyMissingError(f"{command[0]} is not installed", remedy=remedy or f"pip install {command[0]}")
    pipe = subprocess.PIPE
    environment = {**({} if alone else os.environ), **(env or {})}
    with start([program, *command[1:]], cwd=cwd, env=environment, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        try:
            out, err = process.communicate(stdin, timeout=seconds)
        except subprocess.TimeoutExpired as error:
            raise CommandError(f"{command[0]} did not end within {seconds:g} s") from error
        finally:
            if process.poll() is None:
                kill_tree(process)
    return Completed(process.returncode, out, err)


def start(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    stdout: int | IO[bytes],
    stdin: int = subprocess.DEVNULL,
    stderr: int = subprocess.STDOUT,
) -> "subprocess.Popen[bytes]":
    """Start a program in a session of its own, so that what it starts can be ended with it.

    Raises:
        OSError: the system can't start it.
        ValueError: an argument holds a NUL.
    """
    return subprocess.Popen(  # noqa: S603  an argv list, no shell
        argv, cwd=cwd, env=env, stdin=stdin, stdout=stdout, stderr=stderr, start_new_session=True
    )


def end_tree(process: "subprocess.Popen[bytes]", grace: float = GRACE) -> None:
    """End a program that still runs, and its children: they are one session, hence one process group."""
    if process.poll() is None:
        send(process, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(grace)
    if process.poll() is None:
        kill_tree(process)


def kill_tree(process: "subprocess.Popen[bytes]") -> None:
    """Kill a program and its children at once, also children that outlived it."""
    with suppress(ProcessLookupError):  # no process is left of the group
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def send(process: "subprocess.Popen[bytes]", request: signal.Signals) -> None:
    """Send a signal to a program that still runs, and to its children."""
    with suppress(ProcessLookupError):  # it ended meanwhile
        if process.poll() is None:
            os.killpg(process.pid, request)


@contextmanager
def without_interruption() -> Iterator[None]:
    """Hold an interruption back to the end of the block: a program that has just started must not be forgotten."""
    if threading.current_thread() is not threading.main_thread():
        yield  # interruptions reach the main thread alone
        return
    held: list[int] = []
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in handlers:
        signal.signal(number, lambda number, _frame: held.append(number))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler or signal.SIG_DFL)
    if held:
        signal.raise_signal(held[0])
