"""Files of any age as batches of whole lines: packed or plain, UTF-8, UTF-16 or bytes of neither, in bounded memory.

What a terminal would do is undone: colours are cut out, a progress bar that was redrawn over itself with carriage
returns becomes one line for each drawing (all with the number of the line in the file).
"""

import codecs
import re
import sys
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import IO

from zk0.core.errors import LedgerError

CHUNK = 1 << 20  # bytes; a line longer than this is cut, so this bounds the memory too
HEAD = 1 << 16  # bytes by which a file's format is recognised

STDIN = "-"

_COLOURS = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_BOMS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}

type Batch = tuple[Sequence[int], list[str], str]  # numbers of lines, the lines, and all of them as one text


@dataclass
class LogSource:
    """One file, or what is piped in; `notes` says what was odd about its bytes."""

    path: Path
    name: str
    notes: list[str] = field(default_factory=list)

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
    def piped(self) -> bool:
        """True for standard input, which can be read once."""
        return str(self.path) == STDIN

    def chunks(self) -> Iterator[bytes]:
        """Yield the unpacked bytes from the beginning."""
        return chain([self.head], self._rest) if self._rest is not None else self._opened()

    def content(self, limit: int) -> bytes | None:
        """Return all bytes, or None where there are more than `limit`."""
        found = BytesIO()
        for chunk in self.chunks():
            found.write(chunk)
            if found.tell() > limit:
                return None
        return found.getvalue()

    def head_text(self) -> str:
        """Return the beginning as text."""
        encoding = next((name for bom, name in _BOMS.items() if self.head.startswith(bom)), "utf-8")
        return self.head[:HEAD].decode(encoding, errors="replace").removeprefix("\ufeff")

    def note(self, text: str) -> None:
        """Keep what was odd, once."""
        if text not in self.notes:
            self.notes.append(text)

    def _opened(self) -> Iterator[bytes]:
        if self.piped:
            yield from _pieces(sys.stdin.buffer)
            return
        with self.path.open("rb") as stream:
            magic = stream.read(4)
            stream.seek(0)
            if magic.startswith(_GZIP):
                yield from self._unpacked(_gunzipped(_pieces(stream)))
            elif magic == _ZIP:
                with zipfile.ZipFile(stream) as archive:
                    for member in archive.namelist():
                        with archive.open(member) as packed:
                            yield from self._unpacked(_pieces(packed))
            else:
                yield from _pieces(stream)

    def _unpacked(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from pieces
        except (EOFError, zlib.error, zipfile.BadZipFile):
            self.note("the packed file is damaged or cut off: read up to there")


def batches(source: LogSource) -> Iterator[Batch]:
    """Yield the lines of a source, without colours and line ends, each with its number from 1."""
    number = 1
    for chunk in _whole_lines(_as_utf8(source), source):
        text = _text(chunk, source)
        if "\x00" in text:
            source.note("NUL bytes were dropped")
            text = text.replace("\x00", "")
        if "\x1b" in text:
            text = _COLOURS.sub("", text)
        lines = text.split("\n")
        if not lines[-1]:
            lines.pop()
        numbers: Sequence[int] = range(number, number + len(lines))
        number += len(lines)
        if "\r" in text:
            redrawn = [(at, part) for at, line in zip(numbers, lines, strict=True) for part in _drawings(line)]
            numbers, lines = [at for at, _ in redrawn], [part for _, part in redrawn]
        yield numbers, lines, text


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    while piece := stream.read(CHUNK):
        yield piece


def _gunzipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Unpack as far as it goes, which gzip.GzipFile does not where the end is missing; at most a chunk at a time.

    Raises:
        EOFError: the end is missing.
    """
    member, within = zlib.decompressobj(wbits=31), False  # 31: with gzip's head
    for piece in pieces:
        packed = piece
        while packed:
            within = True
            if unpacked := member.decompress(packed, CHUNK):
                yield unpacked
            packed = member.unconsumed_tail
            if member.eof:  # another member may follow: logs are appended to
                packed = member.unused_data.lstrip(b"\0")
                member, within = zlib.decompressobj(wbits=31), False
    while within and (unpacked := member.decompress(b"", CHUNK)):
        yield unpacked
    if within and not member.eof:
        raise EOFError


def _drawings(line: str) -> list[str]:
    return [part for part in line.split("\r") if part] or [""]


def _as_utf8(source: LogSource) -> Iterable[bytes]:
    chunks = source.chunks()
    encoding = next((name for bom, name in _BOMS.items() if source.head.startswith(bom)), None)
    if encoding is None:
        yield from _without_bom(chunks)
        return
    source.note("UTF-16")
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    for text in map(decoder.decode, chunks):
        yield text.removeprefix("\ufeff").encode()
    yield decoder.decode(b"", final=True).encode()


def _without_bom(chunks: Iterator[bytes]) -> Iterator[bytes]:
    yield next(chunks, b"").removeprefix(codecs.BOM_UTF8)
    yield from chunks


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


class Unknown:
    """Lines that no rule knows: how many, and the first of some that are unlike each other."""

    def __init__(self) -> None:
        self.lines = 0
        self.examples: list[str] = []
        self._shapes: set[str] = set()

    @property
    def wants_more(self) -> bool:
        """True while more examples are wanted."""
        return self.lines <= LOOKED_AT and len(self.examples) < EXAMPLES

    def add(self, at: str, text: str) -> None:
        """Keep a line as an example, if it is unlike those before."""
        if self.wants_more:
            shape = _DIGITS.sub("#", text[:200])[:80]
            if shape not in self._shapes:
                self._shapes.add(shape)
                self.examples.append(f"{at}: {text[:200]}")
