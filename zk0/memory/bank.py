"""The memory bank on disk: entries that are only ever added, and pages that are rendered from them.

Writers hold a file lock in the state directory; the system releases it when a process dies. `add` composes entries
under the lock, from the bank as it is then. `put` is for a writer that read the bank earlier: it passes the revision
it read, and is refused with what changed if the bank has changed since. Readers need no lock: every file appears whole.
A revision is a hash of the entries' ids, which decides whether something changed, and the time when the last of them
arrived, which says what.
"""

import fcntl
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

from zk0.core.errors import InputError, SecretError, SpecError, StaleReadError, UnknownNameError
from zk0.core.pages import join_first
from zk0.core.project import Project
from zk0.core.receipts import write_atomically
from zk0.core.references import ENTRY_ID
from zk0.core.secrets import find_secrets
from zk0.memory.entries import Entry, Kind, Status, content_id, with_id
from zk0.memory.frontmatter import UnreadableEntryError, read_entry, write_entry

ENTRIES, ARCHIVE = "entries", "archive"
ID_BYTES = re.compile(ENTRY_ID.pattern.encode())
SUPERSEDES = re.compile(rb"^supersedes:(.*(?:\n[- ].*)*)", re.MULTILINE)
REVISION = re.compile(r"([0-9a-f]{8})-([0-9a-f]+)")
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


type Parsed = tuple[Entry | None, BankProblem | None]


@dataclass(frozen=True)
class BankSnapshot:
    """What the bank holds at one moment; `problems` are to be shown, for a broken entry is still a fact.

    `arrived` says when each entry file came to this machine, in nanoseconds since the epoch.
    """

    entries: tuple[Entry, ...]
    problems: tuple[BankProblem, ...] = ()
    arrived: dict[str, int] = field(default_factory=dict)

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
        """The last result of each workflow, newest first; one that is of no run stands under its id."""
        last: dict[str, Entry] = {}
        for entry in self.newest(Kind.result):
            last.setdefault(entry.run.workflow if entry.run else entry.id, entry)
        return last

    @property
    def revision(self) -> str:
        """What names this state of the bank; a writer gives it back with what it writes."""
        names = hashlib.sha256("\n".join(sorted(self.arrived)).encode()).hexdigest()
        return f"{names[:8]}-{max(self.arrived.values(), default=0):x}"

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
                raise UnknownNameError(f"the memory bank has no entry {name!r}", remedy="zk0 memory show")
        several = ", ".join(entry.id for entry in found[:NAMED])
        raise UnknownNameError(f"{name!r} is {len(found)} entries: {several}", remedy="give more of the id")


