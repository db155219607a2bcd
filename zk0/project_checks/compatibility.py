"""Compatibility with the last version: interface and configuration (`compatibility.*`)."""

import tarfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from zk0.core.checks import Part, check
from zk0.core.errors import AssetMissingError, DependencyMissingError
from zk0.core.project import FLOWER_CONFIG, Project, table_of
from zk0.core.verdicts import Finding
from zk0.federation.own_app.declaration import flat
from zk0.project_checks.problems import Problem, report_problems
from zk0.project_checks.repository import last_tag, query_git
from zk0.project_checks.sources import packages, source_root


@check("compatibility.api", reads=(Part.code, Part.history, Part.environment), timeout=55)
def api(project: Project, *, against: str = "") -> Iterator[Finding]:
    """No change since the last tag breaks the public interface (griffe)."""
    reference = _reference(project, against)
    try:
        import griffe
    except ImportError as error:
        raise DependencyMissingError(
            "griffe, which compares interfaces, is missing", remedy="pip install griffe"
        ) from error
    folder = source_root(project.root)
    problems, count = [], 0
    with TemporaryDirectory() as scratch:
        then = source_root(_unpacked(project, reference, Path(scratch)))
        for name in sorted(one for one in packages(project) if (folder / one).is_dir()):
            if not (then / name).is_dir():
                continue  # the package is newer than the reference
            old, new = (_load(griffe, name, at) for at in (then, folder))
            count += 1
            problems += [_breakage(one, project) for one in griffe.find_breaking_changes(old, new)]
    if not count:
        raise AssetMissingError(f"{reference} has no package of the project")
    remedy = "keep the old way too, or raise the major version and say so"
    return report_problems(problems, f"nothing public broke since {reference}", remedy=remedy)


@check("compatibility.configuration", reads=(Part.code, Part.history))
def configuration(project: Project, *, against: str = "") -> Iterator[Finding]:
    """A run configuration written for the last tag is still valid: no key is gone or has another type."""
    reference = _reference(project, against)
    then = tomllib.loads(query_git(project, "show", f"{reference}:./pyproject.toml"))
    old, new = (dict(flat(table_of(pyproject, *FLOWER_CONFIG))) for pyproject in (then, project.pyproject))
    if not old:
        raise AssetMissingError(f"pyproject.toml of {reference} has no [tool.flwr.app.config]")
    problems = [Problem("pyproject.toml", f"{key} is gone since {reference}") for key in old if key not in new]
    problems += [
        Problem("pyproject.toml", f"{key} was {old[key]!r} and is {new[key]!r}, of another type")
        for key in old
        if key in new and not _same_type(old[key], new[key])
    ]
    good = f"all {len(old)} keys of {reference} are there"
    return report_problems(problems, good, remedy="accept the old key too")


def _load(griffe: Any, name: str, folder: Path) -> Any:
    """Return a package as griffe reads it; by itself it would take one of the working directory first."""
    return griffe.load(name, search_paths=[folder], allow_inspection=False, try_relative_path=False)


def _unpacked(project: Project, reference: str, scratch: Path) -> Path:
    """Return a folder with the project as it was; griffe's own way makes branches and worktrees in the repository."""
    archive, folder = scratch / "then.tar", scratch / "then"
    query_git(project, "archive", f"--output={archive}", reference)  # of this folder, which may be one of a repository
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return folder


def _reference(project: Project, against: str) -> str:
    if reference := against or last_tag(project):
        here = query_git(project, "rev-parse", "HEAD").strip()
        if query_git(project, "rev-parse", f"{reference}^{{commit}}").strip() != here:
            return reference
        raise AssetMissingError(f"{reference} is this commit: nothing has changed since")
    raise AssetMissingError("no earlier version is tagged", remedy="git tag v0.1.0")


def _breakage(one: Any, project: Project) -> Problem:
    file = Path(one.obj.filepath)
    name = file.relative_to(project.root).as_posix() if file.is_relative_to(project.root) else one.obj.path
    line = f":{one.obj.lineno}" if one.obj.lineno else ""
    return Problem(f"{name}{line}", f"{one.obj.path}: {one.kind.value}")


def _same_type(old: object, new: object) -> bool:
    # Flower accepts integers and floats for each other.
    numbers = (int, float)
    both = all(isinstance(one, numbers) and not isinstance(one, bool) for one in (old, new))
    return both or type(old) is type(new)
