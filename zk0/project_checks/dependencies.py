"""Dependencies: declared, installed in versions that are allowed, pinned, and under licences that allow their use."""

import ast
import platform
import re
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name

from zk0.core.checks import Part, check
from zk0.core.errors import AssetMissingError
from zk0.core.project import Project
from zk0.core.verdicts import Evidence, Finding, failed, not_available, passed
from zk0.project_checks.problems import Problem, report_problems
from zk0.project_checks.sources import library, packages

LOCKS = ("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "constraints.txt", "requirements.lock")
PIN = re.compile(r"^(?P<name>[A-Za-z0-9][\w.-]*)(?:\[.*\])?\s*==\s*(?P<version>[^\s;]+)", re.MULTILINE)
# Licences whose terms reach the work that uses them; a work under Apache-2.0 can't meet those of the first two.
STRONG = re.compile(r"(?<!L)(?<!LESSER )\bA?GPL|AFFERO|GENERAL PUBLIC LICENSE", re.IGNORECASE)
LESSER = re.compile(r"LGPL|LESSER", re.IGNORECASE)
PYPROJECT = (Part.code, Part.environment)


@check("dependencies.python", reads=PYPROJECT)
def python_fits(project: Project) -> Iterator[Finding]:
    """The Python that runs is one that the project allows."""
    wanted = str(_table(project).get("requires-python", ""))
    running = platform.python_version()
    evidence = [Evidence(name="python", value=running, at=sys.executable)]
    if not wanted:
        yield not_available("pyproject.toml has no requires-python to compare with")
    elif SpecifierSet(wanted).contains(running, prereleases=True):
        yield passed(f"Python {running}, {wanted} is allowed", evidence=evidence)
    else:
        yield failed(f"Python {running}; {wanted} is allowed", evidence=evidence, remedy="uv venv --python …")


@check("dependencies.installed", reads=PYPROJECT)
def installed(project: Project) -> Iterator[Finding]:
    """Every package that the project needs is installed, in a version that it allows."""
    versions, missing, unfit = compared(declared(project))
    told = [f"{need.name} is missing" for need in missing]
    told += [f"{need.name} is {versions[need.name]}, {need.specifier} is allowed" for need in unfit]
    problems = [Problem("pyproject.toml", text) for text in told]
    evidence = [Evidence(name=name, value=version) for name, version in versions.items()]
    good = f"{len(versions)} packages in versions that are allowed"
    yield from report_problems(problems, good=good, remedy="pip install -e .", evidence=evidence)


@check("dependencies.declared", reads=PYPROJECT)
def all_declared(project: Project) -> Iterator[Finding]:
    """Every package that the code imports is declared in pyproject.toml."""
    known = {canonicalize_name(need.name) for need in declared(project, optional=True)}
    known |= {part for name in tuple(known) for part in _parts_of(name)}
    own = packages(project) | {canonicalize_name(project.name)}
    providers = packages_distributions()
    problems, imported = [], set()
    for module in library(project):
        for at, name in _imports(module.tree):
            if name in sys.stdlib_module_names or name in own or name == "__future__":
                continue
            imported.add(name)
            names = {canonicalize_name(provider) for provider in providers.get(name, [name])}
            if not names & known:
                problems.append(Problem(f"{module.name}:{at}", f"imports {name}, which nothing declares"))
    good = f"{len(imported)} imported packages are declared"
    yield from report_problems(problems, good=good, remedy="add it to [project] dependencies")


@check("dependencies.pinned", reads=PYPROJECT)
def pinned(project: Project) -> Iterator[Finding]:
    """The version of every dependency is pinned in a lock or constraints file, and those are what is installed."""
    files = [project.root / name for name in LOCKS if (project.root / name).is_file()]
    if not files:
        yield failed("nothing pins the versions", remedy="uv pip compile pyproject.toml -o constraints.txt")
        return
    text = files[0].read_text(encoding="utf-8")
    pins = {canonicalize_name(match["name"]): match["version"] for match in PIN.finditer(text)}
    if not pins:  # TOML of uv, poetry and pdm
        pairs = re.findall(r'^name = "([^"]+)"\nversion = "([^"]+)"', text, re.MULTILINE)
        pins = {canonicalize_name(name): version for name, version in pairs}
    problems = []
    for need in declared(project):
        name = canonicalize_name(need.name)
        if name not in pins:
            problems.append(Problem(files[0].name, f"does not pin {need.name}"))
        elif (there := _version(need.name)) and there.partition("+")[0] != pins[name].partition("+")[0]:
            problems.append(Problem(files[0].name, f"pins {need.name} {pins[name]}, and {there} is installed"))
    good = f"{files[0].name} pins {len(pins)} packages"
    yield from report_problems(problems, good=good, remedy=f"pip install -c {files[0].name} -e .")


@check("dependencies.licences", reads=PYPROJECT)
def licences(project: Project) -> Iterator[Finding]:
    """The project states its licence, and no dependency's licence forbids to use it so."""
    stated = _table(project).get("license")
    files = sorted(path.name for path in project.root.glob("LICEN[CS]E*"))
    if not stated and not files:
        yield failed("the project has no licence: nobody may use it", remedy="add a file LICENSE")
        return
    problems = []
    for need in declared(project):
        text = _licence(need.name)
        if STRONG.search(text) and not LESSER.search(text) and not STRONG.search(str(stated)):
            problems.append(Problem("pyproject.toml", f"{need.name} is under {text[:60]}"))
    good = f"{stated or files[0]}; no dependency's licence reaches it"
    yield from report_problems(problems, good=good, remedy="use another package, or ask a lawyer", doubtful=True)


def declared(project: Project, *, optional: bool = False) -> list[Requirement]:
    """Return what pyproject.toml declares, as far as it applies to this Python.

    Raises:
        AssetMissingError: there is no [project] table, and no requirements.txt.
    """
    table = _table(project)
    lines = [str(line) for line in _strings(table.get("dependencies"))]
    extras = table.get("optional-dependencies")
    if optional and isinstance(extras, dict):
        lines += [str(line) for group in extras.values() for line in _strings(group)]
    groups = project.pyproject.get("dependency-groups")
    if optional and isinstance(groups, dict):
        lines += [str(line) for group in groups.values() for line in _strings(group) if isinstance(line, str)]
    if "dependencies" not in table:
        lines += _requirements(project.root / "requirements.txt")
    needs = []
    for line in lines:
        try:
            need = Requirement(line)
        except InvalidRequirement:
            continue  # pip's own options and URLs
        if need.marker is None or need.marker.evaluate({"extra": ""}):
            needs.append(need)
    return needs


def compared(needs: Iterable[Requirement]) -> tuple[dict[str, str], list[Requirement], list[Requirement]]:
    """Return the versions of what is installed, what is missing, and what is there in a version that is not allowed."""
    versions: dict[str, str] = {}
    missing, unfit = [], []
    for need in needs:
        there = _version(need.name)
        if there is None:
            missing.append(need)
            continue
        versions[need.name] = there
        if not need.specifier.contains(there, prereleases=True):
            unfit.append(need)
    return versions, missing, unfit


def _table(project: Project) -> dict[str, object]:
    table = project.pyproject.get("project")
    if isinstance(table, dict):
        return table
    if (project.root / "requirements.txt").is_file():
        return {}
    raise AssetMissingError("pyproject.toml has no [project] table", remedy="declare name, version and dependencies")


def _requirements(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [text for line in lines if (text := line.partition("#")[0].strip()) and not text.startswith("-")]


def _strings(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else []


def _imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.partition(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.lineno, node.module.partition(".")[0]


def _parts_of(name: str) -> set[NormalizedName]:
    """Return what a package needs in exactly one version, as pydantic does pydantic-core: a part of it, in effect."""
    try:
        lines = distribution(name).requires or []
    except PackageNotFoundError:
        return set()
    needs = [Requirement(line) for line in lines]
    return {
        canonicalize_name(need.name)
        for need in needs
        if need.marker is None and [one.operator for one in need.specifier] == ["=="]
    }


def _version(name: str) -> str | None:
    try:
        return distribution(name).version
    except PackageNotFoundError:
        return None


def _licence(name: str) -> str:
    try:
        metadata = Distribution.from_name(name).metadata
    except PackageNotFoundError:
        return ""
    classifiers = [line for line in metadata.get_all("Classifier") or () if line.startswith("License ::")]
    # Some put the whole text of their licence here; its first line names it.
    own = str(metadata.get("License-Expression") or metadata.get("License") or "").strip().partition("\n")[0]
    return " ".join([own, *classifiers])
