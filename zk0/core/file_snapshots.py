"""The files of a project at one moment, each with its mode and the hash of its bytes; and what changed since.

For a proof: unlike `zk0.core.fingerprints`, it believes neither git's index nor a file's time, which can be set, and it
applies no filter of git's. Files that git ignores are left out, so the rules by which it ignores are part of the
snapshot.
"""

import hashlib
import os
import stat
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from zk0.core.errors import ConfigurationError
from zk0.core.receipts import canonical_digest
from zk0.core.trusted import repository_root, run_trusted_git

IGNORE_RULES = ".git/info/exclude"  # git's rules that are no file of the project
NEVER = frozenset({".git", "__pycache__"})  # folders that are not entered, where git does not say what there is


@dataclass(frozen=True)
class FileChange:
    """A file that is not what it was: `added`, `changed`, `deleted`, or `mode` where its bytes are the same."""

    path: str
    how: str

    def __str__(self) -> str:
        return f"{self.how} {self.path}"


@dataclass(frozen=True)
class FileSnapshot:
    """Files by their path relative to the project's root, each with git's mode and the SHA-256 of its bytes."""

    files: Mapping[str, str]

    @cached_property
    def digest(self) -> str:
        """The digest of all of it."""
        return canonical_digest(dict(self.files))

    def changes_since(self, before: "FileSnapshot") -> tuple[FileChange, ...]:
        """Return what changed since an earlier snapshot, by path; a renamed file is deleted and added."""
        paths = sorted(before.files.keys() | self.files.keys())
        changes = ((path, _change(before.files.get(path), self.files.get(path))) for path in paths)
        return tuple(FileChange(path, how) for path, how in changes if how)


def _change(before: str | None, now: str | None) -> str:
    if before == now:
        return ""
    if before is None:
        return "added"
    if now is None:
        return "deleted"
    return "mode" if before.partition(" ")[2] == now.partition(" ")[2] else "changed"


def take_file_snapshot(root: Path, *, without: Collection[str] = ()) -> FileSnapshot:
    """Return a snapshot of the files of a project.

    Args:
        root: the project's root.
        without: folders to leave out, relative to it. No file in them is opened: to close the lock of a run would
            give up this process's hold on it (fcntl(2)).

    Raises:
        DependencyMissingError: it is a repository, and there is no git that can be trusted.
        ConfigurationError: git can't list its files.
    """
    states = {name: file_state(root / name) for name in project_files(root, without=without)}
    return FileSnapshot({**{name: state for name, state in states.items() if state is not None}, **_ignore_rules(root)})


def project_files(root: Path, *, without: Collection[str] = ()) -> Iterator[str]:
    """Yield the files of a project that git does not ignore, and those that it knows and are gone from the disk.

    Args:
        root: the project's root.
        without: folders to leave out, relative to it.

    Raises:
        DependencyMissingError: it is a repository, and there is no git that can be trusted.
        ConfigurationError: git can't list its files.
    """
    own = tuple(f"{folder.strip('/')}/" for folder in without if folder)
    for name in _names(root, own):
        path = root / name
        if path.is_dir() and not path.is_symlink():
            yield from (member.relative_to(root).as_posix() for member in _members(path))
        else:
            yield name


def _names(root: Path, own: tuple[str, ...]) -> Iterator[str]:
    if repository_root(root) is None:
        for path in _members(root, own):
            yield path.relative_to(root).as_posix()
        return
    listed = run_trusted_git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if listed.status:
        raise ConfigurationError(f"git can't list the files of {root}: {listed.reason}", remedy=f"git -C {root} status")
    for name in dict.fromkeys(filter(None, os.fsdecode(listed.stdout).split("\0"))):
        if not name.startswith(own):
            yield name.rstrip("/")


def _members(directory: Path, own: tuple[str, ...] = (), under: str = "") -> Iterator[Path]:
    """Yield what is in a directory at any depth, also in a repository within this one."""
    for path in sorted(directory.iterdir()):
        name = f"{under}{path.name}"
        if path.is_dir() and not path.is_symlink():
            if path.name not in NEVER and not f"{name}/".startswith(own):
                yield from _members(path, own, f"{name}/")
        else:
            yield path


def file_state(path: Path) -> str | None:
    """Return a file's mode and the hash of its bytes; None where there is no file."""
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            return f"120000 {hashlib.sha256(os.fsencode(path.readlink())).hexdigest()}"
        if not stat.S_ISREG(mode):
            return "special"  # a pipe or a device: to read it may never end
        with path.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        return None
    except PermissionError:
        return "unreadable"
    return f"{'100755' if mode & stat.S_IXUSR else '100644'} {content}"


def _ignore_rules(root: Path) -> dict[str, str]:
    """Return the state of git's ignore rules outside of the project's files."""
    if repository_root(root) is None:
        return {}
    asked = run_trusted_git(root, "rev-parse", "--git-path", "info/exclude")
    named = run_trusted_git(root, "config", "--type=path", "--get", "core.excludesFile")
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "git" / "ignore"
    files = (root / asked.out.strip(), Path(named.out.strip()) if named.out.strip() else home)
    text = "\n".join(f"{place}: {file_state(place)}" for place in files)
    return {IGNORE_RULES: f"100644 {hashlib.sha256(text.encode()).hexdigest()}"}
