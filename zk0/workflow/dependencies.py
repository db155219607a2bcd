"""What a step depends on, as digests: files that its texts name, programs, what its patterns match, the project.

A digest is kept while nothing runs, and for a second at most. So a thousand items that are reused ask git a few times.
"""

import os
import re
import stat
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zk0.core.contents import content_digest, walk
from zk0.core.errors import RequestError
from zk0.core.fingerprints import Tree, read_tree
from zk0.core.git import read_git
from zk0.core.process import locate_program
from zk0.core.project import Project
from zk0.core.receipts import canonical_digest
from zk0.workflow.patterns import excluded_from, matches

KEPT = 1.0  # seconds that a digest is kept; an edit by somebody else is seen no later
RECENT = 8  # states of the project that are kept, to say which files changed
LONGEST_PATH = 4096  # characters, of most file systems; more is a text
MOST_ENTRIES = 10_000  # of a folder outside of the project; more is a whole system
UNREAD = ("/proc/", "/sys/", "/dev/")  # their files have no content of their own
INTERPRETERS = 4  # links of a chain of `#!` lines, as in Linux
JOINTS = re.compile(r"[=,:;@]")  # --opt=path, a.csv,b.csv, path:line, @path
WORDS = re.compile(r"[\s\"'`()<>|&{}\[\]=,:;@]+")  # of a program's text, such as that of sh -c
# Variables that decide what a program finds or how it computes. Others belong to a terminal or a session.
VARIABLES = re.compile(
    r"PATH|VIRTUAL_ENV|CONDA_PREFIX|PERL5LIB|RUBYLIB|NODE_PATH|CLASSPATH|(?:LD|PYTHON|LC|CUDA|OMP|MKL|OPENBLAS)_?.*"
    r"|LANG|LANGUAGE|TZ|SOURCE_DATE_EPOCH|CC|CXX|CPP|(?:C|CPP|CXX|LD|MAKE)FLAGS"
)


class NotComparableError(RequestError):
    """Something that a step depends on can't be compared, so its outcome can't be reused."""


@dataclass(frozen=True)
class Place:
    """Where the texts of a step name files: relative to which directories, and whether they are programs' texts.

    `own` are the products of the step, which are no inputs.
    """

    bases: tuple[Path, ...]
    words: bool = False
    own: frozenset[str] = frozenset()


