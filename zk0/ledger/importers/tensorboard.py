"""TensorBoard's event files, read without TensorBoard: TFRecords of `Event` messages.

A record is a length (8 bytes), its masked CRC-32C, the data, the data's masked CRC-32C
(https://www.tensorflow.org/tutorials/load_data/tfrecord). Both sums are checked; of records above 64 KiB, which hold
pictures and graphs and no scalar, only that of the length. `Event`: 1 wall_time, 2 step, 5 summary; `Summary.Value`:
1 tag, 2 simple_value, 8 tensor; `TensorProto`: 1 dtype, 4 content, 5 float_val, 6 double_val.
"""

import struct
from collections.abc import Iterator

from zk0.ledger.importers.metrics import Rows
from zk0.ledger.importers.protobuf import fields, float32, float64, nested
from zk0.ledger.importers.reading import FileReport, LogSource
from zk0.ledger.importers.run_builder import RunBuilder

NAME = "TensorBoard"
MOST_SCALAR = 1 << 16  # bytes of a record that may hold scalars
MOST_RECORD = 1 << 30  # bytes; a length beyond is a damaged one
LENGTH_AND_SUM, SUM = 12, 4  # bytes
DT_FLOAT, DT_DOUBLE = 1, 2


def _table() -> tuple[int, ...]:
    found = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        found.append(value)
    return tuple(found)


_CRC32C = _table()


def masked_crc32c(data: bytes) -> int:
    """Return the masked Castagnoli sum that TFRecords carry."""
    value = 0xFFFFFFFF
    for byte in data:
        value = _CRC32C[(value ^ byte) & 0xFF] ^ (value >> 8)
    value ^= 0xFFFFFFFF
    return (((value >> 15) | (value << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def matches(source: LogSource) -> bool:
    """Return whether it begins with a length and the right checksum of it."""
    head = source.head[:12]
    return len(head) == 12 and masked_crc32c(head[:8]) == struct.unpack("<I", head[8:])[0]  # noqa: PLR2004


def read(source: LogSource, run: RunBuilder) -> FileReport:
    """Read all scalars, each as a row of its step."""
    report = FileReport(source.name, NAME, notes=source.notes)
    rows = Rows(run, report)
    for number, record in enumerate(_records(source, report), start=1):
        if record is None:
            report.noise += 1
            continue
        try:
            step, scalars = _event(record)
        except ValueError as error:
            report.unknown += 1
            source.note(f"record {number} is not an event: {error}")
            continue
        if scalars:
            rows.add(f"{source.name}, record {number}", {"step": step, **scalars})
        else:
            report.noise += 1
    return rows.conclude()


def _event(record: bytes) -> tuple[int, dict[str, float]]:
    step, scalars = 0, {}
    for number, value in fields(record):
        if number == 2 and isinstance(value, int):  # noqa: PLR2004  fields are named above
            step = value
        elif number == 5 and isinstance(value, bytes):  # noqa: PLR2004
            for one in nested(value, 1):
                tag, scalar = _scalar(one)
                if scalar is not None:
                    scalars[tag] = scalar
    return step, scalars


def _scalar(value: bytes) -> tuple[str, float | None]:
    tag, scalar = "", None
    for number, content in fields(value):
        if not isinstance(content, bytes):
            continue
        if number == 1:
            tag = content.decode(errors="replace")
        elif number == 2:  # noqa: PLR2004
            scalar = float32(content)
        elif number == 8:  # noqa: PLR2004
            scalar = _tensor(content)
    return tag, scalar


def _tensor(tensor: bytes) -> float | None:
    kind, found = 0, None
    for number, content in fields(tensor):
        if number == 1 and isinstance(content, int):
            kind = content
        elif number in (4, 5) and kind == DT_FLOAT and isinstance(content, bytes) and len(content) == 4:  # noqa: PLR2004
            found = float32(content)
        elif number in (4, 6) and kind == DT_DOUBLE and isinstance(content, bytes) and len(content) == 8:  # noqa: PLR2004
            found = float64(content)
    return found


def _records(source: LogSource, report: FileReport) -> Iterator[bytes | None]:
    """Yield the data of each record, None for one too large to hold a scalar."""
    stream = source.stream()
    while len(head := stream.read(LENGTH_AND_SUM)) == LENGTH_AND_SUM:
        length, total = struct.unpack("<QI", head)
        if length > MOST_RECORD or masked_crc32c(head[:8]) != total:
            source.note("a record's length does not have the sum it should: read up to there")
            report.unknown += 1
            return
        if length > MOST_SCALAR:
            source.note(f"sums were not checked in records above {MOST_SCALAR} bytes, which hold no scalars")
            for start in range(0, length + SUM, MOST_SCALAR):  # in pieces, since it may not fit into memory
                stream.read(min(MOST_SCALAR, length + SUM - start))
            yield None
            continue
        data = stream.read(length + SUM)
        if len(data) < length + SUM:
            source.note("the last record is cut off")
            return
        if masked_crc32c(data[:-SUM]) != struct.unpack("<I", data[-SUM:])[0]:
            source.note("records whose sum is wrong were left out")
            report.unknown += 1
        else:
            yield data[:-SUM]
