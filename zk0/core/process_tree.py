"""Find and end all processes that a program started, wherever they went.

A program gets a session of its own and a mark in its environment, which its descendants inherit. On Linux this process
is also their subreaper (prctl(2)): a descendant whose parent dies becomes a child of this process, also if it began a
session of its own, forked twice or cleared its environment. So what is left of a program that has ended are children
that nobody registered here; where there are none, one system call says so. Other systems have the marks alone.

What a program asks another service of the machine to start (systemd, cron, Docker) is not among its descendants.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from zk0.core.errors import CommandError
from zk0.core.process_marks import MARK, ON_LINUX, environment_of, is_within

KILL_SECONDS = 5.0  # until a killed process is gone; one that waits for a disk may take long
SETTLE = 0.5  # seconds that what outlives its program gets to end by itself, as the rest of a pipeline does
POLL = 0.02  # seconds between two looks at processes that are being ended
LONGEST_NAME = 80  # characters of a command line in a message
SET_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of <linux/prctl.h>


class ProcessEntry(NamedTuple):
    """A process; `born` tells it from a later one with the same number."""

    pid: int
    parent: int
    session: int
    born: float
    is_zombie: bool


@dataclass
class KnownChildren:
    """The children of this process that are accounted for: programs by number with their marks.

    `others` counts the actions that run: each may start children of its own.
    """

    lock: threading.RLock = field(default_factory=threading.RLock)
    marks: dict[int, str] = field(default_factory=dict)
    lasting: set[int] = field(default_factory=set)  # programs that outlive their step
    others: int = 0


REGISTRY = KnownChildren()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=REGISTRY.__init__)  # type: ignore[misc]  # a fork's children are its own


@lru_cache(maxsize=1)
def become_subreaper(_process: int) -> bool:
    """Make this process the new parent of its orphaned descendants; return whether the system can do that."""
    if not ON_LINUX:
        return False
    import ctypes

    return bool(ctypes.CDLL(None, use_errno=True).prctl(SET_SUBREAPER, 1, 0, 0, 0) == 0)


def processes() -> dict[int, ProcessEntry]:
    """Return all processes by number."""
    if ON_LINUX:
        numbers = [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208  one of the hot paths
        return {entry.pid: entry for entry in map(_read_entry, numbers) if entry}
    import psutil

    found = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError), process.oneshot():
            found[process.pid] = ProcessEntry(
                process.pid,
                process.ppid(),
                os.getsid(process.pid),
                process.create_time(),
                process.status() == psutil.STATUS_ZOMBIE,
            )
    return found


def with_descendants(roots: set[int], table: Mapping[int, ProcessEntry]) -> list[ProcessEntry]:
    """Return the processes of these numbers and all that descend from them, without those that have ended.

    Parents come first: a shell whose program is ended before it would begin its next one.
    """
    children: dict[int, list[int]] = {}
    for entry in table.values():
        children.setdefault(entry.parent, []).append(entry.pid)
    found, left = dict[int, None](), sorted(roots, key=lambda pid: pid in table and table[pid].parent not in roots)
    while left:
        pid = left.pop()
        if pid in table and pid not in found:
            found[pid] = None
            left += children.get(pid, ())
    return [table[pid] for pid in found if not table[pid].is_zombie]


def left_of(pid: int, mark: str) -> list[ProcessEntry]:
    """Return what runs of a program: itself, and all that it started."""
    with REGISTRY.lock:  # a program that is being started is no orphan
        known = set(REGISTRY.marks)
        if become_subreaper(os.getpid()) and not _has_children(known - {pid}):
            return []
        table = processes()
    roots = {pid} if pid in table and table[pid].parent == os.getpid() else set[int]()
    if become_subreaper(os.getpid()):
        roots |= {orphan.pid for orphan in _orphans(table, known) if _belongs(orphan, pid, mark)}
    else:
        roots |= {other for other in table if is_within(environment_of(other).get(MARK, ""), mark)}
    return with_descendants(roots - {os.getpid()}, table)


def unclaimed_children(before: frozenset[ProcessEntry] = frozenset()) -> list[ProcessEntry]:
    """Return children of this process that are neither programs, nor theirs, nor Python's own, with what they started.

    Args:
        before: those that were there before, and may stay.
    """
    with REGISTRY.lock:
        known = set(REGISTRY.marks) | _own_helpers()
        if not _has_children(known):
            return []
        table = processes()
        marks = list(REGISTRY.marks.values())
    me = os.getpid()
    roots = {
        entry.pid
        for entry in table.values()
        if entry.parent == me and entry.pid not in known and (entry.is_zombie or entry not in before)
    }
    for zombie in [pid for pid in roots if table[pid].is_zombie and table[pid].session != os.getsid(0)]:
        _reap(zombie)
    claimed = {pid for pid in roots if any(is_within(environment_of(pid).get(MARK, ""), mark) for mark in marks)}
    return with_descendants(roots - claimed, table)


def end_all(find: Callable[[], list[ProcessEntry]], grace: float) -> None:
    """Ask processes to end, and kill those that still run after `grace` seconds, until none is found.

    Raises:
        CommandError: one can't be killed.
    """
    asked: set[ProcessEntry] = set()
    deadline = time.monotonic() + grace
    while (found := find()) and time.monotonic() < deadline:
        for entry in set(found) - asked:
            send(entry, signal.SIGTERM)
            send(entry, signal.SIGCONT)  # one that is stopped could not end
            asked.add(entry)
        time.sleep(POLL)
    deadline = time.monotonic() + KILL_SECONDS
    while found := find():
        if time.monotonic() > deadline:
            names = ", ".join(map(describe, found))
            raise CommandError(f"can't be ended, although it was killed: {names}", remedy="see ps -o stat,wchan")
        for entry in found:
            send(entry, signal.SIGKILL)
        time.sleep(POLL / 4)


def send(entry: ProcessEntry, request: signal.Signals) -> None:
    """Send a signal to a process, if it is still the same one."""
    now = process_entry(entry.pid)
    if now is not None and now.born == entry.born:
        with suppress(ProcessLookupError, PermissionError):  # it ended, or became another user's: then it is not ended
            os.kill(entry.pid, request)


def process_entry(pid: int) -> ProcessEntry | None:
    """Return one process; None if there is none of this number."""
    return _read_entry(pid) if ON_LINUX else processes().get(pid)


def describe(entry: ProcessEntry) -> str:
    """Return the command line of a process and its number, for a message."""
    import psutil

    try:
        line = " ".join(psutil.Process(entry.pid).cmdline())
    except (psutil.Error, OSError):
        line = ""
    shown = line if len(line) <= LONGEST_NAME else f"{line[:LONGEST_NAME]}…"
    return f"{shown} (process {entry.pid})".strip()


def own_children() -> frozenset[ProcessEntry]:
    """Return the children of this process that are no programs."""
    with REGISTRY.lock:
        known = set(REGISTRY.marks)
        if not _has_children(known):
            return frozenset()
        me = os.getpid()
        return frozenset(one for one in processes().values() if one.parent == me and one.pid not in known)


@contextmanager
def other_children() -> Iterator[frozenset[ProcessEntry]]:
    """Mark the block as one that may start children of its own; give those that are there before."""
    with REGISTRY.lock:
        REGISTRY.others += 1
        before = own_children()
    try:
        yield before
    finally:
        with REGISTRY.lock:
            REGISTRY.others -= 1


def _orphans(table: Mapping[int, ProcessEntry], known: set[int]) -> Iterator[ProcessEntry]:
    """Yield the children of this process that came to it when their parents died; those that have ended are reaped.

    They are told by their session: a program begins one of its own, and none of its descendants can come back.
    """
    me, own = os.getpid(), os.getsid(0)
    for entry in table.values():
        if entry.parent != me or entry.pid in known or entry.session == own:
            continue
        if not entry.is_zombie:
            yield entry
        elif not REGISTRY.others:  # else it may be one that an action waits for
            _reap(entry.pid)


def _belongs(orphan: ProcessEntry, pid: int, mark: str) -> bool:
    """Return whether an orphan is of a program: by its mark, its session, or because no other program can be its."""
    value = environment_of(orphan.pid).get(MARK, "")
    if is_within(value, mark):
        return True
    with REGISTRY.lock:
        others = {number: one for number, one in REGISTRY.marks.items() if number != pid}
        lasting = set(REGISTRY.lasting)
    if any(is_within(value, other) for other in others.values()):
        return False
    if orphan.session == pid or orphan.session in others:
        return orphan.session == pid
    return not REGISTRY.others and not others.keys() - lasting


def _has_children(known: set[int]) -> bool:
    """Return whether this process may have children besides those that are known."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    try:  # not every kernel lists them (CONFIG_PROC_CHILDREN)
        listed = [path.read_text().split() for path in Path("/proc/self/task").glob("*/children")]
    except OSError:  # a thread ended meanwhile
        return True
    return not listed or not known.issuperset(int(number) for numbers in listed for number in numbers)


def _own_helpers() -> set[int]:
    """Return the processes that Python's multiprocessing keeps for as long as this process lives."""
    modules = (sys.modules.get("multiprocessing.resource_tracker"), sys.modules.get("multiprocessing.forkserver"))
    helpers = (getattr(modules[0], "_resource_tracker", None), getattr(modules[1], "_forkserver", None))
    numbers = [getattr(helper, name, None) for helper in helpers for name in ("_pid", "_forkserver_pid")]
    return {number for number in numbers if isinstance(number, int)}


def _reap(pid: int) -> None:
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _read_entry(pid: int) -> ProcessEntry | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:  # noqa: PTH123  one of the hot paths
            fields = stream.read().rpartition(b")")[2].split()
    except OSError:
        return None
    # proc(5): state, parent, group, session, …; the start time is the 20th behind the name.
    return ProcessEntry(pid, int(fields[1]), int(fields[3]), float(fields[19]), fields[0] in b"ZX")
