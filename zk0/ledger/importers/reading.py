"""Files of any age as batches of whole lines: packed or plain, UTF-8, UTF-16 or bytes of neither, in bounded memory.

What a terminal would do is undone: colours are cut out, a progress bar that was redrawn over itself with carriage
returns becomes one line for each drawing (all with the number of the line in the file).
"""

import codecs
import io
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from zk0.core.errors import LedgerError
from zk0.ledger.importers.packed import CHUNK, DAMAGES, ZIP, unpacked

HEAD = 1 << 16  # bytes by which a file's format is recognised

STDIN = "-"

COLOURS = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_BACKSPACES = re.compile("\b+")
# What another program printed behind a progress bar, whose line had no end yet.
_BEHIND_BAR = re.compile(
    r"(%\|[^|\r\n]*\|[^\[\r\n]*\[[^\]\r\n]*\])"
    r"(?=[A-Za-z`]|\s?(?:\[|Traceback|Killed|Segmentation|(?:[A-Z]\w*)?(?:Error|Exception|ERROR|WARNING|FATAL)\b))"
)
_BOMS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}

type Batch = tuple[Sequence[int], list[str], str]  # numbers of lines, the lines, and all of them as one text


@dataclass
class LogSource:
    """One file, or what is piped in; `notes` says what was odd about its bytes."""

    path: Path
    name: str
    notes: list[str] = field(default_factory=list)
    text: str | None = None  # of its content, where it was found in another file (a notebook)

    def __post_init__(self) -> None:
        self._rest: Iterator[bytes] | None = None
        self.head = b""
        try:
            self._rest = self._opened()
            taken: list[bytes] = []
            while sum(map(len, taken)) < HEAD and (piece := next(self._rest, b"")):
                taken.append(piece)
        except OSError as error:
            raise LedgerError(f"{self.name} can't be read: {error.strerror or error}") from error
        self.head = b"".join(taken)
        if not self.piped:  # it is opened again: of thousands of files no more than the heads are held
            self.head, self._rest = self.head[:HEAD], None

    @property
    def modified_at(self) -> datetime | None:
        """When the file was last written to; None for a stream."""
        return None if self.piped or self.text is not None else datetime.fromtimestamp(self.path.stat().st_mtime, UTC)

    @property
    def piped(self) -> bool:
        """True for standard input and other streams (FIFOs, `<(command)`), which can be read once."""
        return str(self.path) == STDIN or not (self.path.is_file() or self.text is not None)

    def chunks(self) -> Iterator[bytes]:
        """Yield the unpacked bytes from the beginning."""
        return chain([self.head], self._rest) if self._rest is not None else self._opened()

    def stream(self) -> io.BufferedReader:
        """Return the unpacked bytes as a file to read from the beginning."""
        return io.BufferedReader(_ChunkStream(self.chunks()))

    def head_text(self) -> str:
        """Return the beginning as text."""
        return self.head[:HEAD].decode(self.utf_16 or "utf-8", errors="replace").removeprefix("\ufeff")

    @property
    def utf_16(self) -> str | None:
        """The encoding that a byte order mark names; None where there is none."""
        return next((name for bom, name in _BOMS.items() if self.head.startswith(bom)), None)

    def note(self, text: str) -> None:
        """Keep what was odd, once."""
        if text not in self.notes:
            self.notes.append(text)

    def _opened(self) -> Iterator[bytes]:
        if str(self.path) == STDIN:
            yield from unpacked(sys.stdin.buffer, sys.stdin.buffer.read(HEAD), self.note)
            return
        if self.text is not None:
            yield self.text.encode()
            return
        with self.path.open("rb") as stream:
            start = stream.read(HEAD)
            if start.startswith(ZIP) and not self.piped:
                yield from self._zipped()
            else:
                yield from unpacked(stream, start, self.note)

    def _zipped(self) -> Iterator[bytes]:
        try:
            with zipfile.ZipFile(self.path) as archive:
                for member in archive.namelist():
                    with archive.open(member) as packed:
                        yield from iter(partial(packed.read, CHUNK), b"")
        except DAMAGES:
            self.note("the packed file is damaged or cut off: read up to there")


