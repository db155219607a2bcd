"""Run a program: an argv list without a shell, ended in time together with all that it started."""

import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from zk0.core.errors import CommandError, DependencyMissingError
from zk0.core.process_marks import MARK, new_mark
from zk0.core.process_tree import REGISTRY, SETTLE, ProcessEntry, become_subreaper, describe, end_all, left_of

INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LONGEST_POLL = 86400.0  # seconds; the system counts milliseconds in 32 bits
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
    environment = {**({} if alone else os.environ), **(env or {})}
    # Files, not pipes: what the program leaves running could hold a pipe open for ever.
    with TemporaryFile() as given, TemporaryFile() as out, TemporaryFile() as err:
        given.write(stdin)
        given.seek(0)
        argv = [program, *command[1:]]
        process = start(argv, cwd=cwd, env=environment, stdin=given, stdout=out, stderr=err)
        try:
            status = wait(process, seconds)
        except subprocess.TimeoutExpired as error:
            raise CommandError(f"{command[0]} did not end within {seconds:g} s") from error
        finally:
            kill_tree(process)
        return Completed(status, _content(out), _content(err))


def locate_program(name: str, cwd: Path, env: Mapping[str, str]) -> Path | None:
    """Return the absolute path of the file that runs as a program; None if there is none.

    Args:
        name: a name, looked up in the PATH of `env`, or a path.
        cwd: where the program runs; relative paths, also those in PATH, begin there.
        env: the program's environment.
    """
    searched = [""] if os.sep in name else os.get_exec_path(env)
    # A link keeps its name, since a virtual environment needs it; a directory that can't be read has no program.
    places = (os.path.abspath(cwd / directory / name) for directory in searched)  # noqa: PTH100
    return next((Path(path) for path in places if os.path.isfile(path) and os.access(path, os.X_OK)), None)  # noqa: PTH113


def start(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    stdout: int | IO[bytes],
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    stderr: int | IO[bytes] = subprocess.STDOUT,
    pass_fds: Sequence[int] = (),
) -> "subprocess.Popen[bytes]":
    """Start a program in a session of its own and with a mark, so that what it starts can be ended with it.

    It must be given to `end_tree` or `kill_tree`.

    Args:
        argv: the program's name and its arguments.
        cwd: where it runs.
        env: its environment.
        stdout: where its output goes.
        stdin: what it reads.
        stderr: where its errors go; by default to its output.
        pass_fds: open files that it inherits besides those.

    Raises:
        OSError: the system can't start it.
        ValueError: an argument holds a NUL.
    """
    become_subreaper(os.getpid())
    mark = new_mark()
    with REGISTRY.lock:
        process = subprocess.Popen(  # noqa: S603  an argv list, no shell
            argv,
            cwd=cwd,
            env={**env, MARK: mark},
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            pass_fds=pass_fds,
            start_new_session=True,
        )
        REGISTRY.marks[process.pid] = mark
    return process


def wait(process: "subprocess.Popen[bytes]", seconds: float | None = None) -> int:
    """Wait until a program ends, and return its exit status.

    Raises:
        subprocess.TimeoutExpired: it did not end in time.
    """
    if seconds is None or not hasattr(os, "pidfd_open") or process.poll() is not None:
        return process.wait(seconds)
    # Python's own wait with a timeout sleeps between its looks, up to 50 ms.
    deadline = time.monotonic() + seconds
    descriptor = os.pidfd_open(process.pid)
    try:
        ended = select.poll()
        ended.register(descriptor, select.POLLIN)
        while (left := deadline - time.monotonic()) > 0:
            if ended.poll(min(left, LONGEST_POLL) * 1000):
                return process.wait()
    finally:
        os.close(descriptor)
    raise subprocess.TimeoutExpired(process.args, seconds)


def end_tree(process: "subprocess.Popen[bytes]", grace: float = GRACE) -> list[str]:
    """End a program and all that it started, in whatever sessions; return what it had left running when it ended.

    Raises:
        CommandError: something can't be killed.
    """
    mark = REGISTRY.marks.get(process.pid, "")
    find = partial(left_of, process.pid, mark)
    try:
        ended = process.poll() is not None
        if not ended:
            end_all(find, grace)
            process.wait()
            return []
        return end_left(find, grace)
    finally:
        REGISTRY.marks.pop(process.pid, None)


def end_left(find: Callable[[], list[ProcessEntry]], grace: float = GRACE) -> list[str]:
    """End what outlived a step, and return what it was, without what that started itself.

    Nothing is returned of what ended by itself in a moment.

    Raises:
        CommandError: something can't be killed.
    """
    settled = time.monotonic() + min(SETTLE, grace)
    while (found := find()) and time.monotonic() < settled:
        time.sleep(SETTLE / 20)
    started = {entry.pid for entry in found}
    names = [describe(entry) for entry in found if entry.parent not in started]
    if found:
        end_all(find, grace)
    return names


def kill_tree(process: "subprocess.Popen[bytes]") -> None:
    """Kill a program and all that it started at once."""
    end_tree(process, grace=0)


def send(process: "subprocess.Popen[bytes]", request: signal.Signals) -> None:
    """Send a signal to a program that still runs, and to the processes of its group."""
    with suppress(ProcessLookupError):  # it ended meanwhile
        if process.poll() is None:
            os.killpg(process.pid, request)


def _content(stream: IO[bytes]) -> bytes:
    stream.seek(0)
    return stream.read()


@contextmanager
def without_interruption() -> Iterator[None]:
    """Hold an interruption back to the end of the block: a program that has just started must not be forgotten."""
    if threading.current_thread() is not threading.main_thread():
        yield  # interruptions reach the main thread alone
        return
    held: list[int] = []
    present = {number: signal.getsignal(number) for number in INTERRUPTIONS}
    handlers = {number: handler for number, handler in present.items() if handler is not signal.SIG_IGN}
    for number in handlers:
        signal.signal(number, lambda number, _frame: held.append(number))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler or signal.SIG_DFL)
    if held:
        signal.raise_signal(held[0])
