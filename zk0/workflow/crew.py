"""Several steps at a time, of which one at a time has the word.

All code of the engine runs under one lock, as if it were alone: the state of a run, its journal and its listeners need
no locks of their own. The lock is free only while a step acts: while a program runs, an action is called, or a wait
passes. Actions share this process, what it prints and its signals, so they are called in the thread that the engine
was started in, one after the other; programs run beside them and beside each other. One job at a time needs no threads.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from zk0.workflow.commands import Ended, undisturbed


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


@dataclass
class _Group:
    """What goes on beside each other for one step, or for one workflow."""

    running: int = 0
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

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Have the word; all code of the engine does."""
        with self._turn:
            yield

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Give the word to others meanwhile."""
        self._turn.release()
        try:
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

    def each[T](self, tasks: Sequence[T], work: Callable[[T], None], ready: Callable[[T], bool]) -> None:
        """Do some work for each task that is ready; return when there is none any more.

        With one job this goes through them in order. With more, one that becomes ready begins as soon as there is room.

        Raises:
            BaseException: what the work raised; then nothing more begins, and all that runs has been ended.
        """
        if self.jobs == 1:
            for task in filter(ready, tasks):
                work(task)
            return
        group, left = _Group(), list(tasks)
        try:
            while not group.faults:
                self._check()
                due = next(filter(ready, left), None) if group.running < self.jobs else None
                if due is not None:
                    left.remove(due)
                    self._begin(group, work, due)
                elif group.running:
                    self._rest()
                else:
                    return
        except BaseException as error:  # noqa: BLE001  it is raised below, when nobody of the group works any more
            group.faults.append(error)
        self._leave(group)
        raise next((fault for fault in group.faults if not isinstance(fault, Ended)), group.faults[0])

    def _begin[T](self, group: _Group, work: Callable[[T], None], task: T) -> None:
        def perform() -> None:
            with self._turn:
                try:
                    work(task)
                except BaseException as error:  # noqa: BLE001  it is raised where the group is waited for
                    group.faults.append(error)
                finally:
                    group.running -= 1
                    self._turn.notify_all()

        group.running += 1
        threading.Thread(target=perform, daemon=True).start()

    def _rest(self) -> None:
        """Wait until something has happened; in the engine's own thread, do meanwhile what only it may do."""
        if self._errands and threading.get_ident() == self._home:
            with self.acting():
                self._errands.popleft().perform()
        else:
            self._turn.wait()

    def _leave(self, group: _Group) -> None:
        """End all that runs, and wait until nobody of the group works any more."""
        with undisturbed():
            self._ended = True
            self._end()
            self._turn.notify_all()
            self._turn.wait_for(lambda: not group.running)

    def _check(self) -> None:
        if self._ended:
            raise Ended
