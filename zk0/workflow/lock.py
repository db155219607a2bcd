"""The lock of a run: one engine at a time holds it, and processes that a killed engine left behind are ended.

It is flock(2): the system frees it when the process ends, however it ends, and nothing else in the process can lose it
by opening and closing the file once more. A fork of the process does not share it. On a network file system it is as
good as the mount: Linux turns it into a lock of the server over NFS, and `local_lock=flock` makes it one of this
machine alone.

All processes of a run have the run's mark (`zk0.core.process_tree`), so they are found after their parent has died,
even in a session of their own.
"""

import fcntl
import os
import signal
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress

import psutil

from zk0.core.errors import RunBusyError
from zk0.core.process import GRACE
from zk0.core.process_marks import MARK as TREE
from zk0.core.process_marks import environment_of, inherited_mark, is_of_run, run_mark
from zk0.core.process_tree import ProcessEntry, end_all, processes, with_descendants
from zk0.workflow.journal import unwritable
from zk0.workflow.run import RunDirectory

MARK = "ZK0_RUN"
SERVICE = "ZK0_SERVICE"  # in the environment of a service: the step that started it
TERM_TIMEOUT = 3 * GRACE  # seconds an engine gets to end its programs and its journal
PATIENCE = 0.3  # seconds; to look who holds the lock, another process takes it for an instant
POLL = 0.05  # seconds


_held: set[int] = set()  # descriptors of locks that this process holds


def _give_up() -> None:
    """Close the locks in a fork: they are its parent's, and would outlive it."""
    while _held:
        os.close(_held.pop())


os.register_at_fork(after_in_child=_give_up)


@contextmanager
def acquire(run: RunDirectory) -> Iterator[None]:
    """Hold the lock of a run, and mark processes started in the block as the run's.

    Raises:
        RunBusyError: another engine holds it.
        StorageError: the lock can't be written.
    """
    try:
        descriptor = os.open(run.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        _held.add(descriptor)
    except OSError as error:
        raise unwritable(run.lock, error) from error
    try:
        _wait_for(descriptor, run)
        with inherited_mark(run.path), _environment({MARK: str(run.path), TREE: run_mark(run.path)}):
            yield
    finally:
        if descriptor in _held:  # else this is a fork, which has none
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            _held.discard(descriptor)
            os.close(descriptor)


def _wait_for(descriptor: int, run: RunDirectory) -> None:
    """Lock a file, and write into it who did."""
    deadline = time.monotonic() + PATIENCE
    try:
        while not _locks(descriptor, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise _busy(run, _holder(run))
            time.sleep(PATIENCE / 10)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    except OSError as error:
        raise unwritable(run.lock, error) from error


def _locks(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def owner(run: RunDirectory) -> int | None:
    """Return the process that holds the lock of a run; None if there is none."""
    try:
        descriptor = os.open(run.lock, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unwritable(run.lock, error) from error
    try:
        return None if _locks(descriptor, fcntl.LOCK_SH) else _holder(run) or None
    finally:
        os.close(descriptor)


def end_engine(run: RunDirectory) -> bool:
    """Terminate the engine of a run, and kill it if it does not end; return whether there was one."""
    process = owner(run)
    if process is None:
        return False
    for request, timeout in ((signal.SIGTERM, TERM_TIMEOUT), (signal.SIGKILL, GRACE)):
        with suppress(ProcessLookupError):
            os.kill(process, request)
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if owner(run) != process:
                return True
            time.sleep(POLL)
    raise _busy(run, process)


def kill_orphans(run: RunDirectory, services: Collection[str] = ()) -> int:
    """End the processes that the killed engine of a run left behind, and return how many there were.

    Args:
        run: the run.
        services: the steps whose services go on.
    """
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}

    def found() -> list[ProcessEntry]:
        table = processes()
        roots = {pid for pid in table.keys() - own if _is_left(pid, run, services)}
        kept = {pid for pid in table if _service_of(pid, run) in services} if services else set()
        return [entry for entry in with_descendants(roots, table) if entry.pid not in own | kept]

    orphans = found()
    end_all(found, GRACE)
    return len(orphans)


def services_of(run: RunDirectory) -> dict[str, list[ProcessEntry]]:
    """Return the processes of services that a run left behind, by the step that started them."""
    found: dict[str, list[ProcessEntry]] = {}
    for entry in processes().values():
        if not entry.is_zombie and (step := _service_of(entry.pid, run)):
            found.setdefault(step, []).append(entry)
    return found


def _is_left(pid: int, run: RunDirectory, services: Collection[str]) -> bool:
    return is_of_run(pid, run.path) and _service_of(pid, run) not in services


def _service_of(pid: int, run: RunDirectory) -> str | None:
    """Return the step of a run whose service a process is, or is a part of."""
    environment = environment_of(pid)
    return environment.get(SERVICE) if environment.get(MARK) == str(run.path) else None


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _holder(run: RunDirectory) -> int:
    text = run.lock.read_text(encoding="utf-8", errors="replace").strip()
    return int(text) if text.isdigit() else 0


def _busy(run: RunDirectory, process: int) -> RunBusyError:
    return RunBusyError(f"run {run.id} is being performed by process {process}", remedy=f"zk0 cancel {run.id}")
