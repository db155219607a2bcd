"""Functions called side by side, in as many processes as this one may use cores, each with one thread of arithmetic.

The workers are forks of a program that has imported what is costly (`zk0.core.worker`), so ten of them cost one import.
They are not forks of this process: its threads, locks and devices would not survive that. One thread each: on small
tensors a second one gains nothing, waits by spinning, and adds numbers up in another order.

Results come in the order of the calls and do not depend on the number of workers, provided the functions keep nothing
that decides a result. A worker that dies costs only its call. When this process ends, however it does, so do they.
"""

import os
import socket
import sys
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import psutil

from zk0.core.errors import CommandError, ConfigurationError
from zk0.core.process import kill_tree, start, without_interruption
from zk0.core.process_marks import ON_LINUX
from zk0.core.worker import ReplyKind, note

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",  # threads that wait sleep, and leave the cores to the others
}
MOST = "ZK0_WORKERS"  # environment variable
WORKER_MEMORY = 1024**3  # bytes for a worker's policy, gradients, moments and frames, and what LeRobot itself takes
STDERR = 2  # where workers print: as this process, into the log of a step


@dataclass(frozen=True)
class WorkerCall:
    """A call of an importable function; tasks of one `affinity` go to one worker if it is free, for its caches."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    affinity: Hashable = None


@dataclass
class _Worker:
    connection: Connection
    served: set[Hashable] = field(default_factory=set)
    position: int | None = None  # of the task that it performs


@dataclass(frozen=True)
class CallOutcome:
    """What a task returned, or why it did not."""

    value: Any = None
    error: Exception | None = None

    def get(self) -> Any:
        """Return the value, or raise the error."""
        if self.error is not None:
            raise self.error
        return self.value


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if ON_LINUX else os.cpu_count() or 1


class WorkerPool:
    """Workers that exist from the first call to the end of the `pool_of` block."""

    def __init__(self, control: socket.socket, most: int) -> None:
        self._control = control
        self._most = most
        self._workers: list[_Worker] = []

    def run(self, tasks: Sequence[WorkerCall], observe: Callable[..., None] | None = None) -> list[CallOutcome]:
        """Perform all tasks and return their outcomes in the same order; `observe` is called with what they note."""
        outcomes: list[CallOutcome | None] = [None] * len(tasks)
        left = list(range(len(tasks)))
        while None in outcomes:
            self._hand_out(tasks, left)
            busy = {worker.connection: worker for worker in self._workers if worker.position is not None}
            for connection in wait(list(busy)) if busy else ():
                worker = busy[connection]  # type: ignore[index]  # they are what was given
                found = self._receive(worker, observe)
                if found is not None and worker.position is not None:
                    outcomes[worker.position], worker.position = found, None
        return [outcome for outcome in outcomes if outcome is not None]

    def perform(self, calls: Sequence[WorkerCall], finished: Callable[[int], None]) -> list[Any]:
        """Return what the calls return, in their order; `finished` and errors are as for the function `perform`."""
        done = count(1)
        noting = [WorkerCall(_call_and_note, (call.function, call.arguments), call.affinity) for call in calls]
        return [outcome.get() for outcome in self.run(noting, lambda: finished(next(done)))]

    def _hand_out(self, tasks: Sequence[WorkerCall], left: list[int]) -> None:
        """Give each idle worker a task, those first that it served before, and fork workers while there are fewer."""
        while left and len(self._workers) < min(self._most, len(tasks)):
            self._fork()
        for worker in self._workers:
            if not left or worker.position is not None:
                continue
            others = {key for one in self._workers if one is not worker for key in one.served}
            worker.position = min(left, key=lambda at: _preference(tasks[at].affinity, worker.served, others))
            left.remove(worker.position)
            task = tasks[worker.position]
            worker.served.add(task.affinity)
            try:
                worker.connection.send((task.function, task.arguments))
            except (BrokenPipeError, ConnectionResetError):  # it died while it was idle
                left.append(worker.position)
                self._bury(worker)
                return

    def _fork(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self._control, [b"w"], [theirs.fileno()])
            except (BrokenPipeError, ConnectionResetError) as error:
                raise CommandError("the program that forks workers has ended", remedy="see the step's log") from error
        self._workers.append(_Worker(Connection(ours.detach())))

    def _receive(self, worker: _Worker, observe: Callable[..., None] | None) -> CallOutcome | None:
        """Return what a worker's task came to; None if it only noted something."""
        try:
            kind, value = worker.connection.recv()
        except (EOFError, ConnectionResetError):
            self._bury(worker)
            return CallOutcome(
                error=CommandError(
                    "its process ended without an answer: it was killed, or memory ran out",
                    remedy="free memory (free -h; dmesg | tail shows what the system killed), then run it again",
                )
            )
        if kind == ReplyKind.note:
            if observe is not None:
                observe(*value)
            return None
        return CallOutcome(error=value) if kind == ReplyKind.error else CallOutcome(value)

    def _bury(self, worker: _Worker) -> None:
        worker.connection.close()
        self._workers.remove(worker)

    def close(self) -> None:
        """Let idle workers end."""
        for worker in self._workers:
            worker.connection.close()
        self._workers.clear()