class Dependencies:
    """Digests of what steps depend on.

    Args:
        project: whose steps.
        secrets: names of environment variables that hold secrets, which are not compared.
    """

    def __init__(self, project: Project, secrets: Collection[str] = ()) -> None:
        self.project = project
        self.secrets = secrets
        self._runs = re.compile(re.escape(f"{project.runs_dir}/") + r"[^/]+(?=/)")
        self._since = 0.0
        self._memo: dict[tuple[object, ...], Any] = {}
        self._tree: Tree | None = None
        self._links: tuple[Path, ...] = ()
        self._of_tree: dict[tuple[object, ...], str] = {}
        self._seen: dict[str, dict[str, str]] = {}  # files by their digest, of the last few

    def forget(self) -> None:
        """Read all again: something ran, and may have changed any file."""
        self._memo.clear()

    def named(self, value: object, place: Place) -> tuple[object, dict[str, str]]:
        """Return a value with the run left out of paths to what runs made, and the digests of all files it names."""
        digests: dict[str, str] = {}

        def text(given: str) -> str:
            found = dict(self.compared_files(given, place))
            digests.update((self.shown(path), digest) for path, digest in found.items())
            return self._runs.sub("run:", given) if found else given

        return _texts(value, text), digests

    def compared_files(self, text: str, place: Place) -> Iterator[tuple[Path, str]]:
        """Yield the files and folders that a text names and whose content counts, each with its digest."""
        for path in _files_in(text, place):
            if (digest := self._digest_of(path, place.own)) is not None:
                yield path, digest

    def pattern(self, pattern: str, own: frozenset[str]) -> str | None:
        """Return the digest of what a pattern matches, without `own`; None if it matches nothing."""
        return self._kept(("pattern", pattern, own), lambda: self._of_pattern(pattern, own))

    def matched(self, patterns: Iterable[str]) -> list[Path]:
        """Return what patterns match, each once."""
        return list(dict.fromkeys(path for pattern in patterns for path in matches(pattern, self.project)))

    def program(self, name: str, cwd: Path, environment: Mapping[str, str]) -> str:
        """Return the digest of a program: its path, its content, its interpreters and the packages of those."""
        chain = program_chain(name, cwd, environment)
        return canonical_digest([(os.fspath(path), content_digest(path), _packages(path)) for path in chain])

    def variables(self) -> dict[str, str]:
        """Return the environment variables that decide what a program finds or how it computes."""
        return {
            name: value for name, value in os.environ.items() if VARIABLES.fullmatch(name) and name not in self.secrets
        }

    def tree(self) -> Tree:
        """Return the files of the project."""

        def read() -> Tree:
            found = self.project.tree()
            if found is not self._tree:
                self._tree = found
                self._links = tuple(path for name in found.files if (path := found.root / name).is_symlink())
                self._of_tree.clear()
            return self._tree

        return self._kept(("tree",), read)

    def files(self, *, documents: bool, without: frozenset[str]) -> dict[str, str]:
        """Return the files of the project and of repositories in it: blob ids by path.

        Of a link to a file, the digest of that file.

        Args:
            documents: whether prose, pictures and reports count.
            without: paths to leave out, with all below them, relative to the root.
        """
        tree = self.tree()
        files = {**tree.files, **tree.reports} if documents else tree.code_files
        return {path: blob for path, blob in (files | self._outside_of_tree()).items() if not _is_below(path, without)}

    def code(self, *, documents: bool, without: frozenset[str]) -> str:
        """Return the digest of those files, 16 digits."""
        self.tree()
        key = (documents, without, canonical_digest(self._outside_of_tree()))
        if key not in self._of_tree:
            files = self.files(documents=documents, without=without)
            digest = self._of_tree[key] = canonical_digest(files)[:16]
            self._seen[digest] = files
            while len(self._seen) > RECENT:
                del self._seen[next(iter(self._seen))]
        return self._of_tree[key]

    def changed_files(self, before: str, after: str) -> list[str]:
        """Return the files in which two recent digests of `code` differ."""
        old, new = self._seen.get(before, {}), self._seen.get(after, {})
        return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))

    def _outside_of_tree(self) -> dict[str, str]:
        """Return what the tree does not say: the content behind its links, and the files of nested repositories."""

        def read() -> dict[str, str]:
            links = {
                self.project.shown(link): self._digest_of(link.resolve()) for link in self._links if link.is_file()
            }
            found = {name: digest for name, digest in links.items() if digest is not None}
            for nested in self.tree().nested:
                whole = self.project.root / nested
                if (whole / ".git").exists():  # else git would list the outer repository
                    found |= {f"{nested}/{name}": blob for name, blob in read_tree(whole).files.items()}
            return found

        return self._kept(("outside of tree",), read)

    def history(self) -> str | None:
        """Return the digest of the commits and references of the project's repository; None outside of one."""
        return self._kept(("history",), lambda: read_git(self.project.root, "show-ref", "--head"))

    def names_in(self, directory: Path, own: frozenset[str]) -> str:
        """Return the digest of the names in a folder, without those that are left out of every digest."""
        excluded = excluded_from(directory, self.project, own)
        names = sorted(entry.name for entry in directory.iterdir() if not excluded(os.fspath(entry)))
        return canonical_digest(names)[:16]

    def shown(self, path: Path) -> str:
        """Return a path relative to the root if it is inside; of what a run made, without the run."""
        return self.project.shown(self._runs.sub("run:", os.fspath(path)))

    def _kept[V](self, key: tuple[object, ...], read: Callable[[], V]) -> V:
        if time.monotonic() - self._since > KEPT:
            self._memo.clear()
            self._since = time.monotonic()
        if key not in self._memo:
            self._memo[key] = read()
        found: V = self._memo[key]
        return found

    def _of_pattern(self, pattern: str, own: frozenset[str]) -> str | None:
        found = matches(pattern, self.project)
        contents = {self.shown(path): self._content(path, own) for path in found if os.fspath(path) not in own}
        return canonical_digest(contents) if found else None

    def _digest_of(self, path: Path, own: frozenset[str] = frozenset()) -> str | None:
        """Return the digest of a file or folder that is named; None if only its name counts.

        A folder that holds the project or its runs changes with every run; so does the directory of a run.

        Raises:
            NotComparableError: it is a large folder outside of the project.
        """
        runs = self.project.runs_dir
        shown = os.fspath(path)
        if runs.is_relative_to(path) or path.parent == runs or shown in own or shown.startswith(UNREAD):
            return None
        if self._holds_products_only(path, own):
            return None
        if not path.is_relative_to(self.project.root) and path.is_dir():
            return self._kept(("outside", path), lambda: _listing(path))
        return self._kept(("named", path, own), lambda: self._content(path, own))

    def _holds_products_only(self, path: Path, own: frozenset[str]) -> bool:
        if not any(product.startswith(f"{path}/") for product in own):
            return False
        return all(stat.S_ISDIR(state.st_mode) for _, state in walk(path, excluded_from(path, self.project, own)))

    def _content(self, path: Path, own: frozenset[str]) -> str:
        if path.is_symlink() and not path.exists():
            return f"link {path.readlink()}"
        if path.name == "lock" and path.parent.parent == self.project.runs_dir:
            return "lock"  # see `excluded_from`
        try:
            return content_digest(path, excluded_from(path, self.project, own))
        except OSError as error:
            raise NotComparableError(f"{self.project.shown(path)} can't be read: {error.strerror}") from error


