"""Whose is a run? One engine at a time holds it, and what a killed engine left running is found and ended.

The lock is a POSIX record lock: the system frees it when its process ends, however it ends, and a fork does not
inherit it. All that a run starts carries the run's path in its environment, so that it is found after its parent is
gone, also where it began a session of its own.
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
PATIENCE = 3 * GRACE  # seconds an engine gets to end its programs and its journal
POLL = 0.05  # seconds
_held: set[str] = set()  # a process may lock a file twice; two engines in one process must not


@contextmanager
def acquire(run: RunDirectory) -> Iterator[None]:
    """Hold a run for this process, and mark what is started meanwhile as the run's.

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
    """Return the process that holds a run; None where none does."""
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
    """Ask the engine that performs a run to end, and end it if it does not; return whether there was one."""
    process = owner(run)
    if process is None:
        return False
    for request, patience in ((signal.SIGTERM, PATIENCE), (signal.SIGKILL, GRACE)):
        with suppress(ProcessLookupError):
            os.kill(process, request)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if owner(run) != process:
                return True
            time.sleep(POLL)
    raise _busy(run, process)


def kill_orphans(run: RunDirectory) -> int:
    """End what a killed engine's run left running, and return how many processes that were."""
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
