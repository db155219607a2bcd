"""Digests of files and folders by their content, wherever they are.

Links count by what they lead to. A file that did not change since it was read is not read again: its times, size and
inode decide, and a file that was written a moment ago is always read.
"""

import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

CLOCK_TICK = 2.0  # seconds; the coarsest times that file systems in use keep
EXECUTABLE = 0o111

type Excluded = Callable[[str], bool]  # whether a path is left out, with all below it


def _nothing(_path: str) -> bool:
    return False


def content_digest(path: Path, excluded: Excluded = _nothing) -> str:
    """Return what identifies the content of a file, or of a folder: names, SHA-256s, and which files can be executed.

    Raises:
        OSError: there is no such file, or it can't be read.
    """
    known = path.stat()
    if not stat.S_ISDIR(known.st_mode):
        return _of_member(os.fspath(path), known)
    total = hashlib.sha256()
    start = len(os.fspath(path)) + 1
    for member, state in walk(path, excluded):
        total.update(f"{member[start:]}\0{_of_member(member, state)}\0".encode(errors="surrogateescape"))
    return total.hexdigest()


def walk(directory: Path, excluded: Excluded = _nothing) -> Iterator[tuple[str, os.stat_result]]:
    """Yield what is in a folder at any depth, sorted, each with the state of what it leads to.

    A link that leads nowhere has its own state. A folder that leads into itself is entered once.
    """
    return _walk(os.fspath(directory), excluded, frozenset())


def _walk(
    directory: str, excluded: Excluded, above: frozenset[tuple[int, int]]
) -> Iterator[tuple[str, os.stat_result]]:
    with os.scandir(directory) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if excluded(entry.path):
            continue
        try:
            state = entry.stat()
        except OSError:  # a link that leads nowhere, or in a circle
            yield entry.path, entry.stat(follow_symlinks=False)
            continue
        yield entry.path, state
        place = (state.st_dev, state.st_ino)
        if stat.S_ISDIR(state.st_mode) and place not in above:
            yield from _walk(entry.path, excluded, above | {place})


def _of_member(path: str, state: os.stat_result) -> str:
    if stat.S_ISDIR(state.st_mode):
        return "folder"
    if stat.S_ISLNK(state.st_mode):
        return f"link {Path(path).readlink()}"
    return f"{state.st_mode & EXECUTABLE != 0:d} {_of_file(path, state)}"


def _of_file(path: str, state: os.stat_result) -> str:
    if not stat.S_ISREG(state.st_mode):  # a device, a pipe: to read it could last for ever
        return "special"
    if time.time() - max(state.st_mtime, state.st_ctime) < CLOCK_TICK:
        return _read(path)  # it may be written again without a new time
    return _kept(path, state.st_mtime_ns, state.st_ctime_ns, state.st_size, state.st_ino)


def _read(path: str) -> str:
    with open(path, "rb") as stream:  # noqa: PTH123  called for each of many files
        return hashlib.file_digest(stream, "sha256").hexdigest()


@lru_cache(maxsize=50_000)
def _kept(path: str, _changed: int, _touched: int, _size: int, _inode: int) -> str:
    return _read(path)
