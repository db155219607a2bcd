"""Where what an action prints goes: into a log, whether Python or a C library prints it."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from zk0.workflow.masking import Mask


@contextmanager
def captured(log: Path, mask: Mask) -> Iterator[None]:
    """Send all that this process prints meanwhile, from Python or from a C library, to a log.

    The terminal belongs to progress and results: stdout is data, and libraries print what they like.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    streams = (sys.stdout, sys.stderr)
    saved = [os.dup(descriptor) for descriptor in (1, 2)]
    with mask.opened(log) as stream:
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
    """Keep what an attempt printed that was killed, apart from what the same attempt prints when it is done again."""
    if log.exists():
        before = sum(1 for _ in log.parent.glob(f"{log.stem}.killed-*.log"))
        log.rename(log.with_name(f"{log.stem}.killed-{before + 1}.log"))


def _flush(*streams: TextIO) -> None:
    for stream in streams:
        stream.flush()
