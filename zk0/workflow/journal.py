"""The journal of a run: one event a line, appended and flushed to the disk before anything goes on.

A process can be killed at any instant, so the last line may be torn: it tells of nothing that was promised to be
recorded, and reading leaves it out. A line that can't be read anywhere else means the file was damaged.
"""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from zk0.core.errors import JournalError, StorageError
from zk0.workflow.events import JournalEvent

EVENT: TypeAdapter[JournalEvent] = TypeAdapter(JournalEvent)
TAIL = 65536  # bytes; an event of a step that waits, its findings included, is shorter


class Journal:
    """Appends to one run's journal.

    Args:
        path: the file; its directory exists.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def mend(self) -> None:
        """Cut a torn last line off, so that the next event begins a line of its own.

        Raises:
            StorageError: the file can't be written.
        """
        try:
            with self.path.open("r+b") as stream:
                content = stream.read()
                whole = content.rfind(b"\n") + 1
                if whole < len(content):
                    stream.truncate(whole)
                    os.fsync(stream.fileno())
        except FileNotFoundError:
            return
        except OSError as error:
            raise unwritable(self.path, error) from error

    def append(self, event: JournalEvent) -> None:
        """Write one event; when this returns, it is on the disk.

        Raises:
            StorageError: it could not be written; what was recorded before is untouched.
        """
        line = EVENT.dump_json(event) + b"\n"
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                _write_whole(descriptor, line)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise unwritable(self.path, error) from error


def unwritable(path: Path, error: OSError) -> StorageError:
    """Return the error that says why a file or directory of a run could not be written."""
    reason = error.strerror or str(error)
    return StorageError(f"{path} can't be written: {reason}", remedy=f"make room or make {path.parent} writable")


def read_events(path: Path) -> list[JournalEvent]:
    """Return the events of a journal, without a torn last line; none where there is no file yet.

    Raises:
        JournalError: the file can't be read, or a line before the last one is not an event.
    """
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise JournalError(f"{path} can't be read: {error.strerror}") from error
    if lines and not lines[-1].endswith(b"\n"):
        lines.pop()
    return list(_parsed(lines, path))


def read_last_event(path: Path) -> dict[str, object] | None:
    """Return the last event of a journal as plain data, reading the file's end alone; None where there is no event.

    An event that is longer than what is read comes without its fields.
    """
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - TAIL))
            lines = stream.read().splitlines(keepends=True)
    except FileNotFoundError:
        return None
    whole = [line for line in lines if line.endswith(b"\n")]
    try:
        event = json.loads(whole[-1]) if whole else None
    except ValueError:
        return {}
    return event if isinstance(event, dict) else None


def _parsed(lines: Iterable[bytes], path: Path) -> Iterator[JournalEvent]:
    for number, line in enumerate(lines, 1):
        try:
            yield EVENT.validate_json(line)
        except ValidationError as error:
            reason = error.errors()[0]["msg"]
            raise JournalError(f"{path}:{number}: not an event of a run: {reason}") from error


def _write_whole(descriptor: int, line: bytes) -> None:
    """Write a line, or, where the disk has no room for all of it, nothing."""
    before = os.fstat(descriptor).st_size
    try:
        while line:
            line = line[os.write(descriptor, line) :]
    except OSError:
        os.ftruncate(descriptor, before)
        raise
