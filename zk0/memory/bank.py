"""The memory bank on disk: entries that are only ever added, and pages that are rendered anew.

Writers of one machine take turns by a lock on a file in the state directory, which the system frees when a process
dies. What is written is composed under the lock, from what is there at that moment, so nothing rests on a stale read.
Readers need no lock: every file appears whole.
"""

import fcntl
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from zk0.memory.entries import Entry, Kind, content_id, identified, in_force
from zk0.memory.frontmatter import UnreadableEntryError, read_entry, write_entry
from zk0.project import Project
from zk0.receipts import write_atomically


@dataclass(frozen=True)
class Problem:
    """An entry that can't be read, or that was changed: where, and what is wrong with it."""

    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        """Name the place as an editor understands it."""
        return f"{self.path}:{self.line}: {self.message}"


@dataclass(frozen=True)
class Reading:
    """What the bank holds at one moment; `problems` are to be shown, for a broken entry is still a fact."""

    entries: tuple[Entry, ...]
    problems: tuple[Problem, ...] = ()

    def counting(self, kind: Kind) -> list[Entry]:
        """Return the entries of one kind that are active and superseded by none, oldest first."""
        return [entry for entry in in_force(self.entries) if entry.kind is kind]


class Bank:
    """The store of entries and pages.

    Args:
        directory: the memory bank.
        lock: the file that writers lock; it holds nothing and may be removed when nobody writes.
    """

    def __init__(self, directory: Path, lock: Path) -> None:
        self.directory = directory
        self.entries_dir = directory / "entries"
        self.lock = lock
        self._parsed: dict[tuple[str, int, int], tuple[Entry | None, Problem | None]] = {}

    @classmethod
    def of(cls, project: Project) -> "Bank":
        """Return the bank of a project."""
        return cls(project.memory_dir, project.state_dir / "memory.lock")

    def read(self) -> Reading:
        """Read all entries, oldest name first."""
        found = [self._known(path) for path in sorted(self.entries_dir.glob("*.md"))]
        entries = tuple(entry for entry, _ in found if entry)
        return Reading(entries, tuple(problem for _, problem in found if problem))

    def add(self, compose: Callable[[Reading], Iterable[Entry]]) -> tuple[Entry, ...]:
        """Add the entries that `compose` makes of what the bank holds, and return them with their ids.

        An entry that is there already, word for word, is not written twice.
        """
        with self._alone():
            return tuple(self._write(identified(entry)) for entry in compose(self.read()))

    def rewrite(self, name: str, render: Callable[[Reading, str], str]) -> Path:
        """Write the page that `render` makes of what the bank holds and of the page's text so far."""
        path = self.directory / name
        with self._alone():
            old = path.read_text(encoding="utf-8") if path.is_file() else ""
            new = render(self.read(), old)
            if new != old or not path.is_file():
                write_atomically(path, new)
        return path

    def _known(self, path: Path) -> tuple[Entry | None, Problem | None]:
        # A run reads the bank at every step; what did not change since is not parsed again.
        stat = path.stat()
        key = (path.name, stat.st_mtime_ns, stat.st_size)
        if key not in self._parsed:
            self._parsed[key] = self._parse(path)
        return self._parsed[key]

    def _parse(self, path: Path) -> tuple[Entry | None, Problem | None]:
        shown = path.relative_to(self.directory)
        try:
            entry = read_entry(path.read_text(encoding="utf-8"), path.stem)
        except UnreadableEntryError as error:
            return None, Problem(shown, error.line, error.message)
        except UnicodeDecodeError as error:
            return None, Problem(shown, 1, f"it is not UTF-8: {error.reason} at byte {error.start}")
        # The name may be longer than the id: `add` lengthens the second of two equal ones.
        if entry.generated.by.startswith("process:") and not entry.id.startswith(content_id(entry)):
            return entry, Problem(shown, 1, f"it was changed after {entry.generated.by} wrote it")
        return entry, None

    def _write(self, entry: Entry) -> Entry:
        text = write_entry(entry)
        while (path := self.entries_dir / f"{entry.id}.md").exists():
            if path.read_text(encoding="utf-8") == text:
                return entry
            entry = entry.model_copy(update={"id": f"{entry.id}-2"})  # a different fact with the same short hash
        write_atomically(path, text)
        return entry

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.lock.parent.mkdir(parents=True, exist_ok=True)
        with self.lock.open("a") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield
