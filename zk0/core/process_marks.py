"""Marks: how processes are known to descend from a program or a run, wherever they went and whoever their parent is.

A mark is a variable of the environment, which descendants inherit. A process that is forked and runs no program has the
environment that this one began with; it inherits this one's open files, and one of them is named for the run.
"""

import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

ON_LINUX = sys.platform.startswith("linux")
MARK = "ZK0_TREE"  # environment variable: the programs that a process descends from, outermost first
JOINT = ";"

_numbers = count(1)


def new_mark() -> str:
    """Return a mark for one program, behind those of the programs that this process descends from."""
    return _joined(os.environ.get(MARK, ""), f"{os.getpid()}.{next(_numbers)}")


def run_mark(run: Path) -> str:
    """Return the mark of a process that performs a run, for its environment."""
    return _joined(os.environ.get(MARK, ""), _run_part(run))


@contextmanager
def inherited_mark(run: Path) -> Iterator[None]:
    """Mark processes that are forked in the block, as Python's multiprocessing does, as those of a run."""
    descriptor = os.memfd_create(_file_of(run), os.MFD_CLOEXEC) if ON_LINUX else None
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def is_of_run(pid: int, run: Path) -> bool:
    """Return whether a process descends from an engine of a run."""
    return _run_part(run) in environment_of(pid).get(MARK, "").split(JOINT) or _holds_file(pid, _file_of(run))


def _holds_file(pid: int, name: str) -> bool:
    """Return whether a process has an open file without a place, of this name."""
    with suppress(OSError):  # another user's, or gone
        for path in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):  # closed meanwhile
                if os.readlink(path).startswith(f"/memfd:{name} "):  # noqa: PTH115  it is not a path
                    return True
    return False


def _file_of(run: Path) -> str:
    return f"zk0-{hashlib.sha256(os.fsencode(run)).hexdigest()}"


def environment_of(pid: int) -> Mapping[str, str]:
    """Return the environment that a process began with; empty if it is another user's, or gone."""
    if ON_LINUX:
        with suppress(OSError):
            parts = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            return dict(os.fsdecode(part).partition("=")[::2] for part in parts if b"=" in part)
        return {}
    import psutil

    with suppress(psutil.Error, OSError):
        return dict(psutil.Process(pid).environ())
    return {}


def is_within(value: str, mark: str) -> bool:
    """Return whether the value of `MARK` is that of a program with this mark, or of what it started."""
    return value == mark or value.startswith(mark + JOINT)


def _run_part(run: Path) -> str:
    return f"run:{run}".replace(JOINT, ",")


def _joined(before: str, part: str) -> str:
    return f"{before}{JOINT}{part}" if before else part