class Bank:
    """The store of entries and pages; the `lock` holds nothing and may be removed while there is no writer."""

    def __init__(self, directory: Path, lock: Path) -> None:
        self.directory = directory
        self.entries_dir = directory / ENTRIES
        self.archive_dir = directory / ARCHIVE
        self.lock = lock
        self._parsed: dict[tuple[str, int, int], Parsed] = {}

    @classmethod
    def of(cls, project: Project) -> "Bank":
        """Return the bank of a project; the same one each time, so that what it has parsed is parsed once a process."""
        return _bank(project.memory_dir, project.state_dir / "memory.lock")

    def read(self) -> BankSnapshot:
        """Read the entries, oldest name first."""
        stats = {path: path.stat() for path in sorted(self.entries_dir.glob("*.md"))}
        found = [self._read_cached(path, stat) for path, stat in stats.items()]
        return _snapshot(found, {path.stem: stat.st_mtime_ns for path, stat in stats.items()})

    def read_current(self) -> BankSnapshot:
        """Read the entries that no other supersedes, and not whether one was edited: a fraction of the time."""
        files = {path: path.read_bytes() for path in sorted(self.entries_dir.glob("*.md"))}
        superseded = set[str]()
        for content in files.values():
            # No decoding yet: ids are ASCII, and a file that is not text is reported when it is parsed.
            for named in SUPERSEDES.finditer(content.partition(b"\n---")[0]):
                superseded.update(found.decode() for found in ID_BYTES.findall(named[1]))
        found = [self._parse(path, content) for path, content in files.items() if path.stem not in superseded]
        return _snapshot(found, {path.stem: path.stat().st_mtime_ns for path in files})

    def read_archive(self) -> BankSnapshot:
        """Read the entries that were archived."""
        files = sorted(self.archive_dir.glob("*.md"))
        return _snapshot([self._check_edited(path, self._parse(path, path.read_bytes())) for path in files], {})

    def add(self, compose: Callable[[BankSnapshot], Iterable[Entry]]) -> tuple[Entry, ...]:
        """Add the entries that `compose` makes of what the bank holds, and return them with their ids.

        An entry that is there already, word for word, is not written twice.

        Raises:
            SecretError: an entry holds a secret; nothing is written.
        """
        with self._locked():
            entries = [with_id(entry) for entry in compose(self.read())]
            texts = [write_entry(entry) for entry in entries]
            for entry, text in zip(entries, texts, strict=True):
                _refuse_secrets(entry, text)
            return tuple(self._write(entry, text) for entry, text in zip(entries, texts, strict=True))

    def put(self, *entries: Entry, based_on: str | None = None) -> tuple[Entry, ...]:
        """Add entries that were composed of an earlier reading; what they supersede must still be in force.

        `based_on` is the revision of that reading; None where nothing but what they supersede was read.

        Raises:
            InputError: that is no revision.
            StaleReadError: the bank has changed since; the message says what.
            UnknownNameError: they supersede what is not there.
            SecretError: an entry holds a secret.
        """

        def compose(now: BankSnapshot) -> Iterable[Entry]:
            if based_on is not None:
                _require_current(based_on, now)
            for entry in entries:
                _require_in_force(with_id(entry), now)
            return entries

        return self.add(compose)

    def rewrite(self, name: str, render: Callable[[BankSnapshot, str], str]) -> Path:
        """Write the page that `render` makes of what the bank holds and of the page's text so far."""
        return self.edit(name, lambda old: render(self.read(), old), durable=False)  # it can be rendered again

    def edit(self, name: str, change: Callable[[str], str], *, durable: bool = True) -> Path:
        """Write the page that `change` makes of the page's text so far; a durable one survives a loss of power.

        Raises:
            SpecError: the page is not text.
        """
        path = self.directory / name
        with self._locked():
            old = read_page(path)
            new = change(old)
            if new != old or not path.is_file():
                write_atomically(path, new, durable=durable)
        return path

    def archive(self, choose: Callable[[BankSnapshot], Iterable[str]]) -> list[Path]:
        """Move the entries that `choose` names of what the bank holds to the archive, and return where they are."""
        with self._locked():
            moved = []
            for name in choose(self.read()):
                self.archive_dir.mkdir(parents=True, exist_ok=True)
                source = self.entries_dir / f"{name}.md"
                moved.append(source.rename(self.archive_dir / source.name))
            return moved

    def _read_cached(self, path: Path, stat: os.stat_result) -> Parsed:
        # A run reads the bank more than once; what did not change since is not parsed again.
        key = (path.name, stat.st_mtime_ns, stat.st_size)
        if key not in self._parsed:
            self._parsed[key] = self._check_edited(path, self._parse(path, path.read_bytes()))
        return self._parsed[key]

    def _parse(self, path: Path, content: bytes) -> Parsed:
        shown = path.relative_to(self.directory)
        try:
            return read_entry(content.decode(), path.stem), None
        except UnreadableEntryError as error:
            return None, BankProblem(shown, error.line, error.message)
        except UnicodeDecodeError as error:
            return None, BankProblem(shown, 1, f"it is not UTF-8: {error.reason} at byte {error.start}")

    def _check_edited(self, path: Path, parsed: Parsed) -> Parsed:
        entry, problem = parsed
        # The name may be longer than the id: `add` lengthens the second of two equal ones.
        if entry and entry.generated.by.startswith("process:") and not entry.id.startswith(content_id(entry)):
            shown = path.relative_to(self.directory)
            return entry, BankProblem(shown, 1, f"it was changed after {entry.generated.by} wrote it")
        return entry, problem

    def _write(self, entry: Entry, text: str) -> Entry:
        while (path := self.entries_dir / f"{entry.id}.md").exists():
            if path.read_text(encoding="utf-8") == text:
                return entry
            entry = entry.model_copy(update={"id": f"{entry.id}-2"})  # a different fact with the same short hash
        write_atomically(path, text)
        return entry

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.lock.parent.mkdir(parents=True, exist_ok=True)
        with self.lock.open("a") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield


def read_page(path: Path) -> str:
    """Return a page's text; empty where there is no page yet.

    Raises:
        SpecError: it is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8") if path.is_file() else ""
    except UnicodeDecodeError as error:
        problem = f"{path} is not UTF-8: {error.reason} at byte {error.start}"
        raise SpecError(problem, remedy="save it as UTF-8, or remove it") from error


@cache
def _bank(directory: Path, lock: Path) -> Bank:
    return Bank(directory, lock)


def _snapshot(found: list[Parsed], arrived: dict[str, int]) -> BankSnapshot:
    entries = tuple(entry for entry, _ in found if entry)
    return BankSnapshot(entries, tuple(problem for _, problem in found if problem), arrived)


def _refuse_secrets(entry: Entry, text: str) -> None:
    for found in find_secrets(text):
        raise SecretError(
            f"the {entry.kind} to be kept holds a secret ({found.kind}, line {found.line}); nothing was written",
            remedy="leave it out, and revoke it where others have seen it",
        )


def _require_current(revision: str, now: BankSnapshot) -> None:
    found = REVISION.fullmatch(revision)
    if found is None:
        raise InputError(f"{revision!r} is not a revision of the memory bank", remedy="zk0 memory show --json")
    if found[1] == now.revision[:8]:
        return
    new = [entry for entry in now.entries if now.arrived.get(entry.id, 0) > int(found[2], 16)]
    what = _names(new) if new else "entries were archived or removed"
    raise StaleReadError(f"the memory bank has changed since {revision}: {what}", remedy="zk0 memory show; then again")


def _require_in_force(entry: Entry, now: BankSnapshot) -> None:
    """Refuse an entry that supersedes what is not there, or what another superseded meanwhile."""
    ids = {other.id for other in now.entries}
    for name in entry.supersedes:
        if name not in ids:
            raise UnknownNameError(f"it supersedes {name}, which is not an entry", remedy="zk0 memory show")
        if newer := [other for other in now.entries if name in other.supersedes and other.id != entry.id]:
            remedy = f"zk0 memory show {newer[0].id}; then again"
            raise StaleReadError(f"{name} was superseded meanwhile: {_names(newer)}", remedy=remedy)


def _names(entries: list[Entry]) -> str:
    return join_first([f"{entry.id} ({entry.kind}) {entry.title}" for entry in entries], NAMED, "; ")