class _ChunkStream(io.RawIOBase):
    """Chunks of any length as a file, from which pieces of a given length can be read."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        rest = self._rest or memoryview(next(self._chunks, b""))
        size = min(len(buffer), len(rest))
        buffer[:size], self._rest = rest[:size], rest[size:]
        return size


def batches(source: LogSource) -> Iterator[Batch]:
    """Yield the lines of a source, without colours and line ends, each with its number from 1."""
    number = 1
    for chunk in _whole_lines(_as_utf8(source), source):
        text = _text(chunk, source)
        if "\x00" in text:
            source.note("NUL bytes were dropped")
            text = text.replace("\x00", "")
        if "\x1b" in text:
            text = COLOURS.sub("", text)
        if "%|" in text:
            text = _BEHIND_BAR.sub("\\1\r", text)
        if "\b" in text:  # Keras goes back over a bar, to draw the next one
            text = _BACKSPACES.sub("\r", text)
        lines = text.split("\n")
        if not lines[-1]:
            lines.pop()
        numbers: Sequence[int] = range(number, number + len(lines))
        number += len(lines)
        if "\r" in text:
            drawn = [[part for part in line.split("\r") if part] or [""] for line in lines]
            numbers = [at for at, parts in zip(numbers, drawn, strict=True) for _ in parts]
            lines = list(chain.from_iterable(drawn))
        yield numbers, lines, text


def _as_utf8(source: LogSource) -> Iterable[bytes]:
    chunks = source.chunks()
    if source.utf_16 is None:
        yield next(chunks, b"").removeprefix(codecs.BOM_UTF8)
        yield from chunks
        return
    source.note("UTF-16")
    decoder = codecs.getincrementaldecoder(source.utf_16)(errors="replace")
    for text in map(decoder.decode, chunks):
        yield text.removeprefix("\ufeff").encode()
    yield decoder.decode(b"", final=True).encode()


def _whole_lines(chunks: Iterable[bytes], source: LogSource) -> Iterator[bytes]:
    """Cut the bytes behind line ends; of a line that is longer than a chunk only the beginning is kept."""
    begun, cutting = b"", False
    for chunk in chunks:
        rest = chunk
        if cutting:
            _, newline, rest = chunk.partition(b"\n")
            if not newline:
                continue
            yield begun + newline
            begun, cutting = b"", False
        body, newline, tail = rest.rpartition(b"\n")
        if newline:
            yield begun + body + newline
            begun = tail
        else:
            begun += tail
        if len(begun) > CHUNK:
            source.note(f"lines longer than {CHUNK} bytes were cut")
            begun, cutting = begun[:CHUNK], True
    if begun:
        yield begun


def _text(chunk: bytes, source: LogSource) -> str:
    try:
        return chunk.decode()
    except UnicodeDecodeError:
        source.note("some lines are not UTF-8: read as Latin-1")
    return "\n".join(map(_line_text, chunk.split(b"\n")))


def _line_text(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")


EXAMPLES = 5  # of lines not understood, each unlike the others
LOOKED_AT = 10_000  # lines not understood among which examples are looked for
_DIGITS = re.compile(r"[\d.]+")


@dataclass
class FileReport:
    """Counts of one file; a unit is a line of text, a row of numbers or a record."""

    name: str
    format: str
    understood: int = 0
    noise: int = 0
    unknown: int = 0
    examples: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def wants_examples(self) -> bool:
        """True while more examples of what was not understood are wanted."""
        return self.unknown <= LOOKED_AT and len(self.examples) < EXAMPLES

    def add_example(self, at: str, text: str) -> None:
        """Keep a line that was not understood, unless it differs from another example by its numbers alone."""
        example = f"{at}: {text[:200]}"
        if self.wants_examples and self._shape(example) not in map(self._shape, self.examples):
            self.examples.append(example)

    def _shape(self, example: str) -> str:
        return _DIGITS.sub("#", example)[: len(self.name) + 84]
