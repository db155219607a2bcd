"""How large a memory bank is, and what it is made of."""

from collections import Counter
from datetime import datetime
from typing import Any

from zk0.core.project import Project
from zk0.memory.bank import Bank
from zk0.memory.context import BUDGET
from zk0.memory.entries import Kind
from zk0.memory.evidence import EVIDENCE
from zk0.memory.pruning import proposals


def stats_of(project: Project, now: datetime) -> dict[str, Any]:
    """Return the counts of entries and the sizes of pages (bytes) of a project's bank."""
    bank = Bank.of(project)
    reading = bank.read()
    kinds = Counter(entry.kind for entry in reading.in_force)
    pages = {path.name: path.stat().st_size for path in sorted(bank.directory.glob("*.md"))}
    return {
        "entries": len(reading.entries),
        "in_force": {kind.value: kinds[kind] for kind in Kind},
        "broken": len(reading.problems),
        "archived": sum(1 for _ in bank.archive_dir.glob("*.md")),
        "may_be_archived": len(proposals(reading, now)),
        "receipts": sum(1 for _ in (bank.directory / EVIDENCE).glob("*.json")),
        "bytes": sum(path.stat().st_size for path in bank.directory.rglob("*") if path.is_file()),
        "pages": pages,
        "context_budget": BUDGET,
        "revision": reading.revision,
    }
