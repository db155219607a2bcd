"""Time that nobody can set: for deadlines, durations and order. Timestamps for people come from the wall clock.

The clock counts the seconds since the machine was started, with those it slept (CLOCK_BOOTTIME); `boot` says which
start that was, so that readings of different processes can be compared. Across a restart of the machine they can't.
"""

import fcntl
import os
import time
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from uuid import uuid4

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Ticks:
    """A reading of the clock: seconds since a start of the machine."""

    boot: str
    seconds: float

    def since(self, earlier: "Ticks | None") -> float | None:
        """Return the seconds since an earlier reading; None if the machine was restarted meanwhile."""
        return None if earlier is None or earlier.boot != self.boot else round(self.seconds - earlier.seconds, 6)


def read_ticks() -> Ticks:
    """Read the clock."""
    seconds = time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
    return Ticks(_boot(os.getpid()), round(seconds, 6))


def seconds_between(before: Ticks | None, after: Ticks | None, started: datetime, finished: datetime) -> float:
    """Return a duration: by the clock, or by timestamps where that can't say; never less than 0."""
    seconds = after.since(before) if after else None
    return max(0.0, (finished - started).total_seconds() if seconds is None else seconds)


def next_number(state: Path, now: datetime) -> int:
    """Return a number greater than all before, to order what was recorded: the time in microseconds, if it goes on.

    Args:
        state: the project's directory for runs; the last number is kept in it.
        now: the time.

    Raises:
        OSError: it can't be written.
    """
    with (state / "sequence").open("a+", encoding="utf-8", errors="replace") as kept:
        fcntl.flock(kept, fcntl.LOCK_EX)
        kept.seek(0)
        text = kept.read().strip()
        number = max(int(text) + 1 if text.isdigit() else 0, microseconds(now))
        kept.truncate(0)
        kept.write(f"{number}\n")
    return number


def microseconds(at: datetime) -> int:
    """Return a time as a number that is comparable with those of `next_number`."""
    return round(at.timestamp() * 1e6)


@cache
def _boot(_process: int) -> str:
    """Return a name for this start of the machine; where the system has none, for this process."""
    return BOOT_ID.read_text(encoding="ascii").strip() if BOOT_ID.exists() else uuid4().hex
