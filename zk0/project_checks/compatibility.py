"""Compatibility with the last version: interface and configuration (`compatibility.*`)."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zk0.core.checks import Part, check
from zk0.core.errors import AssetMissingError, DependencyMissingError
from zk0.core.project import FLOWER_CONFIG, Project, table_of
from zk0.core.verdicts import Finding
from zk0.project_checks.problems import Problem, report_problems
from zk0.project_checks.repository import last_tag, query_git
from zk0.project_checks.sources import packages


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
    folder = src if (src := project.root / "src").is_dir() else project.root
    # The project may be a folder of its repository.
    top = Path(query_git(project, "rev-parse", "--show-toplevel").strip())
    within = folder.relative_to(top).as_posix()
    problems, count = [], 0
    for name in sorted(one for one in packages(project) if (folder / one).is_dir()):
        try:
            old = griffe.load_git(name, ref=reference, repo=project.root, search_paths=[within])
        except (griffe.GitError, ImportError, OSError):
            continue  # the package is newer than the reference
        new = griffe.load(name, search_paths=[str(folder)], allow_inspection=False)
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
    old, new = (table_of(pyproject, *FLOWER_CONFIG) for pyproject in (then, project.pyproject))
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
