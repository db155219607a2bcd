"""Several steps at a time, of which one at a time has the word.

All code of the engine runs under one lock, as if it were alone: the state of a run, its journal and its listeners need
no locks of their own. The lock is free only while a step acts: while a program runs, an action is called, or a wait
passes. Actions share this process, what it prints and its signals, so they are called in the thread that the engine
was started in, one after the other; programs run beside them and beside each other. One job at a time needs no threads.

An interruption (Ctrl-C) raises only where foreign code runs. Anywhere else it waits for the engine to look, so that
it never leaves a lock or a line of the journal half done.
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

from zk0.workflow.programs import Ended

POLL = 0.1  # seconds until an interruption is noticed while others work


@dataclass
class _Errand:
    """A call that is made in another thread than the one that wants it."""

    function: Callable[[], Any]
    done: bool = False
    value: Any = None
    fault: BaseException | None = None

    def perform(self) -> None:
        try:
            self.value = self.function()
        except (Exception, SystemExit) as error:  # noqa: BLE001  whoever asked for the call deals with its fault
            self.fault = error
        self.done = True


class Takes(Enum):
    """What a task takes up while it goes on: nothing, where it only has others do its work."""

    nothing = 0
    job = 1
    home = 2  # the engine's own thread, beside a job


@dataclass
class _Group:
    """What goes on beside each other for one step, or for one workflow; `busy` are those that take up a job."""

    running: int = 0
    busy: int = 0
    faults: list[BaseException] = field(default_factory=list)


class Crew:
    """Does the work of a run, at most so many things at a time.

    Args:
        jobs: how many.
        end: ends the programs that run and the waits that pass, so that all who wait for them leave by `Ended`.
    """

    def __init__(self, jobs: int = 1, end: Callable[[], None] = lambda: None) -> None:
        self.jobs = jobs
        self._end = end
        self._ended = False
        self._free = jobs
        self._home = threading.get_ident()
        self._turn = threading.Condition(threading.Lock())
        self._errands: deque[_Errand] = deque()
        self._errand_runs = False
        self._interrupted = False
        self._listens = False
        self._may_be_interrupted = False

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Begin to work, with the word, in the engine's own thread.

        Raises:
            KeyboardInterrupt: it was interrupted; nothing of it goes on any more.
        """
        with self._listening(), self._turn:
            yield

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Have the word, for who acts and has something to tell meanwhile."""
        with self._turn:
            yield

    @contextmanager
    def foreign(self) -> Iterator[None]:
        """Run code that is not the engine's: it may be interrupted, if it runs in the engine's own thread."""
        if threading.get_ident() != self._home:
            yield
            return
        try:
            self._may_be_interrupted = True
            self._check()
            yield
        finally:
            self._may_be_interrupted = False

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Give the word to others while foreign code runs."""
        self._turn.notify_all()
        self._turn.release()
        try:
            with self.foreign():
                yield
        finally:
            self._turn.acquire()

    @contextmanager
    def acting(self) -> Iterator[None]:
        """Give the word to others, and be one of those who work meanwhile."""
        self._turn.wait_for(lambda: self._free or self._ended)
        self._check()
        self._free -= 1
        try:
            with self.waiting():
                yield
        finally:
            self._free += 1
            self._turn.notify_all()

    def call[R](self, function: Callable[[], R]) -> R:
        """Call a function in the engine's own thread."""
        if threading.get_ident() == self._home:
            with self.acting():
                return function()
        errand = _Errand(function)
        self._errands.append(errand)
        self._turn.notify_all()
        self._turn.wait_for(lambda: errand.done or self._ended)
        if not errand.done:
            raise Ended
        if errand.fault is not None:
            raise errand.fault
        value: R = errand.value
        return value

    def each[T](
        self,
        tasks: Sequence[T],
        work: Callable[[T], None],
        ready: Callable[[T], bool],
        takes: Callable[[T], Takes] = lambda _: Takes.job,
    ) -> None:
        """Do some work for each task that is ready; return when there is none any more.

        With one job this goes through them in order. With more, one that becomes ready begins as soon as there is room
        for what it takes up.

        Raises:
            BaseException: what the work raised; then nothing more begins, and all that runs has been ended.
        """
        if self.jobs == 1:
            for task in filter(ready, tasks):
                self._check()
                work(task)
            return
        group, left = _Group(), list(tasks)
        try:
            while not group.faults:
                self._check()
                due = next((task for task in left if self._has_room(group, takes(task)) and ready(task)), None)
                if due is not None:
                    left.remove(due)
                    self._begin(group, work, due, takes(due))
                elif group.running or any(map(ready, left)):
                    self._rest()
                else:
                    return
        except BaseException as error:  # noqa: BLE001  it is raised below, when nobody of the group works any more
            group.faults.append(error)
        self._leave(group)
        raise min(group.faults, key=_consequence)

    def _has_room(self, group: _Group, takes: Takes) -> bool:
        if takes is Takes.nothing:
            return True
        at_home = self._errand_runs or self._errands
        return group.busy < self.jobs and not (takes is Takes.home and at_home)

    def _begin[T](self, group: _Group, work: Callable[[T], None], task: T, takes: Takes) -> None:
        """Begin with a task in a thread; return when it has had the word first, so that tasks begin in order."""
        begun = False

        def perform() -> None:
            nonlocal begun
            with self._turn:
                begun = True
                self._turn.notify_all()
                try:
                    work(task)
                except BaseException as error:  # noqa: BLE001  it is raised where the group is waited for
                    group.faults.append(error)
                    self._interrupt_home()
                finally:
                    group.running -= 1
                    group.busy -= takes is not Takes.nothing
                    self._turn.notify_all()

        threading.Thread(target=perform, daemon=True).start()  # it can't perform before this one gives the word away
        group.running += 1
        group.busy += takes is not Takes.nothing
        self._turn.wait_for(lambda: begun)

    def _rest(self) -> None:
        """Wait until something has happened; in the engine's own thread, do meanwhile what only it may do."""
        if self._errands and threading.get_ident() == self._home:
            errand, self._errand_runs = self._errands.popleft(), True
            try:
                with self.acting():
                    errand.perform()
            finally:
                self._errand_runs = False
        else:
            self._turn.wait(POLL)

    def _leave(self, group: _Group) -> None:
        """End all that runs, and wait until nobody of the group works any more."""
        self._ended = True
        self._end()
        self._turn.notify_all()
        self._turn.wait_for(lambda: not group.running)

    def _interrupt_home(self) -> None:
        """Interrupt an action that the engine's own thread is in: what it gives could not be recorded any more."""
        if self._listens and self._may_be_interrupted:
            signal.pthread_kill(self._home, signal.SIGINT)

    def _check(self) -> None:
        """Go no further where the work is being ended, or was interrupted."""
        if self._ended:
            raise Ended
        if self._interrupted and threading.get_ident() == self._home:
            raise KeyboardInterrupt

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Take over the signals that raise KeyboardInterrupt anywhere, and raise it where it does no harm."""

        def interrupt(_number: int, _frame: FrameType | None) -> None:
            self._interrupted = True
            if self._may_be_interrupted:
                self._may_be_interrupted = False  # once; what it is caught by is not interrupted again
                raise KeyboardInterrupt

        taken = []
        if threading.current_thread() is threading.main_thread():
            numbers = (signal.SIGINT, signal.SIGTERM)
            taken = [number for number in numbers if signal.getsignal(number) is signal.default_int_handler]
        for number in taken:
            signal.signal(number, interrupt)
        self._listens = signal.SIGINT in taken
        try:
            yield
        finally:
            self._listens = False
            for number in taken:
                signal.signal(number, signal.default_int_handler)


def _consequence(fault: BaseException) -> int:
    """Return how far a fault follows from another one: whatever goes wrong interrupts the rest and ends it."""
    return 2 if isinstance(fault, Ended) else 1 if isinstance(fault, KeyboardInterrupt) else 0
