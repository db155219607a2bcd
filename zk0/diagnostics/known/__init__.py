"""The field's exceptions: what each means and what repairs it, one module a family.

A row has a pattern that is searched in `Class: message`, the cause, the remedy, and a public thread in which people
met it. Rows without a thread follow the message of the library itself. Rows are asked in order and the first that fits
counts, so a module lists the special before the general.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from zk0.core.faults import Fault

THREADS = "https://github.com/"


@dataclass(frozen=True)
class KnownException:
    """One row: an exception whose cause is known."""

    id: str
    pattern: re.Pattern[str]  # searched in `Class: message`, the message on one line
    cause: str
    remedy: str
    source: str  # owner/name#number of the public thread; empty where the library's own message says it all
    fault: Fault | None = None

    @property
    def url(self) -> str:
        """The address of the thread; empty without one."""
        return THREADS + self.source.replace("#", "/issues/") if self.source else ""


def known(id: str, pattern: str, cause: str, remedy: str, source: str, fault: Fault | None = None) -> KnownException:  # noqa: A002  the row's word
    """Return a row of the table."""
    return KnownException(id, re.compile(pattern), cause, remedy, source, fault)


@lru_cache(maxsize=1)
def known_exceptions() -> tuple[KnownException, ...]:
    """Return all rows, in the order in which they are asked."""
    from zk0.diagnostics.known import (
        accelerator,
        data,
        files,
        flower,
        hub,
        jobs,
        keras,
        loading,
        memory,
        programs,
        python,
        tensors,
        trainers,
        transport,
    )

    families: tuple[Iterable[KnownException], ...] = (
        memory.ROWS,  # what has no memory left fails in many places
        flower.ROWS,
        transport.ROWS,
        jobs.ROWS,
        keras.ROWS,
        trainers.ROWS,
        data.ROWS,
        hub.ROWS,
        files.ROWS,
        loading.ROWS,
        programs.ROWS,
        accelerator.ROWS,
        tensors.ROWS,
        python.ROWS,
    )
    return tuple(row for family in families for row in family)


def recognize(text: str) -> KnownException | None:
    """Return the row that fits an exception as `Class: message`; None where it is none of the known."""
    line = " ".join(text.split())
    return next((row for row in known_exceptions() if row.pattern.search(line)), None)
