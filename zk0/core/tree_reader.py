"""Reads the files of a project again only where something changed since the last time.

Git lists the files once, which takes two processes. From then on the times, sizes and inodes of the files, of the
folders that may get new ones and of git's own index say whether to ask again. A file that was written a moment ago is
hashed again, since it may change without a new time; a folder that was, makes git list all files again.
"""

import os
import time
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from zk0.core.contents import CLOCK_TICK
from zk0.core.fingerprints import SKIPPED, Tree, blob_id, read_tree
from zk0.core.git import read_git

GIT_FILES = ("index", "info/exclude")

type Mark = tuple[int, int, int, int, int]


class TreeReader:
    """Reads the tree of one directory.

    Args:
        root: the directory.
        without: folders to leave out, relative to it.
    """

    def __init__(self, root: Path, without: tuple[str, ...]) -> None:
        self.root = root
        self.without = without
        self._own = {os.fspath(root / folder.strip("/")) for folder in without if folder}
        self._tree: Tree | None = None
        self._marks: dict[str, Mark | None] = {}
        self._fresh: dict[str, str] = {}  # files written a moment ago, with their blob ids

    def read(self) -> Tree:
        """Return the files as they are now; the same object if nothing changed."""
        if self._tree is None or not self._is_current():
            began = time.time()
            found = read_tree(self.root, without=self.without)
            if found != self._tree:
                self._tree = found
            self._mark(found, began - CLOCK_TICK)
        return self._tree or found

    def _is_current(self) -> bool:
        """Return whether nothing changed since the tree was read."""
        if any(_mark_of(path) != mark for path, mark in self._marks.items()):
            return False
        return all(blob_id(Path(path)) == blob for path, blob in self._fresh.items())

    def _mark(self, tree: Tree, since: float) -> None:
        """Remember how the files and folders look; what was written after `since` (seconds) is distrusted."""
        known = {**tree.files, **tree.reports}
        nested = {os.fspath(self.root / name) for name in tree.nested}
        paths = {os.fspath(self.root / name): blob for name, blob in known.items()}
        folders = list(self._folders(paths, nested))
        self._marks = {path: _mark_of(path) for path in (*paths, *folders, *self._git_files)}
        fresh = [path for path, mark in self._marks.items() if mark and max(mark[0], mark[1]) >= since * 1e9]
        self._fresh = {path: paths[path] for path in fresh if path in paths and path not in nested}
        if len(self._fresh) < len(fresh):  # a folder, too: an entry may come without a new time
            self._marks[""] = (0, 0, 0, 0, 0)  # equals nothing, so the next reading asks git

    def _folders(self, files: dict[str, str], nested: set[str]) -> Iterator[str]:
        """Yield the folders that may get a new file of the project: not zk0's own, nor those that git ignores."""
        root = os.fspath(self.root)
        with_files = {root}
        for path in files:
            above = path.rpartition("/")[0]
            while above not in with_files:
                with_files.add(above)
                above = above.rpartition("/")[0]
        ignored: set[str] | None = None
        left = [root]
        while left:
            folder = left.pop()
            yield folder
            for path in self._inner_folders(folder, nested):
                if path not in with_files:
                    ignored = self._ignored() if ignored is None else ignored
                    if path in ignored:
                        continue
                left.append(path)

    def _inner_folders(self, folder: str, nested: set[str]) -> Iterator[str]:
        with os.scandir(folder) as entries:
            for entry in entries:
                is_left_out = entry.name in SKIPPED or entry.path in self._own or entry.path in nested
                if entry.is_dir(follow_symlinks=False) and not is_left_out:
                    yield entry.path

    def _ignored(self) -> set[str]:
        listed = (
            read_git(self.root, "ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z") or ""
        )
        return {os.fspath(self.root / name.rstrip("/")) for name in listed.split("\0") if name.endswith("/")}

    @cached_property
    def _git_files(self) -> list[str]:
        found = read_git(self.root, "rev-parse", *(part for name in GIT_FILES for part in ("--git-path", name)))
        return [os.fspath(self.root / name) for name in (found or "").splitlines()]


def _mark_of(path: str) -> Mark | None:
    """Return what changes when a file or folder does; None if it is not there."""
    try:
        state = os.lstat(path)
    except OSError:
        return None
    return state.st_mtime_ns, state.st_ctime_ns, state.st_size, state.st_ino, state.st_mode