def _preference(key: Hashable, own: set[Hashable], others: set[Hashable]) -> int:
    return 0 if key in own else 2 if key in others else 1


def most_workers() -> int:
    """Return how many workers are worth having: one a core, or what ZK0_WORKERS says; 0 where they can't be had.

    Elsewhere than on Linux they would outlive a process that is killed.

    Raises:
        ConfigurationError: ZK0_WORKERS is no number.
    """
    given = os.environ.get(MOST, "")
    if given and not given.isdecimal():
        raise ConfigurationError(f"{MOST} is {given!r}", remedy=f"export {MOST}=2, a number of processes; 0 for none")
    return 0 if not ON_LINUX else int(given) if given else cores()


def workers_with_memory() -> int:
    """Return how many workers with a small policy fit into memory, at most as many as are worth having."""
    return min(most_workers(), max(1, psutil.virtual_memory().available // WORKER_MEMORY))


def perform(
    calls: Sequence[WorkerCall], preload: Sequence[str], finished: Callable[[int], None] = lambda _done: None
) -> list[Any]:
    """Return what the calls return, in their order: side by side if there are workers, else one by one in this process.

    `finished` is called with the number of calls that are done. The first error, in the order of the calls, is raised.
    """
    workers = min(workers_with_memory(), len(calls))
    if workers < 2:  # noqa: PLR2004  one alone gains nothing
        return perform_here(calls, finished)
    with pool_of(workers, preload) as pool:
        return pool.perform(calls, finished)


def perform_here(calls: Sequence[WorkerCall], finished: Callable[[int], None]) -> list[Any]:
    """Do as `perform` does, in this process."""
    results = []
    for done, call in enumerate(calls, start=1):
        results.append(call.function(*call.arguments))
        finished(done)
    return results


def _call_and_note(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    value = function(*arguments)
    note()
    return value


@contextmanager
def pool_of(most: int, preload: Sequence[str]) -> Iterator[WorkerPool]:
    """Give a pool of at most so many workers, which begin with these modules imported.

    It must be used in the thread that makes it: the workers live as long as that.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        argv = [sys.executable, "-m", "zk0.core.worker", str(theirs.fileno()), str(os.getpid()), *preload]
        # Modules are found as here, also those in a folder that a program added to its path.
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)  # noqa: PTH109
        variables = {**os.environ, **ONE_THREAD, "PYTHONPATH": path}
        with without_interruption():
            process = start(argv, cwd=Path.cwd(), env=variables, stdout=STDERR, pass_fds=[theirs.fileno()])
        theirs.close()
        pool = WorkerPool(ours, most)
        try:
            yield pool
        finally:
            pool.close()
            kill_tree(process)
