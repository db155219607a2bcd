"""The journal of a run: one event per line, flushed to the disk before the run continues.

Each line has the hash of the line before as `chain`. `journal.head` has the number and the hash of the line with which
the run ended or began to wait; it is written first, so it is at most one line ahead.

A process can be killed at any instant, so the last line may be torn; readers ignore it. Any other line that can't be
read means that the file is damaged. Importing this module is cheap.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from zk0.core.errors import JournalError, StorageError
from zk0.core.receipts import write_atomically
from zk0.workflow.events import JournalEvent, RunCancelled, RunFinished, StepWaiting

ENDING_KINDS = (RunFinished.kind, RunCancelled.kind)  # of the last event of a run that is over
WAITING_KIND = StepWaiting.kind
RESTING_KINDS = (*ENDING_KINDS, WAITING_KIND)
HEAD = "journal.head"
TAIL = 65536  # bytes; a step that waits writes a shorter event, with all its findings
EVENT: TypeAdapter[JournalEvent] = TypeAdapter(JournalEvent, config=ConfigDict(defer_build=True))
CHAIN_LENGTH = 16  # digits of a line's hash


@dataclass(frozen=True)
class Head:
    """How many lines a journal has, and the hash of the last one."""

    count: int
    digest: str


class Journal:
    """Appends to one run's journal.

    Args:
        path: the file; its directory exists.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def mend(self) -> None:
        """Remove a torn last line, so that the next event begins a new line; `journal.head` is no longer ahead.

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
            if (head := read_head(self.path)) and head.count > content.count(b"\n"):
                self._write_head(0, self._last_line())
        except FileNotFoundError:
            return
        except OSError as error:
            raise unwritable(self.path, error) from error

    def append(self, event: JournalEvent) -> None:
        """Write an event, and flush it to the disk.

        Raises:
            StorageError: it can't be written; the events before it are intact.
        """
        try:
            before = self._last_line()
            line = EVENT.dump_json(event)[:-1] + b',"chain":"%s"}\n' % line_digest(before).encode()
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                if event.kind in RESTING_KINDS:
                    self._write_head(1, line)
                _write_whole(descriptor, line)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise unwritable(self.path, error) from error

    def _last_line(self) -> bytes:
        """Return the last line; empty if there is none."""
        try:
            with self.path.open("rb") as stream:
                size, block = stream.seek(0, os.SEEK_END), TAIL
                while True:
                    stream.seek(max(0, size - block))
                    _, newline, line = stream.read().rstrip(b"\n").rpartition(b"\n")
                    if newline or block >= size:
                        return line
                    block *= 2
        except FileNotFoundError:
            return b""

    def _write_head(self, more: int, last: bytes) -> None:
        """Write the number of lines, with some more, and the hash of the last one."""
        lines = self.path.read_bytes().count(b"\n") + more
        write_atomically(self.path.with_name(HEAD), f"{lines} {line_digest(last.rstrip(b'\n'))}\n")


def line_digest(line: bytes) -> str:
    """Return the hash of a line of a journal, without its end."""
    return hashlib.sha256(line).hexdigest()[:CHAIN_LENGTH]


def read_head(journal: Path) -> Head | None:
    """Return what `journal.head` says; None where there is none."""
    try:
        count, digest = journal.with_name(HEAD).read_text(encoding="utf-8").split()
        return Head(int(count), digest)
    except (OSError, ValueError):
        return None


def unwritable(path: Path, error: OSError) -> StorageError:
    """Return the error that a file or directory of a run can't be written."""
    reason = error.strerror or str(error)
    return StorageError(f"{path} can't be written: {reason}", remedy=f"make room or make {path.parent} writable")


def read_events(path: Path) -> list[JournalEvent]:
    """Return the events of a journal without a torn last line; none if there is no file.

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


def read_tail(path: Path) -> dict[str, Any] | None:
    """Return the last whole event of a journal as plain data; None if there is none.

    Reads only the end of the file. An event longer than that, which neither ends a run nor waits, is returned empty.

    Raises:
        OSError: the file can't be read.
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
    """Write the whole line, or nothing if the disk is full."""
    before = os.fstat(descriptor).st_size
    try:
        while line:
            line = line[os.write(descriptor, line) :]
    except OSError:
        os.ftruncate(descriptor, before)
        raise
