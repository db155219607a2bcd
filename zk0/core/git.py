"""Call git: GitPython for a repository's state and for changes to it, the git program for quick reads.

Importing GitPython takes longer than `zk0 prime` may take in total, so it is imported on use.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from zk0.core.errors import ConfigurationError, DependencyMissingError
from zk0.core.process import Completed, run_program

if TYPE_CHECKING:
    import git

SECONDS = 20.0  # for one command; the slowest here reads a whole history


class GitState(BaseModel):
    """What git says of the working tree; every field is None outside a repository.

    `changes` is a digest over the uncommitted difference and the names of untracked files, None where the tree is
    clean: two dirty trees with the same digest hold the same tracked code. `tree` is the digest of the code itself,
    whatever is committed of it; records written before there was one have None, and are still the same records.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    commit: str | None = None
    branch: str | None = None
    dirty: bool | None = None
    changes: str | None = None
    tree: str | None = Field(None, exclude_if=lambda tree: tree is None)


def run_git(root: Path, *arguments: str, seconds: float = SECONDS) -> Completed:
    """Run git in a directory.

    Raises:
        DependencyMissingError: there is no git.
        CommandError: it did not end in time.
    """
    return run_program("git", *arguments, cwd=root, seconds=seconds, remedy="install git")


def ignore_directory(directory: Path) -> None:
    """Make a directory, with a `.gitignore` in it that keeps all of it out of git."""
    directory.mkdir(parents=True, exist_ok=True)
    ignore = directory / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")


def read_git(root: Path, *arguments: str) -> str | None:
    """Return what git prints; None where it refuses, or where there is no git."""
    try:
        ended = run_git(root, *arguments)
    except (DependencyMissingError, OSError):  # no git, or no such directory
        return None
    return None if ended.status else ended.stdout.decode(errors="surrogateescape")


@contextmanager
def open_repository(root: Path) -> Iterator["git.Repo | None"]:
    """Open the repository that a directory is in; None where there is none, or no git.

    Raises:
        ConfigurationError: there is one, and git refuses to read it.
    """
    try:
        import git
    except ImportError:  # raised by GitPython where there is no git program
        yield None
        return
    try:
        repository = git.Repo(root, search_parent_directories=True)
    except (git.InvalidGitRepositoryError, git.NoSuchPathError):
        yield None
        return
    try:
        with repository:
            yield repository
    except git.GitCommandError as error:
        raise _refusal(root, str(error.stderr).strip().removeprefix("stderr: ").strip("'\n ")) from error


def read_state(root: Path, memory: Path, tree: Callable[[], str]) -> GitState:
    """Return commit, branch and uncommitted changes of the repository a directory is in.

    Args:
        root: the directory.
        memory: the memory bank, whose changes do not count: what zk0 learns is not the code.
        tree: returns the digest of the code, to be kept with the state.

    Raises:
        ConfigurationError: there is a repository, and git refuses to read it.
    """
    # The git program, since every run begins with this, and importing GitPython takes longer than all of it.
    if not any((directory / ".git").exists() for directory in (root, *root.resolve().parents)):
        return GitState()
    try:
        prefix = _ask_git(root, "rev-parse", "--show-prefix")
    except DependencyMissingError:
        return GitState()
    commit = read_git(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if commit is None:
        return GitState(branch=None, dirty=True)
    own = f"{prefix}{memory.relative_to(root).as_posix()}" if memory.is_relative_to(root) else None
    scope = [":/"] if own is None else [":/", f":(top,exclude){own}"]
    difference = _ask_git(root, "diff", "HEAD", "--binary", "--", *scope)
    names = _ask_git(root, "ls-files", "--others", "--exclude-standard", "--full-name", "-z", "--", ":/").split("\0")
    untracked = "\n".join(sorted(name for name in names if name and not (own and name.startswith(f"{own}/"))))
    dirty = bool(difference or untracked)
    digest = hashlib.sha256(f"{difference}\0{untracked}".encode(errors="surrogateescape")).hexdigest()
    return GitState(
        commit=commit.strip(),
        branch=(read_git(root, "symbolic-ref", "--quiet", "--short", "HEAD") or "").removesuffix("\n") or None,
        dirty=dirty,
        changes=digest[:16] if dirty else None,
        tree=tree(),
    )


def _ask_git(root: Path, *arguments: str) -> str:
    """Return what git prints, without its last line break.

    Raises:
        ConfigurationError: it refuses.
        DependencyMissingError: there is no git.
    """
    ended = run_git(root, *arguments)
    if ended.status:
        raise _refusal(root, ended.err)
    return ended.stdout.decode(errors="surrogateescape").removesuffix("\n")


def _refusal(root: Path, said: str) -> ConfigurationError:
    return ConfigurationError(
        f"git can't read {root}: {said.strip().partition('\n')[0]}",
        remedy=f"git config --global --add safe.directory {root}",
    )


def read_references(root: Path) -> list[str]:
    """Return the tags and branches of the repository a directory is in, each with the commit it points to."""
    with open_repository(root) as repository:
        if repository is None:
            return []
        try:
            return sorted(f"{reference.path} {reference.object.hexsha}" for reference in repository.refs)
        except ValueError:  # a reference that points to nothing
            return []
