"""Darknet's training: a line a batch, and lines of its detection layers, which name no loss.

    1012: 11.249570, 11.258310 avg loss, 0.001000 rate, 1.947555 seconds, 6072 images
    Region 82 Avg IOU: 0.86, Class: 0.99, Obj: 0.99, No Obj: 0.008, .5R: 1.0, .75R: 1.0,  count: 32

A layer that has no object in a batch (`count: 0`) prints -nan, and that is no fault.
"""

import re

from zk0.ledger.importers.logs import LogFile
from zk0.ledger.importers.pairs import NUMBER, Pairs, parse_value
from zk0.ledger.importers.rows import take_row
from zk0.ledger.importers.rules import LineReader, Taken, rule
from zk0.ledger.log_events import IncidentKind

NAME = "Darknet"
_BATCH = re.compile(rf"\s*(?P<step>\d+): (?P<loss>{NUMBER}), {NUMBER} avg(?: loss)?, (?P<lr>{NUMBER}) rate,")


def _read(log: LogFile, text: str) -> Taken:
    """Take the line of a batch."""
    batch = _BATCH.match(text)
    values = {name: parse_value(value) for name, value in batch.groupdict().items()} if batch else {}
    return Taken.understood if values and take_row(log, Pairs(values)) else Taken.no


def _layer(log: LogFile, found: re.Match[str]) -> None:
    if "nan" in found["value"] and found["count"] != "0":
        log.add_incident(IncidentKind.not_finite, found[0][:200])


LINES = LineReader(NAME, (" rate, ",), _read)
RULES = (rule(r"Region \d+ Avg \(?IOU: .*?\bClass: (?P<value>\S+),.*\bcount: (?P<count>\d+)", _layer),)
