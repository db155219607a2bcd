"""The lock of a run: one engine at a time holds it, and processes that a killed engine left behind are ended.

It is a POSIX record lock: the system frees it when the process ends, however it ends, and a fork does not inherit it.
All processes of a run have the run's path in their environment, so they are found after their parent has died, even in
a session of their own.
"""

import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

from zk0.core.errors import RunBusyError
from zk0.core.process import GRACE
from zk0.workflow.journal import unwritable
from zk0.workflow.run import RunDirectory

MARK = "ZK0_RUN"
TERM_TIMEOUT = 3 * GRACE  # seconds an engine gets to end its programs and its journal
POLL = 0.05  # seconds
_held: set[str] = set()  # a process may lock a file twice; two engines in one process must not


@contextmanager
def acquire(run: RunDirectory) -> Iterator[None]:
    """Hold the lock of a run, and mark processes started in the block as the run's.

    Raises:
        RunBusyError: another engine holds it.
        StorageError: the lock can't be written.
    """
    name = str(run.path)
    if name in _held:
        raise _busy(run, os.getpid())
    descriptor = _locked(run)
    before = os.environ.get(MARK)
    _held.add(name)
    os.environ[MARK] = name
    try:
        yield
    finally:
        os.environ.pop(MARK)
        if before is not None:
            os.environ[MARK] = before
        _held.remove(name)
        os.close(descriptor)


def owner(run: RunDirectory) -> int | None:
    """Return the process that holds the lock of a run; None if there is none."""
    if str(run.path) in _held:
        return os.getpid()  # to open and close the file once more would give up this process's lock (fcntl(2))
    try:
        descriptor = os.open(run.lock, os.O_RDWR)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unwritable(run.lock, error) from error
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return int(os.pread(descriptor, 20, 0).strip() or 0) or None
    else:
        return None
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


def kill_orphans(run: RunDirectory) -> int:
    """End the processes that the killed engine of a run left behind, and return how many there were."""
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    orphans = [process for process in psutil.process_iter() if process.pid not in own and _is_of(process, run)]
    for process in orphans:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    for process in psutil.wait_procs(orphans, GRACE)[1]:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(orphans, GRACE)
    return len(orphans)


def _locked(run: RunDirectory) -> int:
    try:
        descriptor = os.open(run.lock, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise unwritable(run.lock, error) from error
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    except BlockingIOError as error:
        other = os.pread(descriptor, 20, 0).strip()
        os.close(descriptor)
        raise _busy(run, int(other or 0)) from error
    except OSError as error:
        os.close(descriptor)
        raise unwritable(run.lock, error) from error
    return descriptor


def _busy(run: RunDirectory, process: int) -> RunBusyError:
    return RunBusyError(f"run {run.id} is being performed by process {process}", remedy=f"zk0 cancel {run.id}")


def _is_of(process: psutil.Process, run: RunDirectory) -> bool:
    try:
        return process.environ().get(MARK) == str(run.path)
    except (psutil.Error, OSError):  # another user's, or gone meanwhile
        return False
