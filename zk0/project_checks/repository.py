"""The git repository: uncommitted changes, conflicts, large files, and a copy elsewhere (`repository.*`)."""

import re
from collections.abc import Iterator
from pathlib import Path

from zk0.core.checks import Findings, Part, check
from zk0.core.errors import AssetMissingError, CommandError, MissingError
from zk0.core.git import run_git
from zk0.core.project import Project
from zk0.core.verdicts import Finding, failed, not_applicable, not_available, passed, warned
from zk0.project_checks.problems import Problem, report_problems

MIB = 1024**2
# https://host/…, ssh://user@host/…, user@host:path; not a path, and not file://.
REMOTE = re.compile(r"(?:(?:https?|ssh|git)://(?:[^@/]*@)?(?P<url>[^/:]+)|(?:[\w.-]+@)?(?P<scp>[\w.-]+):(?!//))")
HERE = ("localhost", "::1", "[::1]", "0.0.0.0")  # noqa: S104  a name of this machine
SOURCES = (Part.code, Part.documents, Part.history, Part.memory)


@check("repository.inside-project", reads=SOURCES, aliases={"git.inside-project": {}})
def inside(project: Project) -> Findings:
    """No uncommitted change of the repository lies outside the project's directory."""
    try:
        problems = [Problem(path, "is changed, and lies outside the project") for path in changed_outside(project)]
    except MissingError as error:
        return not_applicable(error.message)
    good = "all changes lie inside the project"
    return report_problems(problems, good, remedy="commit or undo them first", doubtful=True)


@check("repository.committed", reads=SOURCES)
def committed(project: Project) -> Iterator[Finding]:
    """Everything is committed."""
    problems = [Problem(path, "not committed") for path in changed(project)]
    return report_problems(problems, "nothing is uncommitted", remedy="git commit", doubtful=True)


@check("repository.conflicts", reads=(Part.code, Part.documents, Part.history))
def no_conflicts(project: Project) -> Iterator[Finding]:
    """No file has the marks of a merge that was not finished."""
    query_git(project, "rev-parse", "--git-dir")
    ended = run_git(project.root, "grep", "-n", "-I", "-E", "^(<{7} |>{7} |\\|{7} )", "--", ".")
    if ended.status > 1:
        raise CommandError(f"git grep failed: {ended.err.strip()}")
    lines = [line.split(":", 2) for line in ended.out.splitlines()]
    problems = [Problem(f"{path}:{number}", "holds the mark of a conflict") for path, number, _ in lines]
    unmerged = query_git(project, "diff", "--name-only", "--diff-filter=U", "-z").split("\0")
    problems += [Problem(path, "is not merged") for path in unmerged if path]
    return report_problems(problems, "no conflict is left", remedy="finish the merge")


@check("repository.large-files", reads=(Part.code, Part.documents, Part.history))
def no_large_files(project: Project, *, mib: float = 5) -> Iterator[Finding]:
    """No large file, such as a data set or weights, is in the repository."""
    tracked = [line for line in query_git(project, "ls-files", "-z").split("\0") if line]
    sizes = {name: (project.root / name).stat().st_size for name in tracked if (project.root / name).is_file()}
    problems = [
        Problem(name, f"has {size / MIB:.1f} MiB, at most {mib:g} are wanted")
        for name, size in sizes.items()
        if size > mib * MIB
    ]
    largest = max(sizes.values(), default=0)
    good = f"{len(sizes)} files, the largest {largest / MIB:.2f} MiB"
    return report_problems(problems, good, remedy="git rm --cached, and keep it on a hub or a disk")


@check("repository.copy", reads=(Part.history, Part.code, Part.machine))
def copied(project: Project) -> Finding:
    """A remote on another machine, asked now, has the last commit in a branch."""
    remotes = query_git(project, "remote").split()
    if not remotes:
        return failed("the repository has no remote: this is its only copy", remedy="git remote add origin URL")
    urls = {name: query_git(project, "ls-remote", "--get-url", name).strip() for name in remotes}
    away = {name: url for name, url in urls.items() if is_elsewhere(url)}
    if not away:
        name, url = next(iter(urls.items()))
        return failed(f"{name} is {url}, on this machine: it is lost with it", remedy="git remote add backup URL")
    for name in away:
        heads = list_remote(project, name)
        if heads is None:
            continue
        for commit, branch in heads:
            if not run_git(project.root, "merge-base", "--is-ancestor", "HEAD", commit).status:
                return passed(f"{branch} of {name} has the last commit")
        return warned(f"the last commit is in no branch of {name}", remedy="git push")
    return not_available(f"{', '.join(away)} did not answer: git ls-remote")


def is_elsewhere(url: str) -> bool:
    """Return whether the URL of a remote names another machine."""
    match = REMOTE.match(url)
    host = ((match["url"] or match["scp"]) if match else "").lower()
    return host not in ("", "file", *HERE) and not host.startswith("127.")


def list_remote(project: Project, name: str) -> list[tuple[str, str]] | None:
    """Return commit and name of the branches that a remote says it has; None where it does not answer."""
    try:
        ended = run_git(project.root, "-c", "credential.interactive=false", "ls-remote", "--heads", name)
    except CommandError:
        return None
    lines = [line.split("\t") for line in ended.out.splitlines()]
    return None if ended.status else [(commit, branch.removeprefix("refs/heads/")) for commit, branch in lines]


def query_git(project: Project, *arguments: str) -> str:
    """Run git in the project and return its output.

    Raises:
        AssetMissingError: git refuses: the project is not in a repository, or something is not in it.
    """
    ended = run_git(project.root, *arguments)
    if ended.status:
        raise AssetMissingError(f"git refuses: {ended.reason}", remedy="git init && git commit")
    return ended.out


def changed(project: Project) -> list[str]:
    """Return the paths of uncommitted files, relative to the repository's top."""
    # All untracked files, for an untracked folder may hold the project itself.
    out = query_git(project, "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all")
    return [line[3:] for line in out.split("\0") if line]


def changed_outside(project: Project) -> list[str]:
    """Return those that lie outside the project's directory, sorted."""
    top = Path(query_git(project, "rev-parse", "--show-toplevel").strip())
    return sorted(path for path in changed(project) if not (top / path).is_relative_to(project.root))


def last_tag(project: Project) -> str | None:
    """Return the newest tag of a version before or at the last commit; None where there is none."""
    ended = run_git(project.root, "describe", "--tags", "--abbrev=0", "--match=v[0-9]*", "--match=[0-9]*")
    return None if ended.status else ended.out.strip()
