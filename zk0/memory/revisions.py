"""Compare and swap: whether what a writer had read is still so, and what has changed if not; pure.

A revision names a set of entries: a hash of their ids, and when the last of them came to this machine. The hash decides
whether something changed; the time tells what. Whoever supersedes an entry says by that what it had read: if another
did so first, the second is refused.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping

from zk0.core.errors import InputError, StaleReadError, UnknownNameError
from zk0.memory.entries import Entry

REVISION = re.compile(r"([0-9a-f]{8})-([0-9a-f]+)")
NAMED = 5  # entries named in one message


def revision_of(arrived: Mapping[str, int]) -> str:
    """Return the revision of the entries that arrived at these times, in nanoseconds."""
    names = hashlib.sha256("\n".join(sorted(arrived)).encode()).hexdigest()
    return f"{names[:8]}-{max(arrived.values(), default=0):x}"


def refuse_unless_current(revision: str | None, entries: Iterable[Entry], arrived: Mapping[str, int]) -> None:
    """Let a write pass whose writer had read this state of the bank, or claims nothing.

    Raises:
        InputError: it is no revision.
        StaleReadError: the bank has changed since.
    """
    if revision is None:
        return
    found = REVISION.fullmatch(revision)
    if found is None:
        raise InputError(f"{revision!r} is no revision of the memory bank", remedy="zk0 memory show --json")
    if found[1] == revision_of(arrived)[:8]:
        return
    new = [entry for entry in entries if arrived.get(entry.id, 0) > int(found[2], 16)]
    what = _told(new) if new else "entries were archived or removed"
    raise StaleReadError(f"the memory bank has changed since {revision}: {what}", remedy="zk0 memory show; then again")


def refuse_stale_supersession(entry: Entry, entries: Iterable[Entry]) -> None:
    """Let an entry pass if all that it supersedes is in force.

    Raises:
        StaleReadError: something was superseded by another entry meanwhile.
        UnknownNameError: something is not there.
    """
    known = list(entries)
    ids = {other.id for other in known}
    for name in entry.supersedes:
        if name not in ids:
            raise UnknownNameError(f"it supersedes {name}, which is no entry", remedy="zk0 memory show")
        if newer := [other for other in known if name in other.supersedes and other.id != entry.id]:
            raise StaleReadError(
                f"{name} was superseded meanwhile: {_told(newer)}", remedy=f"zk0 memory show {newer[0].id}; then again"
            )


def _told(entries: list[Entry]) -> str:
    more = f" and {len(entries) - NAMED} more" if len(entries) > NAMED else ""
    return "; ".join(f"{entry.id} ({entry.kind}) {entry.title}" for entry in entries[:NAMED]) + more
