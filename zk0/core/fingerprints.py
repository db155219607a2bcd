"""The one digest of a project's code, and the files it is made of.

Reuse, receipts, checklists, signatures and the memory bank all use it to tell whether the code has changed.

Files have git's own digests (blob ids), so a commit changes none of them, and git's index is used instead of reading
unchanged files. Outside a repository the directory is walked. Prose is not code: a commit that changes only documents
leaves the digest as it is.
"""

import hashlib
import os
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath

from zk0.core.contents import CLOCK_TICK
from zk0.core.git import read_git

SKIPPED = frozenset({".git", ".nox", ".venv", "venv", "node_modules", "__pycache__", ".mypy_cache", ".ruff_cache"})
PROSE = frozenset({".md", ".rst", ".png", ".svg", ".jpg", ".jpeg", ".gif", ".pdf"})
PROSE_NAMES = frozenset({"LICENSE", "LICENCE", "NOTICE", "AUTHORS", "allowed_signers"})
SUBMODULE = "160000"  # git's mode of one
OTHER = "?"  # git's tag of an untracked file
ALTERED = frozenset("?CR")  # untracked, modified, deleted
# Reports that test runners write into a project's root: results about the code, not code.
REPORTS = frozenset({".coverage", "coverage.json", "coverage.xml", "junit.xml", "report.xml", "test-results.xml"})


@dataclass(frozen=True)
class Tree:
    """Files by their path relative to `root`, with `/`, each with its git blob id.

    `reports` are those that test runners wrote; they are no part of the code. `nested` are folders with a repository of
    their own, such as submodules: of these, a submodule's commit is all that counts.
    """

    root: Path
    files: Mapping[str, str]
    reports: Mapping[str, str] = field(default_factory=dict)
    nested: tuple[str, ...] = ()

    @cached_property
    def code(self) -> str:
        """The digest of everything but prose and pictures: programs, settings, workflows, templates, data."""
        return self._digest(prose=False)

    @property
    def code_files(self) -> dict[str, str]:
        """The files that digest covers: blob ids by path."""
        return {path: blob for path, blob in sorted(self.files.items()) if not is_prose(path)}

    @cached_property
    def documents(self) -> str:
        """The digest of prose and pictures."""
        return self._digest(prose=True)

    def named(self, *suffixes: str) -> list[Path]:
        """Return the files with one of these suffixes, sorted."""
        return [self.root / path for path in sorted(self.files) if PurePosixPath(path).suffix in suffixes]

    def _digest(self, *, prose: bool) -> str:
        total = hashlib.sha256()
        for path, blob in sorted(self.files.items()):
            if is_prose(path) == prose:
                total.update(f"{path}\0{blob}\0".encode(errors="surrogateescape"))
        return total.hexdigest()


def read_digest(tree: Tree, reads: Collection[str]) -> str:
    """Return the digest of the content of some files, and of the names of all; of all content where none are named."""
    if not reads:
        return tree.code
    parts = sorted(tree.code_files), sorted((name, tree.files.get(name)) for name in reads)
    return hashlib.sha256(repr(parts).encode(errors="surrogateescape")).hexdigest()


def relevant(changed: Iterable[str], reads: Collection[str]) -> list[str]:
    """Return those of the changed files that matter to a run that read these."""
    return [name for name in changed if not reads or name in reads]


def is_prose(path: str) -> bool:
    """Whether a file is a document or a picture, not code."""
    name = path.rpartition("/")[2]
    return os.path.splitext(name)[1].lower() in PROSE or name in PROSE_NAMES  # noqa: PTH122  asked of every file


def read_tree(root: Path, *, without: Collection[str] = ()) -> Tree:
    """Return the files of a directory that git tracks or would track; without a repository, all files.

    Args:
        root: the directory.
        without: folders to leave out, relative to it.
    """
    own = tuple(f"{folder.strip('/')}/" for folder in without if folder)
    nested: set[str] = set()
    files = _tracked(root, own, nested)
    if files is None:
        files = {path.relative_to(root).as_posix(): blob_id(path) for path in sorted(_walk(root, root, own))}
    reports = {path: files.pop(path) for path in REPORTS & files.keys()}
    return Tree(root, files, reports, tuple(sorted(nested)))


def _tracked(root: Path, without: tuple[str, ...], nested: set[str]) -> dict[str, str] | None:
    """Return the files that git tracks or would track; None outside of a repository. Adds nested ones to `nested`."""
    options = ("--stage", "--modified", "--deleted", "--others", "--exclude-standard")
    listed = read_git(root, "ls-files", "-t", "-z", *options)
    if listed is None:
        return None
    files: dict[str, str] = {}
    for entry in filter(None, listed.split("\0")):
        tag, facts = entry[0], entry[2:]
        known, _, path = ("", "", facts) if tag == OTHER else facts.partition("\t")
        if path.startswith(without):
            continue
        mode, _, rest = known.partition(" ")
        if tag not in ALTERED:
            files[path] = rest.partition(" ")[0]  # of a submodule, its commit
        if mode == SUBMODULE or path.endswith("/"):
            nested.add(path.rstrip("/"))
        elif tag in ALTERED:
            _read_altered(root, path, files)
    return files


def _read_altered(root: Path, path: str, files: dict[str, str]) -> None:
    """Take the file as it is: git lists one that is untracked, modified or deleted after those of its index."""
    whole = root / path
    if whole.is_symlink() or whole.is_file():
        files[path] = blob_id(whole)
    elif not whole.is_dir():
        files.pop(path, None)


def blob_id(path: Path) -> str:
    """Return the id git gives this content: the SHA-1 of a header and the bytes.

    Cached by times, size and inode, since every reusable step asks for all files.
    """
    known = path.lstat()
    # A file written a moment ago may be written again without a new modification time.
    is_fresh = time.time() - known.st_mtime < CLOCK_TICK
    return (
        _blob_id(path)
        if is_fresh
        else _kept_blob_id(path, known.st_mtime_ns, known.st_ctime_ns, known.st_size, known.st_ino)
    )


def _blob_id(path: Path) -> str:
    content = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@lru_cache(maxsize=20_000)
def _kept_blob_id(path: Path, _changed: int, _touched: int, _size: int, _inode: int) -> str:
    return _blob_id(path)


def _walk(directory: Path, root: Path, without: tuple[str, ...]) -> Iterator[Path]:
    for path in directory.iterdir():
        if path.is_dir() and not path.is_symlink():
            is_own = f"{path.relative_to(root).as_posix()}/".startswith(without)
            if not is_own and path.name not in SKIPPED and not (path / ".git").exists():
                yield from _walk(path, root, without)
        elif path.is_file() or path.is_symlink():
            yield path
