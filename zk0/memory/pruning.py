"""Archive entries that are no longer needed every day; nothing is erased.

A superseded entry is kept for a while, so that a branch which still builds on it merges in peace. An entry is archived
with all that it supersedes: left behind, that would be in force again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from zk0.core.project import Project
from zk0.memory.bank import Bank
from zk0.memory.entries import Entry, Status
from zk0.memory.evidence import EVIDENCE
from zk0.memory.snapshot import BankSnapshot

KEPT = timedelta(days=14)  # a branch that lives longer is rare, and finds what it needs in the archive


@dataclass(frozen=True)
class Proposal:
    """An entry that may be archived, and why."""

    entry: Entry
    reason: str


def proposals(reading: BankSnapshot, now: datetime, *, kept: timedelta = KEPT) -> list[Proposal]:
    """Return what may be archived: superseded, settled, or over its time, each for longer than `kept`; pure."""
    newer: dict[str, Entry] = {}
    for entry in sorted(reading.entries, key=lambda entry: entry.generated.at):
        for name in entry.supersedes:
            newer.setdefault(name, entry)
    why = {entry.id: _reason(entry, newer.get(entry.id), now, kept) for entry in reading.entries}
    reasons = {name: reason for name, reason in why.items() if reason}
    # An entry stays as long as one that it supersedes has to stay.
    by_id = {entry.id: entry for entry in reading.entries}
    while bound := [n for n in reasons if any(old in by_id and old not in reasons for old in by_id[n].supersedes)]:
        for name in bound:
            del reasons[name]
    return [Proposal(entry, reasons[entry.id]) for entry in reading.entries if entry.id in reasons]


def _reason(entry: Entry, newer: Entry | None, now: datetime, kept: timedelta) -> str | None:
    if newer and now - newer.generated.at > kept:
        return f"superseded by {newer.id}"
    if entry.status is Status.closed and now - entry.generated.at > kept:
        return "it settled what it supersedes"
    if entry.stale_after and now - entry.stale_after > kept:
        return f"said to hold until {entry.stale_after:%Y-%m-%d}"
    return None


def with_superseded(reading: BankSnapshot, names: Iterable[str]) -> list[str]:
    """Return entries with all that they supersede, directly or not; pure."""
    by_id = {entry.id: entry for entry in reading.entries}
    found: dict[str, None] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in by_id and name not in found:
            found[name] = None
            waiting += by_id[name].supersedes
    return list(found)


def archive(project: Project, names: Iterable[str]) -> list[Path]:
    """Move entries with all that they supersede to the archive, and receipts that no entry cites any more."""
    bank = Bank.of(project)
    chosen = list(names)
    moved = bank.archive(lambda reading: with_superseded(reading, chosen))
    entries = bank.read().entries
    cited = {source.receipt for entry in entries for source in entry.sources}
    cited |= {step.receipt for entry in entries if entry.run for step in entry.run.steps}
    for path in sorted((project.memory_dir / EVIDENCE).glob("*.json")):
        if path.stem not in cited and moved:
            moved.append(path.rename(bank.archive_dir / path.name))
    return moved
