"""What the memory bank holds at one moment: its entries, which of them are in force, and what is broken."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from zk0.core.errors import UnknownNameError
from zk0.memory.entries import Entry, Kind, Status

NAMED = 5  # entries named in one message


@dataclass(frozen=True)
class BankProblem:
    """Something in the bank that is to be repaired: where, and what is wrong."""

    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        """Name the place as an editor understands it."""
        return f"{self.path}:{self.line}: {self.message}"


@dataclass(frozen=True)
class BankSnapshot:
    """What the bank holds at one moment; `problems` are to be shown, for a broken entry is still a fact."""

    entries: tuple[Entry, ...]
    problems: tuple[BankProblem, ...] = ()

    @cached_property
    def in_force(self) -> list[Entry]:
        """The entries that are active and superseded by none, oldest first."""
        superseded = {old for entry in self.entries for old in entry.supersedes}
        counting = [entry for entry in self.entries if entry.status is Status.active and entry.id not in superseded]
        return sorted(counting, key=lambda entry: (entry.generated.at, entry.id))

    def counting(self, kind: Kind) -> list[Entry]:
        """Return those of one kind."""
        return [entry for entry in self.in_force if entry.kind is kind]

    def newest(self, kind: Kind) -> list[Entry]:
        """Return those of one kind, the newest first."""
        return self.counting(kind)[::-1]

    @cached_property
    def last_results(self) -> dict[str, Entry]:
        """The last result of each workflow, newest first: of a run that came to its end, where there is one.

        One that is of no run stands under its id.
        """
        last: dict[str, Entry] = {}
        for entry in sorted(self.newest(Kind.result), key=lambda entry: not _is_complete(entry)):
            last.setdefault(entry.run.workflow if entry.run else entry.id, entry)
        return dict(sorted(last.items(), key=lambda item: item[1].generated.at, reverse=True))

    @cached_property
    def broken_off(self) -> dict[str, Entry]:
        """The last run of each workflow that was broken off after its last result."""
        last: dict[str, Entry] = {}
        for entry in self.newest(Kind.result):
            result = self.last_results.get(entry.run.workflow) if entry.run else None
            if entry.run and result and not _is_complete(entry) and entry.generated.at > result.generated.at:
                last.setdefault(entry.run.workflow, entry)
        return last

    def entry(self, name: str) -> Entry:
        """Return the entry of this id, or of this unique beginning or end of one.

        Raises:
            UnknownNameError: there is none, or more than one.
        """
        found = [entry for entry in self.entries if entry.id == name]
        found = found or [entry for entry in self.entries if entry.id.startswith(name) or entry.id.endswith(name)]
        match found:
            case [entry]:
                return entry
            case []:
                raise UnknownNameError(f"the memory bank has no entry {name!r}", remedy="zk0 memory search")
        several = ", ".join(entry.id for entry in found[:NAMED])
        raise UnknownNameError(f"{name!r} is {len(found)} entries: {several}", remedy="give more of the id")


def _is_complete(entry: Entry) -> bool:
    return entry.run is None or entry.run.is_complete
