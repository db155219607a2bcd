"""Logs by their text, and the recorded ones."""

from collections.abc import Callable
from pathlib import Path

import pytest

from zk0.ledger import LedgerWriter
from zk0.ledger.importers import ImportedLedger, import_ledgers
from zk0.ledger.schema import Event

LOGS = Path(__file__).parents[2] / "resources" / "logs"


@pytest.fixture(scope="session")
def recorded() -> Callable[[str], ImportedLedger]:
    """Import one of the recorded logs, which is one run."""

    def imported(name: str) -> ImportedLedger:
        [found] = import_ledgers([LOGS / name])
        return found

    return imported


@pytest.fixture
def import_text(tmp_path: Path) -> Callable[..., ImportedLedger]:
    """Import what a file of this content tells, which is one run."""

    def imported(content: str | bytes, name: str = "some.log") -> ImportedLedger:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        [found] = import_ledgers([path])
        return found

    return imported


@pytest.fixture
def write_ledger(events: tuple[Event, ...]) -> Callable[[Path], None]:
    """Write a small ledger of zk0's own."""

    def written(path: Path) -> None:
        writer = LedgerWriter(path)
        for event in events:
            writer.write(event)

    return written
