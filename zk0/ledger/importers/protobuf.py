"""Read protocol buffers without their schema: field numbers and raw values, as far as two binary logs need them.

https://protobuf.dev/programming-guides/encoding/
"""

import struct
from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield (field number, value): a whole number, or bytes for everything else.

    Raises:
        ValueError: the bytes are not a message, or are cut off.
    """
    at, end = 0, len(message)
    while at < end:
        key, at = _varint(message, at)
        kind = key & 7
        if kind == VARINT:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        if kind == BYTES:
            length, at = _varint(message, at)
        elif kind in (FIXED64, FIXED32):
            length = 8 if kind == FIXED64 else 4
        else:
            raise ValueError(f"wire type {kind}")
        if at + length > end:
            raise ValueError("cut off")
        yield key >> 3, message[at : at + length]
        at += length


def nested(message: bytes, number: int) -> Iterator[bytes]:
    """Yield the messages or strings of one field."""
    return (value for found, value in fields(message) if found == number and isinstance(value, bytes))


def float32(value: bytes) -> float:
    """Return a 4-byte float."""
    return float(struct.unpack("<f", value)[0])


def float64(value: bytes) -> float:
    """Return an 8-byte float."""
    return float(struct.unpack("<d", value)[0])


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message) and shift < 70:  # noqa: PLR2004  ten bytes of seven bits
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004  the last byte has its high bit clear
            return value, at
        shift += 7
    raise ValueError("cut off")
