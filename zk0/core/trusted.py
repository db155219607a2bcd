"""What a proof rests on: programs that nobody replaces by way of the project, and files of a commit, verified.

A commit's id is a hash of all that is in it. `read_committed` follows the ids from the commit to the file and hashes
each object itself, so that no replacement (`git replace`), graft, alternate object store, environment variable or
overwritten object can put another file in its place.
"""

import hashlib
import os
import re
import shutil
import stat
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from zk0.core.errors import DependencyMissingError
from zk0.core.process import Completed, run_program

# Where systems and package managers install programs; looked into before PATH, which anybody may have set.
SYSTEM_PATH = ("/usr/bin", "/bin", "/usr/local/bin", "/opt/homebrew/bin", "/run/current-system/sw/bin")
# Of the environment, a trusted program gets these alone; others, such as GIT_DIR or LD_PRELOAD, would redirect it.
KEPT_VARIABLES = ("HOME", "TMPDIR", "SSH_AUTH_SOCK", "TERM", "DISPLAY", "WAYLAND_DISPLAY")
GIT_VARIABLES = {"GIT_NO_REPLACE_OBJECTS": "1", "GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0"}
# Settings of a repository by which git would run a program, or overlook a file.
GIT_SETTINGS = ("core.fsmonitor=false", "core.untrackedCache=false", "core.ignoreCase=false")
OBJECT_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
HASHES = {40: "sha1", 64: "sha256"}  # by the length of an id
FOLDER_MODE, FILE_MODES = "40000", ("100644", "100755")


@lru_cache(maxsize=16)
def trusted_program(name: str, project: Path) -> Path:
    """Return the absolute path of a program, from a place that nobody writes to by way of the project.

    Args:
        name: the program's name.
        project: the root of the project.

    Raises:
        DependencyMissingError: there is none, or only one that anybody could have put there.
    """
    refused = []
    for directory in (*map(Path, SYSTEM_PATH), *_search_path()):
        found = shutil.which(name, path=str(directory)) if directory.is_dir() else None
        if found is None:
            continue
        path = Path(found)
        if problem := _distrust(path, project):
            refused.append(f"{path} {problem}")
        else:
            return path
    if refused:
        raise DependencyMissingError(
            f"{name} can't be trusted: {'; '.join(refused)}", remedy=f"install {name} in a directory of the system"
        )
    raise DependencyMissingError(f"{name} is not installed", remedy=f"install {name}")


def _search_path() -> Iterator[Path]:
    for entry in os.environ.get("PATH", "").split(os.pathsep):
        if Path(entry).is_absolute():
            yield Path(entry)


def _distrust(path: Path, project: Path) -> str:
    """Return why a program is not trusted; empty if it is."""
    real, inside = path.resolve(), repository_root(project) or project.resolve()
    folders = {real.parent, path.parent.resolve()}
    if any(place.is_relative_to(inside) for place in (real, *folders)):
        return "is inside of the project"
    for place in (real, *folders, *real.parents):
        mode = place.stat().st_mode
        # In a sticky directory, such as /tmp, everybody may add names and nobody may replace another's.
        if mode & stat.S_IWOTH and (place in (real, *folders) or not mode & stat.S_ISVTX):
            return f"can be replaced by everybody, who may write to {place}"
    return ""


def trusted_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a trusted program."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return {**kept, "PATH": os.pathsep.join(SYSTEM_PATH), "LC_ALL": "C", **(more or {})}


def run_trusted(name: str, *arguments: str, project: Path, stdin: bytes = b"") -> Completed:
    """Run a trusted program in the project's root.

    Raises:
        DependencyMissingError: there is no such program that can be trusted.
        CommandError: it did not end in time.
    """
    program = trusted_program(name, project)
    return run_program(str(program), *arguments, cwd=project, env=trusted_environment(), alone=True, stdin=stdin)


def run_trusted_git(project: Path, *arguments: str) -> Completed:
    """Run git on the repository that the project is in, whatever the environment names.

    Raises:
        DependencyMissingError: there is no git that can be trusted.
        CommandError: it did not end in time.
    """
    program = trusted_program("git", project)
    top = repository_root(project) or project
    settings = (word for setting in GIT_SETTINGS for word in ("-c", setting))
    options = ("--no-replace-objects", f"--git-dir={top / '.git'}", f"--work-tree={top}", *settings)
    environment = trusted_environment(GIT_VARIABLES)
    return run_program(str(program), *options, *arguments, cwd=project, env=environment, alone=True)


def repository_root(project: Path) -> Path | None:
    """Return the directory of the repository that a project is in; None where there is none."""
    root = project.resolve()
    return next((place for place in (root, *root.parents) if (place / ".git").exists()), None)


def read_committed(project: Path, commit: str, name: str) -> bytes | None:
    """Return a file of the project as it is in a commit; None where the commit or the file is not there.

    Args:
        project: the root of the project.
        commit: the whole id.
        name: the file's path, relative to the root.

    Raises:
        DependencyMissingError: there is no git that can be trusted.
    """
    top = repository_root(project)
    if top is None or not OBJECT_ID.fullmatch(commit):
        return None
    content = _object(project, "commit", commit)
    entry = re.match(rb"tree ([0-9a-f]+)\n", content or b"")
    if entry is None:
        return None
    found, mode = entry[1].decode(), FOLDER_MODE
    for part in (project.resolve() / name).relative_to(top).parts:
        tree = _object(project, "tree", found) if mode == FOLDER_MODE else None
        entries = dict(_entries(tree, len(found) // 2)) if tree is not None else {}
        if part not in entries:
            return None
        mode, found = entries[part]
    return _object(project, "blob", found) if mode in FILE_MODES else None


def _object(project: Path, kind: str, name: str) -> bytes | None:
    """Return an object of the repository if its content has the hash that is its name."""
    read = run_trusted_git(project, "cat-file", kind, name)
    if read.status:
        return None
    header = b"%s %d\0" % (kind.encode(), len(read.stdout))
    return read.stdout if hashlib.new(HASHES[len(name)], header + read.stdout).hexdigest() == name else None


def _entries(tree: bytes, length: int) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield the names in a tree object, each with mode and id (gitformat-pack(5): `mode name NUL id`)."""
    while tree:
        head, _, rest = tree.partition(b"\0")
        mode, _, name = head.partition(b" ")
        yield os.fsdecode(name), (mode.decode(), rest[:length].hex())
        tree = rest[length:]
