"""Capture what an action prints in a log, and keep the logs of attempts that were killed."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from zk0.workflow.log_limit import limited
from zk0.workflow.masking import Mask


@contextmanager
def capture_output(log: Path, mask: Mask, limit: int) -> Iterator[None]:
    """Redirect all output of this process, from Python or a C library, to a log: the terminal shows only progress."""
    log.parent.mkdir(parents=True, exist_ok=True)
    streams = (sys.stdout, sys.stderr)
    saved = [os.dup(descriptor) for descriptor in (1, 2)]
    with limited(log, limit), mask.opened(log) as stream:
        try:
            _flush(*streams)
            for descriptor in (1, 2):
                os.dup2(stream.fileno(), descriptor)
            yield
        finally:
            _flush(*streams)
            for descriptor, original in zip((1, 2), saved, strict=True):
                os.dup2(original, descriptor)
                os.close(original)


def set_aside(log: Path) -> None:
    """Rename the log of an attempt that was killed, so that its next try gets a new one."""
    if log.exists():
        before = sum(1 for _ in log.parent.glob(f"{log.stem}.killed-*.log"))
        log.rename(log.with_name(f"{log.stem}.killed-{before + 1}.log"))


def _flush(*streams: TextIO) -> None:
    for stream in streams:
        stream.flush()
