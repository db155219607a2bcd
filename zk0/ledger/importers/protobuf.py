"""Read protocol buffers without their schema: field numbers and raw values, as far as two binary logs need them."""

import struct
from collections.abc import Iterator

FIXED64, FIXED32 = 1, 5  # wire types: https://protobuf.dev/programming-guides/encoding/


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield (field number, value): a whole number, or bytes for everything else.

    Raises:
        ValueError: the bytes are not a message, or are cut off.
    """
    from google.protobuf.empty_pb2 import Empty
    from google.protobuf.message import DecodeError
    from google.protobuf.unknown_fields import UnknownFieldSet

    try:
        parsed = Empty.FromString(message)  # it has no field of its own, so all are unknown ones
    except DecodeError as error:
        raise ValueError("it is no message, or is cut off") from error
    for field in UnknownFieldSet(parsed):
        lengths = {FIXED64: 8, FIXED32: 4}
        length = lengths.get(field.wire_type)
        yield field.field_number, field.data if length is None else field.data.to_bytes(length, "little")


def nested(message: bytes, number: int) -> Iterator[bytes]:
    """Yield the messages or strings of one field."""
    return (value for found, value in fields(message) if found == number and isinstance(value, bytes))


def float32(value: bytes) -> float:
    """Return a 4-byte float."""
    return float(struct.unpack("<f", value)[0])


def float64(value: bytes) -> float:
    """Return an 8-byte float."""
    return float(struct.unpack("<d", value)[0])
