"""Register a diagnostic: a check whose subject is the ledger a step has written."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from zk0.checks import Check, Judge, check
from zk0.ledger import Ledger, Training, read_ledger
from zk0.verdicts import Evidence


class WroteLedger(Protocol):
    """Outputs of a step that wrote a ledger."""

    ledger: Path


def diagnostic(name: str) -> Callable[[Judge], Judge]:
    """Register a function of a `Ledger` as the check `name`."""
    return check(name, subject=_read)


def is_diagnostic(found: Check) -> bool:
    """Whether a check judges a ledger."""
    return found.subject is _read


def where(training: Training) -> str:
    """Return how a client's round is called in a finding."""
    return f"{training.client}, round {training.round}"


def point(name: str, value: float | str | None, at: str, unit: str = "") -> Evidence:
    """Return one number as evidence."""
    return Evidence(name=name, value=value, unit=unit, at=at)


def _read(outputs: WroteLedger) -> Ledger:
    path = Path(outputs.ledger)
    known = path.stat() if path.is_file() else None
    return _read_once(path, known and known.st_mtime_ns, known and known.st_size)


@lru_cache(maxsize=1)
def _read_once(path: Path, _changed: int | None, _size: int | None) -> Ledger:
    """Read a ledger; several diagnostics of one step judge the same."""
    return read_ledger(path)
