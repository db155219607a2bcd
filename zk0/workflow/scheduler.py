"""Runs steps concurrently; engine code holds one lock.

The state of a run, its journal and its subscribers therefore need no locks of their own. The lock is free only while a
program runs, an action is called, or a wait passes. Actions share this process, its output and its signals, so they
are called one after the other in the thread that started the engine; programs run in parallel with them and with each
other. With one job no threads are started.

Ctrl-C raises KeyboardInterrupt only in code that is not the engine's. Anywhere else it is deferred until the engine
checks for it, so that it never leaves a lock or a line of the journal half done.
"""

import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from types import FrameType
from typing import Any

from zk0.core.process import INTERRUPTIONS
from zk0.workflow.programs import RunEnding

POLL = 0.1  # seconds until an interruption is noticed while steps run


@dataclass
class MainThreadCall:
    """A call that another thread wants made in the main thread."""

    function: Callable[[], Any]
    done: bool = False
    value: Any = None
    error: BaseException | None = None

    def run(self) -> None:
        """Make the call, and keep its value or its error."""
        try:
            self.value = self.function()
        except (Exception, SystemExit) as error:  # noqa: BLE001  it is raised in the thread that wants the call
            self.error = error
        self.done = True


class Slot(Enum):
    """What a task occupies while it runs: nothing if it only waits for other tasks."""

    none = 0
    worker = 1
    main_thread = 2  # and a worker


@dataclass
class _Group:
    """The tasks of one workflow, or the items of one step; `busy` of them occupy a worker."""

    running: int = 0
    busy: int = 0
    errors: list[BaseException] = field(default_factory=list)


