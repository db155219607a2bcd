"""The memory bank on disk: entries that are only ever added, notes that people write, pages rendered from both.

Writers hold a file lock in the state directory; the system releases it when a process dies. `add` composes entries
under the lock, from the bank as it is then. `put` is for a writer that read the bank earlier: it is refused if what it
supersedes was superseded meanwhile. Readers need no lock: every file appears whole.

The pages are no part of what git keeps: two branches that each add an entry would conflict in them. What people write
into them goes to `notes/`, and a page that zk0 did not write as it is now is never overwritten.
"""

import fcntl
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from zk0.core.errors import SecretError, StaleReadError, UnknownNameError
from zk0.core.git import ignore_directory
from zk0.core.pages import join_first
from zk0.core.project import Project
from zk0.core.receipts import DIGEST_LENGTH, canonical_digest, write_atomically
from zk0.core.references import ENTRY_ID
from zk0.core.secrets import find_secrets
from zk0.memory.entries import Entry, content_id, with_id
from zk0.memory.frontmatter import UnreadableEntryError, read_entry, write_entry
from zk0.memory.page_seal import (
    PAGES,
    body_of,
    is_of_older_version,
    kept_paragraphs,
    read_page,
    require_own,
    seal,
)
from zk0.memory.snapshot import NAMED, BankProblem, BankSnapshot

ENTRIES, ARCHIVE, NOTES = "entries", "archive", "notes"
REPLACED = "replaced"  # in the state directory: texts of pages that were replaced and can not be rendered again
ID_BYTES = re.compile(ENTRY_ID.pattern.encode())
SUPERSEDES = re.compile(rb"^supersedes:(.*(?:\n[- ].*)*)", re.MULTILINE)


type Parsed = tuple[Entry | None, BankProblem | None]


