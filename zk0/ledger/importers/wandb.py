"""The offline history of Weights & Biases (`run-*.wandb`), read without wandb.

It is LevelDB's log format behind a header of its own: blocks of 32 KiB hold pieces of records (CRC-32, length, kind);
a record is a `Record` message: 2 history, 5 config, 17 run and in it 4 config (`wandb_internal.proto`). An item of
history or config has 1 key, 2 nested keys, 16 value as JSON.
"""

import json
import struct
import zlib
from collections.abc import Iterator

from zk0.ledger.importers.metrics import Rows
from zk0.ledger.importers.protobuf import fields, nested
from zk0.ledger.importers.reading import FileReport, LogSource
from zk0.ledger.importers.run_builder import RunBuilder
from zk0.ledger.importers.tables import flat

NAME = "Weights & Biases"
MAGIC = b":W&B"
BLOCK = 32_768  # bytes
HEADER = 7  # bytes: of the file, and of each piece
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4
HISTORY, CONFIG, RUN = 2, 5, 17  # fields of Record
RUN_CONFIG = 4  # the field of RunRecord
MOST_RECORD = 64 << 20  # bytes


def matches(source: LogSource) -> bool:
    """Return whether it begins as such a file does."""
    return source.head.startswith(MAGIC)


def read(source: LogSource, run: RunBuilder) -> FileReport:
    """Read history and configuration."""
    report = FileReport(source.name, NAME, notes=source.notes)
    rows = Rows(run, report)
    for number, record in enumerate(_records(source, report), start=1):
        at = f"{source.name}, record {number}"
        try:
            history, config = list(nested(record, HISTORY)), list(nested(record, CONFIG))
            for begun in nested(record, RUN):
                config += nested(begun, RUN_CONFIG)
            for message in history:
                rows.add(at, flat(_items(message) | _step(message)))
            for message in config:
                run.add_decision(0, _settings(_items(message)), at=at, reason="the configuration given to wandb")
        except ValueError as error:
            report.unknown += 1
            source.note(f"record {number} can't be read: {error}")
            continue
        report.understood += bool(config)
        report.noise += not (history or config)
    return rows.conclude()


def _items(message: bytes) -> dict[str, object]:
    found: dict[str, object] = {}
    for item in nested(message, 1):
        key, names, value = "", [], "null"
        for number, content in fields(item):
            if not isinstance(content, bytes):
                continue
            if number == 1:
                key = content.decode(errors="replace")
            elif number == 2:  # noqa: PLR2004  fields are named above
                names.append(content.decode(errors="replace"))
            elif number == 16:  # noqa: PLR2004
                value = content.decode(errors="replace")
        found[key or "/".join(names)] = json.loads(value)
    return found


def _step(message: bytes) -> dict[str, object]:
    for step in nested(message, 2):
        for number, value in fields(step):
            if number == 1:
                return {"_step": value}
    return {}


def _settings(parts: dict[str, object]) -> dict[str, bool | int | float | str]:
    given = {key: value for key, value in parts.items() if key != "_wandb"}
    return {key: value for key, value in flat(given).items() if isinstance(value, bool | int | float | str)}


def _records(source: LogSource, report: FileReport) -> Iterator[bytes]:
    begun = bytearray()
    for kind, data in _pieces(source, report):
        if kind in (FULL, FIRST):
            begun.clear()
        begun += data
        if len(begun) > MOST_RECORD:
            source.note(f"a record above {MOST_RECORD} bytes was left out")
            begun.clear()
        elif kind in (FULL, LAST):
            yield bytes(begun)
            begun.clear()
    if begun:
        source.note("the last record is cut off")


def _pieces(source: LogSource, report: FileReport) -> Iterator[tuple[int, bytes]]:
    stream = source.stream()
    block = stream.read(BLOCK)[HEADER:]  # the file's own header stands in the first block, before the pieces
    while block:
        at = 0
        while at + HEADER <= len(block):
            total, length, kind = struct.unpack("<IHB", block[at : at + HEADER])
            if kind == 0:
                break  # the rest of the block is empty
            data = block[at + HEADER : at + HEADER + length]
            if len(data) < length:
                source.note("the file is cut off")
                return
            if zlib.crc32(bytes([kind]) + data) != total:
                source.note("pieces whose sum is wrong were left out")
                report.unknown += 1
            else:
                yield kind, data
            at += HEADER + length
        block = stream.read(BLOCK)
