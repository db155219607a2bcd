"""Packed files: gzip, bzip2, xz and zip as bytes, and archives of several files as a folder.

A file that holds one packed file is read as that file. An archive with several members (zip, tar, tar.gz …) is unpacked
into a temporary folder, so that its members are grouped into runs as those of any folder are; they are named
`logs.tar.gz:client_1.log`.
"""

import bz2
import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

CHUNK = 1 << 20  # bytes
MOST_UNPACKED = 8 << 30  # bytes of all members of an archive; more is no set of logs, or a bomb
GZIP, BZIP2, XZ, ZIP = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"PK\x03\x04"
TAR_MAGIC, TAR_MAGIC_AT = b"ustar", 257
DAMAGES = (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, lzma.LZMAError, OSError, ValueError)


def unpacked(stream: IO[bytes], start: bytes, note: Callable[[str], None]) -> Iterator[bytes]:
    """Yield the bytes in a file or stream whose first bytes, `start`, were read already."""
    packed = _decompressor(start)
    if packed is None:
        yield start
        yield from iter(partial(stream.read, CHUNK), b"")
        return
    try:
        yield from packed(_Rejoined(start, stream))
    except DAMAGES:
        note("the packed file is damaged or cut off: read up to there")


def _decompressor(start: bytes) -> Callable[[Any], Iterator[bytes]] | None:
    if start.startswith(GZIP):
        # read1, since of a file that is cut off `read` loses what was unpacked last.
        return lambda stream: iter(partial(gzip.GzipFile(fileobj=stream).read1, CHUNK), b"")
    if start.startswith(BZIP2):
        return lambda stream: _pieces(stream, bz2.BZ2Decompressor)
    if start.startswith(XZ):
        return lambda stream: _pieces(stream, lzma.LZMADecompressor)
    return None


def _pieces(stream: IO[bytes], new: Callable[[], Any]) -> Iterator[bytes]:
    """Yield what is packed in a stream, which may be several packed files behind each other."""
    one, rest = new(), b""
    while chunk := rest or stream.read(CHUNK):
        if one.eof:
            one = new()
        if piece := one.decompress(chunk):
            yield piece
        rest = one.unused_data if one.eof else b""
    if not one.eof:
        raise EOFError


class _Rejoined:
    """A stream with the bytes that were read from it before."""

    def __init__(self, start: bytes, stream: IO[bytes]) -> None:
        self._start, self._stream = start, stream

    def read(self, size: int = -1) -> bytes:
        if not self._start:
            return self._stream.read(size)
        taken = self._start if size < 0 else self._start[:size]
        self._start = self._start[len(taken) :]
        return taken if size >= 0 else taken + self._stream.read()


def zip_members(path: Path) -> list[str]:
    """Return the names of the files in a zip file; empty where it is none."""
    try:
        with zipfile.ZipFile(path) as archive:
            return [one.filename for one in archive.infolist() if not one.is_dir()]
    except (zipfile.BadZipFile, OSError):
        return []


def is_archive(path: Path) -> bool:
    """Return whether a file holds several files."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        start = stream.read(TAR_MAGIC_AT + len(TAR_MAGIC))
    if start.startswith(ZIP):
        return len(zip_members(path)) > 1
    return (start.endswith(TAR_MAGIC) or _decompressor(start) is not None) and _is_tar(path)


def _is_tar(path: Path) -> bool:
    try:
        return tarfile.is_tarfile(path)
    except DAMAGES:  # a packed file that is cut off
        return False


def extract(path: Path, stack: ExitStack) -> tuple[Path, str]:
    """Unpack an archive into a folder that lasts as long as `stack`; return it, and why it is not whole or empty."""
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="zk0-archive-")))
    left = MOST_UNPACKED
    try:
        for name, size, opened in _members(path):
            place = folder / Path(*[part for part in Path(name).parts if part not in ("/", "..", ".")])
            left -= size
            if left < 0:
                return folder, f"more than {MOST_UNPACKED >> 30} GiB: read up to {name}"
            place.parent.mkdir(parents=True, exist_ok=True)
            with opened() as source, place.open("wb") as target:
                for chunk in iter(partial(source.read, CHUNK), b""):
                    target.write(chunk)
    except (tarfile.TarError, *DAMAGES) as error:
        return folder, f"the archive is damaged or cut off: {error}"
    return folder, ""


def _members(path: Path) -> Iterator[tuple[str, int, Callable[[], IO[bytes]]]]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for one in archive.infolist():
                if not one.is_dir():
                    yield one.filename, one.file_size, partial(archive.open, one)
        return
    with tarfile.open(path) as tape:
        for entry in tape:
            if entry.isfile() and (opened := tape.extractfile(entry)) is not None:
                yield entry.name, entry.size, partial(_same, opened)


def _same(opened: IO[bytes]) -> IO[bytes]:
    return opened