class Bank:
    """The store of entries and pages; the `lock` holds nothing and may be removed while there is no writer."""

    def __init__(self, directory: Path, lock: Path) -> None:
        self.directory = directory
        self.entries_dir = directory / ENTRIES
        self.archive_dir = directory / ARCHIVE
        self.notes_dir = directory / NOTES
        self.lock = lock
        self._parsed: dict[tuple[str, int, int], Parsed] = {}

    @classmethod
    def of(cls, project: Project) -> "Bank":
        """Return the bank of a project; the same one each time, so that what it has parsed is parsed once a process."""
        return _bank(project.memory_dir, project.state_dir / "memory.lock")

    def read(self) -> BankSnapshot:
        """Read the entries, oldest name first."""
        return _snapshot([self._read_cached(path, path.stat()) for path in sorted(self.entries_dir.glob("*.md"))])

    def read_current(self) -> BankSnapshot:
        """Read the entries that no other supersedes, and not whether one was edited: a fraction of the time."""
        files = {path: path.read_bytes() for path in sorted(self.entries_dir.glob("*.md"))}
        superseded = set[str]()
        for content in files.values():
            # No decoding yet: ids are ASCII, and a file that is not text is reported when it is parsed.
            for named in SUPERSEDES.finditer(content.partition(b"\n---")[0]):
                superseded.update(found.decode() for found in ID_BYTES.findall(named[1]))
        return _snapshot([self._parse(path, content) for path, content in files.items() if path.stem not in superseded])

    def read_archive(self) -> BankSnapshot:
        """Read the entries that were archived."""
        files = sorted(self.archive_dir.glob("*.md"))
        return _snapshot([self._check_edited(path, self._parse(path, path.read_bytes())) for path in files])

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

    def put(self, entry: Entry) -> Entry:
        """Add an entry that was composed of an earlier reading; what it supersedes must still be in force.

        Raises:
            StaleReadError: it was superseded meanwhile.
            UnknownNameError: it supersedes what is not there.
            SecretError: the entry holds a secret.
        """

        def compose(now: BankSnapshot) -> Iterable[Entry]:
            _require_in_force(with_id(entry), now)
            return [entry]

        return self.add(compose)[0]

    def notes(self) -> dict[str, str]:
        """Return what people wrote for the pages, by name."""
        files = sorted(self.notes_dir.glob("*.md"))
        return {path.stem: path.read_text(encoding="utf-8", errors="replace").strip() for path in files}

    def append_note(self, name: str, text: str) -> None:
        """Write a text behind what a note has already, unless it has it."""
        path = self.notes_dir / f"{name}.md"
        old = read_page(path)
        if text.strip() not in old:
            write_atomically(path, "\n\n".join(filter(None, (old.strip(), text.strip("\n")))) + "\n")

    def require_own_pages(self) -> None:
        """Refuse to go on where a page is not as zk0 wrote it.

        Raises:
            SpecError: a person wrote or changed a page; the remedy says how to import it.
        """
        for name in PAGES:
            require_own(self.directory / name)

    def write_page(self, name: str, render: Callable[[str], str]) -> None:
        """Write the page that `render` makes of the page's text so far. It can be rendered again, so it is not flushed.

        Raises:
            SpecError: the page is not as zk0 wrote it.
        """
        path = self.directory / name
        with self._locked():
            require_own(path)
            old = read_page(path)
            if is_of_older_version(old):
                self._keep(name, old)
                for note, text in kept_paragraphs(old).items():
                    self.append_note(note, text)
            new = seal(render(body_of(old)))
            if new != old:
                write_atomically(path, new, durable=False)
            self._ignore_pages()

    def replace(self, path: Path, text: str | None) -> None:
        """Replace a file of the bank, or remove it; the old text stays in the state directory."""
        if old := read_page(path):
            self._keep(path.relative_to(self.directory).as_posix(), old)
        if text is None:
            path.unlink(missing_ok=True)
        else:
            write_atomically(path, text)

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

    def _keep(self, name: str, text: str) -> None:
        digest = canonical_digest(text)[:DIGEST_LENGTH]
        write_atomically(self.lock.parent / REPLACED / f"{name.replace('/', '-')}.{digest}.md", text)

    def _ignore_pages(self) -> None:
        path = self.directory / ".gitignore"
        known = read_page(path)
        if missing := [line for page in PAGES if (line := f"/{page}") not in known.splitlines()]:
            joint = "" if not known or known.endswith("\n") else "\n"
            write_atomically(path, f"{known}{joint}{'\n'.join(missing)}\n")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        ignore_directory(self.lock.parent)
        with self.lock.open("a") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield


@cache
def _bank(directory: Path, lock: Path) -> Bank:
    return Bank(directory, lock)


def _snapshot(found: list[Parsed]) -> BankSnapshot:
    entries = tuple(entry for entry, _ in found if entry)
    return BankSnapshot(entries, tuple(problem for _, problem in found if problem))


def _refuse_secrets(entry: Entry, text: str) -> None:
    for found in find_secrets(text):
        raise SecretError(
            f"the {entry.kind} to be kept holds a secret ({found.kind}, line {found.line}); nothing was written",
            remedy="leave it out, and revoke it where others have seen it",
        )


def _require_in_force(entry: Entry, now: BankSnapshot) -> None:
    """Refuse an entry that supersedes what is not there, or what another superseded meanwhile."""
    ids = {other.id for other in now.entries}
    for name in entry.supersedes:
        if name not in ids:
            raise UnknownNameError(f"it supersedes {name}, which is not an entry", remedy="zk0 memory search")
        if newer := [other for other in now.entries if name in other.supersedes and other.id != entry.id]:
            remedy = f"zk0 memory search {newer[0].id}; then again"
            raise StaleReadError(f"{name} was superseded meanwhile: {_names(newer)}", remedy=remedy)


def _names(entries: list[Entry]) -> str:
    return join_first([f"{entry.id} ({entry.kind}) {entry.title}" for entry in entries], NAMED, "; ")
