"""Append events to a ledger so that a killed run loses at most the line it was writing."""

import os
from pathlib import Path

from zk0.ledger.schema import Event


class LedgerWriter:
    """Appends to one file; each event is on disk when `write` returns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)

    def write(self, event: Event) -> None:
        """Append one event as a line of JSON."""
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(event.model_dump_json() + "\n")
            stream.flush()
            os.fsync(stream.fileno())