class Scheduler:
    """Runs the tasks of a run, a limited number at a time.

    Args:
        jobs: how many.
        end: ends running programs and waits, so that the threads which wait for them leave by `RunEnding`.
    """

    def __init__(self, jobs: int = 1, end: Callable[[], None] = lambda: None) -> None:
        self.jobs = jobs
        self._end = end
        self._ended = False
        self._free = jobs
        self._main_thread = threading.get_ident()
        self._lock = threading.Condition(threading.Lock())
        self._calls: deque[MainThreadCall] = deque()
        self._call_runs = False
        self._interrupted = False
        self._handles_sigint = False
        self._interruptible = False

    @contextmanager
    def running(self) -> Iterator[None]:
        """Hold the lock in the main thread, and handle interruptions, until the block ends.

        Raises:
            KeyboardInterrupt: the run was interrupted; nothing of it is running any more.
        """
        with self._signals(), self._lock:
            yield

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock; for code that runs in a slot and reports meanwhile."""
        with self._lock:
            yield

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Let Ctrl-C raise KeyboardInterrupt in the block, if it is in the main thread."""
        if threading.get_ident() != self._main_thread:
            yield
            return
        try:
            self._interruptible = True
            self._check()
            yield
        finally:
            self._interruptible = False

    @contextmanager
    def unlocked(self) -> Iterator[None]:
        """Release the lock for the block."""
        self._lock.notify_all()
        self._lock.release()
        try:
            with self.interruptible():
                yield
        finally:
            self._lock.acquire()

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Wait for a free slot, and occupy it without the lock for the block."""
        self._lock.wait_for(lambda: self._free or self._ended)
        self._check()
        self._free -= 1
        try:
            with self.unlocked():
                yield
        finally:
            self._free += 1
            self._lock.notify_all()

    def run_in_main_thread[R](self, function: Callable[[], R]) -> R:
        """Call a function in the thread that started the engine."""
        if threading.get_ident() == self._main_thread:
            with self.slot():
                return function()
        call = MainThreadCall(function)
        self._calls.append(call)
        self._lock.notify_all()
        self._lock.wait_for(lambda: call.done or self._ended)
        if not call.done:
            raise RunEnding
        if call.error is not None:
            raise call.error
        value: R = call.value
        return value

    def run_all[T](
        self,
        tasks: Sequence[T],
        work: Callable[[T], None],
        ready: Callable[[T], bool],
        slot_of: Callable[[T], Slot] = lambda _: Slot.worker,
    ) -> None:
        """Do the work of each task that is ready; return when no task is.

        With one job the tasks run in order. With more, a task that becomes ready begins once its slot is free.

        Raises:
            BaseException: the first error of the work; nothing more begins then, and all that runs has been ended.
        """
        if self.jobs == 1:
            for task in filter(ready, tasks):
                self._check()
                work(task)
            return
        group, left = _Group(), list(tasks)
        try:
            while not group.errors:
                self._check()
                due = next((task for task in left if self._has_room(group, slot_of(task)) and ready(task)), None)
                if due is not None:
                    left.remove(due)
                    self._begin(group, work, due, slot_of(due))
                elif group.running or any(map(ready, left)):
                    self._wait()
                else:
                    return
        except BaseException as error:  # noqa: BLE001  raised below, when no task of the group runs any more
            group.errors.append(error)
        self._end_group(group)
        raise min(group.errors, key=_rank)

    def _has_room(self, group: _Group, slot: Slot) -> bool:
        if slot is Slot.none:
            return True
        main_thread_busy = self._call_runs or self._calls
        return group.busy < self.jobs and not (slot is Slot.main_thread and main_thread_busy)

    def _begin[T](self, group: _Group, work: Callable[[T], None], task: T, slot: Slot) -> None:
        """Begin a task in a thread; return once it has had the lock, so that tasks begin in order."""
        begun = False

        def run() -> None:
            nonlocal begun
            with self._lock:
                begun = True
                self._lock.notify_all()
                try:
                    work(task)
                except BaseException as error:  # noqa: BLE001  raised by the thread that waits for the group
                    group.errors.append(error)
                    self._interrupt_main_thread()
                finally:
                    group.running -= 1
                    group.busy -= slot is not Slot.none
                    self._lock.notify_all()

        threading.Thread(target=run, daemon=True).start()  # it can't run before this thread releases the lock
        group.running += 1
        group.busy += slot is not Slot.none
        self._lock.wait_for(lambda: begun)

    def _wait(self) -> None:
        """Wait for a change; in the main thread, make a call that another thread wants."""
        if self._calls and threading.get_ident() == self._main_thread:
            call, self._call_runs = self._calls.popleft(), True
            try:
                with self.slot():
                    call.run()
            finally:
                self._call_runs = False
        else:
            self._lock.wait(POLL)

    def _end_group(self, group: _Group) -> None:
        """End all that runs, and wait until no task of the group does."""
        self._ended = True
        self._end()
        self._lock.notify_all()
        self._lock.wait_for(lambda: not group.running)

    def _interrupt_main_thread(self) -> None:
        """Interrupt an action in the main thread: its result could not be recorded any more."""
        if self._handles_sigint and self._interruptible:
            signal.pthread_kill(self._main_thread, signal.SIGINT)

    def _check(self) -> None:
        """Raise if the run is ending or was interrupted."""
        if self._ended:
            raise RunEnding
        if self._interrupted and threading.get_ident() == self._main_thread:
            raise KeyboardInterrupt

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Handle the signals that raise KeyboardInterrupt, so that they raise it only in interruptible code."""

        def interrupt(_number: int, _frame: FrameType | None) -> None:
            self._interrupted = True
            if self._interruptible:
                self._interruptible = False  # once: the code that catches it is not interrupted again
                raise KeyboardInterrupt

        handled = []
        if threading.current_thread() is threading.main_thread():
            handled = [number for number in INTERRUPTIONS if signal.getsignal(number) is signal.default_int_handler]
        for number in handled:
            signal.signal(number, interrupt)
        self._handles_sigint = signal.SIGINT in handled
        try:
            yield
        finally:
            self._handles_sigint = False
            for number in handled:
                signal.signal(number, signal.default_int_handler)


def _rank(error: BaseException) -> int:
    """Rank an error by how likely it follows from another: the first one interrupts and ends the rest."""
    return 2 if isinstance(error, RunEnding) else 1 if isinstance(error, KeyboardInterrupt) else 0
