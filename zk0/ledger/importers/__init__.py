"""Ledgers of other programs' logs and tables.

    for imported in import_ledgers([Path("outputs/2025-10-01_09-12-03")]):
        print(imported.ledger.source, imported.understood, imported.unknown)

Nothing is invented: what a log does not contain is null in the ledger, with the reason; guesses (which column is
the loss, which round a training was) are in `notes`; what was not understood is counted and shown.
"""

import json
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from zk0.core.errors import LedgerError
from zk0.ledger.importers.formats import Runs, read_file
from zk0.ledger.importers.grouping import Group, groups
from zk0.ledger.importers.packed import extract, is_archive
from zk0.ledger.importers.reading import STDIN, FileReport, LogSource
from zk0.ledger.importers.run_builder import RunBuilder
from zk0.ledger.reader import Ledger, read_ledger

__all__ = ["FileReport", "ImportedLedger", "import_ledgers"]

OWN_FORMAT = "zk0 ledger"
UNREADABLE = "unreadable"


@dataclass(frozen=True)
class ImportedLedger:
    """One run, and how it was read."""

    ledger: Ledger
    files: tuple[FileReport, ...]
    notes: tuple[str, ...] = ()

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats of its files, each once."""
        return tuple(dict.fromkeys(file.format for file in self.files))

    @property
    def understood(self) -> int:
        """Lines, rows and records with a known meaning."""
        return sum(file.understood for file in self.files)

    @property
    def noise(self) -> int:
        """Lines known to say nothing about a run."""
        return sum(file.noise for file in self.files)

    @property
    def unknown(self) -> int:
        """Lines, rows and records that were not understood."""
        return sum(file.unknown for file in self.files)


def import_ledgers(paths: Sequence[Path]) -> list[ImportedLedger]:
    """Read files, folders, archives and standard input (`-`); one ledger a run.

    What is in a folder or archive and can't be read is an empty ledger with the reason among the notes of its file.

    Raises:
        LedgerError: a path does not exist or can't be read, or a ledger of zk0's is damaged.
    """
    with ExitStack() as stack:
        names = Names(stack)
        found = [imported for group in groups(paths, names.refuse, names.open) for imported in _imported(group, names)]
    return [*found, *(ImportedLedger(Ledger((), file.name), (file,)) for file in names.unread)]


class Names:
    """What files are called for the user, and which could not be read."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack  # holds what was unpacked
        self.unread: list[FileReport] = []
        self._roots: dict[Path, str] = {}

    def open(self, path: Path) -> Path:
        """Return a path that is no archive: of one, the folder that it was unpacked to."""
        if str(path) == STDIN or not os.access(path, os.R_OK) or not is_archive(path):
            return path
        folder, problem = extract(path, self._stack)
        self._roots[folder] = self.of(path)
        if problem:
            self.refuse(path, problem)
        return folder

    def refuse(self, path: Path, why: str) -> None:
        """Keep that something could not be read."""
        self.unread.append(FileReport(self.of(path), UNREADABLE, unknown=1, notes=[why]))

    def of(self, path: Path) -> str:
        """Return the name of a file, a folder or a member of an archive."""
        if str(path) == STDIN:
            return "stdin"
        for root, name in self._roots.items():
            if path.is_relative_to(root):
                inside = path.relative_to(root)
                return f"{name}:{inside}" if inside.parts else name
        here = Path.cwd()
        absolute = Path(os.path.abspath(path))  # noqa: PTH100  `resolve` would follow `/dev/fd/63` to `pipe:[4711]`
        return str(absolute.relative_to(here)) if absolute.is_relative_to(here) else str(path)


def _imported(group: Group, names: Names) -> list[ImportedLedger]:
    name = names.of(Path(group.name))
    sources: list[tuple[LogSource, str | None]] = []
    for path, client in group.files:
        try:
            sources.append((LogSource(path, names.of(path)), client))
        except LedgerError as error:
            if len(group.files) == 1:
                raise
            names.refuse(path, error.message)
    if len(sources) == 1 and _is_own(sources[0][0]) and not sources[0][0].piped:
        ledger = read_ledger(sources[0][0].path)
        notes = ("its last line was cut off by a crash",) if ledger.torn else ()
        report = FileReport(sources[0][0].name, OWN_FORMAT, understood=len(ledger.events))
        return [ImportedLedger(ledger, (report,), notes)]
    runs = Runs([RunBuilder(name)])
    # Logs have steps and JSON has means: the finer account comes first, and the coarser one fills in.
    sources.sort(key=lambda entry: (entry[0].name.endswith(".json"), entry[1] is not None))
    reports = tuple(read_file(source, runs, client) for source, client in sources)
    if len(runs.found) > 1 and len(sources) > 1:
        runs.current.note(
            "a log contains several starts: files without a start of their own were read as part of the last"
        )
    return [ImportedLedger(run.ledger(), reports, tuple(run.notes)) for run in runs.found]


def _is_own(source: LogSource) -> bool:
    first = source.head_text().partition("\n")[0]
    try:
        event = json.loads(first)
    except ValueError:
        return False
    return isinstance(event, dict) and event.get("event") in ("run", "training", "evaluation", "aggregation")
