"""Repairs of a project's code on a branch of their own: committed when proven, undone without losing the changes.

    repair = begin(project, name)     # refuses a dirty tree; the branch zk0/NAME is checked out
    …                                 # an agent or a person changes files
    commit(project, repair, message)  # what was changed is one commit on the branch
    undo(project, repair, patch)      # or: the changes go into a patch file and the tree is restored

The memory bank is not part of a repair: undoing one keeps what was learned.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import git

from zk0.core.errors import RepairError
from zk0.core.git import open_repository
from zk0.core.pages import join_first
from zk0.core.project import Project

PREFIX = "zk0"
NAMED = 5  # files named in a message


@dataclass(frozen=True)
class Repair:
    """A repair branch; `origin` is the branch or commit it started from, `base` the commit."""

    branch: str
    origin: str
    base: str


def begin(project: Project, name: str) -> Repair:
    """Check out a new branch for a repair.

    Raises:
        RepairError: no repository or commit, uncommitted changes, or the branch exists.
    """
    with _repository(project) as repository:
        if changed := _changed(repository, project):
            raise RepairError(
                f"{len(changed)} files have uncommitted changes: {join_first(changed, NAMED)}",
                remedy="commit them or git stash them, so that they don't mix with the repair",
            )
        branch = f"{PREFIX}/{name}"
        if branch in {head.name for head in repository.heads}:
            raise RepairError(
                f"branch {branch} already exists", remedy=f"git branch -D {branch}, if it is no longer needed"
            )
        head = repository.head
        origin = head.commit.hexsha if head.is_detached else repository.active_branch.name
        repair = Repair(branch, origin, head.commit.hexsha)
        repository.git.switch("--create", branch)
        return repair


def commit(project: Project, repair: Repair, message: str) -> tuple[str, list[str]]:
    """Commit all changes and return the commit and its files; the branch stays checked out.

    Raises:
        RepairError: the branch is not checked out, nothing has changed, or git refuses the commit.
    """
    with _repository(project) as repository:
        _on_branch(repository, repair)
        changed = _changed(repository, project)
        if changed:
            repository.git.add("--all", "--", *changed)
            try:
                repository.git.commit("--message", message, "--", *changed)
            except git.GitCommandError as error:
                raise RepairError(
                    f"git refuses the commit: {_reason(error)}", remedy="fix that, then zk0 resume"
                ) from error
        files = repository.git.diff("--name-only", "-z", repair.base, "HEAD").strip("\0")
        if not files:
            raise RepairError("nothing was changed", remedy="make the change, then zk0 resume")
        return repository.head.commit.hexsha, files.split("\0")


def undo(project: Project, repair: Repair, patch: Path) -> list[str]:
    """Write the changes into a patch file, restore the tree, and return the changed files.

    Checks out the origin; deletes the branch unless it has commits. `git apply PATCH` brings the changes back.

    Raises:
        RepairError: the branch is not checked out.
    """
    with _repository(project) as repository:
        _on_branch(repository, repair)
        untracked = [name for name in _changed(repository, project) if name in set(repository.untracked_files)]
        if untracked:
            repository.git.add("--intent-to-add", "--", *untracked)  # so that the diff has them
        scope = _scope(repository, project)
        # As bytes: files may have any encoding.
        difference = repository.git.diff(
            "--binary", repair.base, "--", *scope, stdout_as_string=False, strip_newline_in_stdout=False
        )
        names = repository.git.diff("--name-only", "-z", repair.base, "--", *scope)
        files = [name for name in names.split("\0") if name]
        patch.write_bytes(difference)
        if files:
            known = set(repository.git.ls_tree("-r", "--name-only", "-z", repair.base).split("\0"))
            restored, new = ([name for name in files if (name in known) is kept] for kept in (True, False))
            if restored:
                repository.git.checkout(repair.base, "--", *restored)
            if new:
                repository.git.rm("--force", "--quiet", "--", *new)
        repository.git.switch(*(["--detach"] if repair.origin == repair.base else []), repair.origin)
        if repository.heads[repair.branch].commit.hexsha == repair.base:
            repository.git.branch("--delete", repair.branch)
        return files


@contextmanager
def _repository(project: Project) -> Iterator[git.Repo]:
    with open_repository(project.root) as repository:
        if repository is None:
            raise RepairError(f"{project.root} is not in a git repository", remedy="git init, then commit")
        if not repository.head.is_valid():
            raise RepairError("the repository has no commit", remedy="git commit, so that the repair can be undone")
        yield repository


def _scope(repository: git.Repo, project: Project) -> list[str]:
    """Return the git pathspecs of the whole tree without the memory bank."""
    top = Path(str(repository.working_tree_dir))
    memory = project.memory_dir
    own = [f":(top,exclude){memory.relative_to(top).as_posix()}"] if memory.is_relative_to(top) else []
    return [":/", *own]


def _changed(repository: git.Repo, project: Project) -> list[str]:
    """Return the files that differ from the last commit, including new ones, relative to the repository."""
    lines = repository.git.status(
        "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", *_scope(repository, project)
    ).split("\0")
    return [line[3:] for line in lines if line]


def _on_branch(repository: git.Repo, repair: Repair) -> None:
    found = "a detached commit" if repository.head.is_detached else repository.active_branch.name
    if found != repair.branch:
        raise RepairError(
            f"the repair is on branch {repair.branch}, but {found} is checked out",
            remedy=f"git switch {repair.branch}",
        )


def _reason(error: git.GitCommandError) -> str:
    text = f"{error.stderr} {error.stdout}".replace("stderr:", "").replace("stdout:", "")
    return " ".join(text.replace("'", " ").split())
