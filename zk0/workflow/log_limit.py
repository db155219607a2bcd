"""Keep a log within a size: its head and its tail stay, and a line between them says how much was cut out.

Programs write to the file themselves, so they never wait for zk0. While it grows beyond the limit, the space of its
middle is given back to the file system (fallocate(2), FALLOC_FL_PUNCH_HOLE), where that is possible: the disk holds at
most the limit and what is printed between two looks. When the program has ended, the file itself is made shorter.
"""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Any

POLL = 0.2  # seconds between two looks at a log
CHUNK = 1 << 20  # bytes
LONGEST_LINE = 1 << 16  # bytes; within them the cut is moved to the end of a line
BLOCK = 4096  # bytes; a part of a block can't be given back
PUNCH_HOLE = 0x01 | 0x02  # FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE of <linux/falloc.h>


@contextmanager
def limited(log: Path, limit: int) -> Iterator[None]:
    """Keep a log that grows in the block within `limit` bytes."""
    ended = threading.Event()
    follower = threading.Thread(target=_follow, args=(log, limit, ended), name="log-limit", daemon=True)
    follower.start()
    try:
        yield
    finally:
        ended.set()
        follower.join()
        cut_out_middle(log, limit)


def cut_out_middle(log: Path, limit: int) -> None:
    """Make a log that nobody writes to any more no longer than `limit` bytes and a line."""
    if not log.exists() or (size := log.stat().st_size) <= limit:
        return
    with log.open("r+b") as stream:
        head, tail = _line_end_before(stream, limit // 2), _line_end_after(stream, size - limit // 2)
        note = f"[zk0: {tail - head} of {size} bytes are cut out here; log_limit in [tool.zk0] is {limit}]\n".encode()
        place = head + os.pwrite(stream.fileno(), note, head)
        while chunk := os.pread(stream.fileno(), CHUNK, tail):
            tail += len(chunk)
            place += os.pwrite(stream.fileno(), chunk, place)
        stream.truncate(place)


def give_back(descriptor: int, start: int, end: int) -> None:
    """Free the disk space of a part of a file, which then reads as zeros, if the system can do that."""
    start, end = -(-start // BLOCK) * BLOCK, end // BLOCK * BLOCK
    if end > start and (punch := _fallocate()):
        punch(descriptor, PUNCH_HOLE, start, end - start)  # if it fails, the space is used a little longer


def _follow(log: Path, limit: int, ended: threading.Event) -> None:
    head, given = limit // 2 + LONGEST_LINE, 0
    while not ended.wait(POLL):
        if not log.exists() or (tail := log.stat().st_size - limit // 2 - LONGEST_LINE) <= max(head, given):
            continue
        with log.open("r+b") as stream:
            give_back(stream.fileno(), max(head, given), tail)
        given = tail


def _line_end_before(stream: IO[bytes], place: int) -> int:
    start = max(0, place - LONGEST_LINE)
    return start + (os.pread(stream.fileno(), place - start, start).rfind(b"\n") + 1 or place - start)


def _line_end_after(stream: IO[bytes], place: int) -> int:
    found = os.pread(stream.fileno(), LONGEST_LINE, place).find(b"\n")
    return place if found < 0 else place + found + 1


@cache
def _fallocate() -> Any:
    """Return fallocate(2) of the C library; None where there is none."""
    if sys.platform != "linux":
        return None
    import ctypes

    function = getattr(ctypes.CDLL(None, use_errno=True), "fallocate", None)
    if function is not None:
        function.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    return function