def _files_in(text: str, place: Place) -> Iterator[Path]:
    for part in dict.fromkeys(text_parts(text, words=place.words)):
        if part in (".", "..", "/") or len(part) > LONGEST_PATH or "\0" in part:
            continue
        given = os.path.expanduser(part)  # noqa: PTH111
        for base in place.bases:
            path = os.path.normpath(base / given)
            if os.path.lexists(path):
                yield Path(path)


def program_chain(name: str, cwd: Path, environment: Mapping[str, str]) -> Iterator[Path]:
    """Yield the file of a program, then those of the interpreters that its `#!` lines name."""
    for _ in range(INTERPRETERS):
        path = locate_program(name, cwd, environment)
        if path is None:
            return
        yield path
        with path.open("rb") as stream:
            line = stream.read(256).partition(b"\n")[0].decode(errors="surrogateescape")
        words = line[2:].split() if line.startswith("#!") else []
        if words and words[0].rpartition("/")[2] == "env":
            yield from filter(None, [locate_program(words[0], cwd, environment)])
            words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
        if not words:
            return
        name = words[0]


def _packages(program: Path) -> list[str]:
    """Return the packages of a Python, by the names of their metadata; none of another program."""
    if not program.name.startswith("python"):
        return []
    prefixes = dict.fromkeys((program.parent.parent, program.resolve().parent.parent))
    folders = [found for prefix in prefixes for found in prefix.glob("lib*/python3*/*-packages")]
    return sorted(
        f"{folder}/{name}"
        for folder in folders
        for name in os.listdir(folder)  # noqa: PTH208
        if name.endswith((".dist-info", ".egg-info", ".pth"))
    )


def _listing(directory: Path) -> str:
    """Return the digest of the names, sizes and times in a folder outside of the project."""
    found = []
    for path, state in walk(directory):
        found.append((path, state.st_size, state.st_mtime_ns, state.st_ctime_ns, stat.S_IFMT(state.st_mode)))
        if len(found) > MOST_ENTRIES:
            raise NotComparableError(f"{directory} has more than {MOST_ENTRIES} entries, too many to compare")
    return canonical_digest(found)


def text_parts(text: str, *, words: bool) -> Iterator[str]:
    """Yield all that may be the name of a file in a text."""
    yield text
    if len(text) > 2 and text[0] == "-" != text[1]:  # noqa: PLR2004  -Iinclude
        yield text[2:]
    if "=" in text:
        yield text.partition("=")[2]
    yield from filter(None, JOINTS.split(text))
    if words:
        yield from filter(None, WORDS.split(text))


def _texts(value: object, change: Callable[[str], str]) -> object:
    match value:
        case str():
            return change(value)
        case Mapping():
            return {str(key): _texts(inner, change) for key, inner in value.items()}
        case list() | tuple():
            return [_texts(inner, change) for inner in value]
    return value


def _is_below(path: str, folders: frozenset[str]) -> bool:
    if not folders:
        return False
    parts = path.split("/")
    return any("/".join(parts[:count]) in folders for count in range(1, len(parts) + 1))
