"""Dependencies: declared, installed in allowed versions, pinned, and under licences that allow their use."""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name

from zk0.core.checks import CheckContext, Findings, Part, check, register_subject
from zk0.core.errors import AssetMissingError
from zk0.core.interpreters import Interpreter, interpreter_of
from zk0.core.project import Project, table_of
from zk0.core.verdicts import Evidence, Finding, failed, not_available, passed
from zk0.project_checks.problems import Problem, report_problems
from zk0.project_checks.sources import library, packages
from zk0.project_checks.tools import ask_deptry

LOCKS = ("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "constraints.txt", "requirements.lock")
PIN = re.compile(r"^(?P<name>[A-Za-z0-9][\w.-]*)(?:\[.*\])?\s*==\s*(?P<version>[^\s;]+)", re.MULTILINE)
# Licences whose terms reach the work that uses them; a work under Apache-2.0 can't meet those of the first two.
STRONG = re.compile(r"(?<!L)(?<!LESSER )\bA?GPL|AFFERO|GENERAL PUBLIC LICENSE", re.IGNORECASE)
LESSER = re.compile(r"LGPL|LESSER", re.IGNORECASE)
LICENCE = re.compile(r"licen[cs]e|permission|copyright", re.IGNORECASE)
SHORTEST_LICENCE = 300  # characters; the text of 0BSD has 600
READS = (Part.code, Part.environment)


@dataclass(frozen=True)
class Environment:
    """The Python and the packages that are needed, and those that are installed."""

    python: str
    requires_python: str
    packages: Mapping[str, str]
    missing: Sequence[str]
    conflicting: Sequence[str]
    interpreter: str = sys.executable


def _environment(context: CheckContext) -> Environment:
    """Return the environment that a step inspected (`environment.inspect`), or else the one that the project needs."""
    names = [one.name for one in fields(Environment) if one.name != "interpreter"]
    if context.outputs and set(names) <= set(type(context.outputs).model_fields):
        return Environment(**{name: getattr(context.outputs, name) for name in names})
    table = _table(context.project)
    python = interpreter_of(context.project)
    return read_environment(declared(context.project), str(table.get("requires-python", "")), python)


register_subject(Environment, _environment, reads=READS)


@check("dependencies.python", aliases={"environment.python": {}})
def python_fits(environment: Environment) -> Finding:
    """The Python that runs is one that the project allows."""
    running, allowed = environment.python, environment.requires_python
    evidence = [Evidence(name="python", value=running, at=environment.interpreter)]
    if not allowed:
        return not_available("pyproject.toml has no requires-python to compare with")
    if SpecifierSet(allowed).contains(running, prereleases=True):
        return passed(f"Python {running}, {allowed} is allowed", evidence=evidence)
    return failed(f"Python {running}; {allowed} is allowed", evidence=evidence, remedy="uv venv --python …")


@check("dependencies.installed", aliases={"environment.packages": {}})
def installed(environment: Environment) -> Iterator[Finding]:
    """Every package that is needed is installed, in a version that is allowed."""
    if not (environment.packages or environment.missing or environment.conflicting):
        yield not_available("no dependency is declared, so none was looked at")
        return
    missing = f"not installed: {', '.join(environment.missing)}"
    problems = [Problem("", missing)] if environment.missing else []
    problems += [Problem("", text) for text in environment.conflicting]
    evidence = [Evidence(name=name, value=version) for name, version in environment.packages.items()]
    good = f"{len(environment.packages)} packages in versions that are allowed"
    yield from report_problems(problems, good, remedy=_install(environment.interpreter), evidence=evidence)


@check("dependencies.declared", reads=READS)
def all_declared(project: Project) -> Iterator[Finding]:
    """Every package that the code imports is declared in pyproject.toml (deptry)."""
    python = interpreter_of(project)
    known = {canonicalize_name(need.name) for need in declared(project, optional=True)}
    absent = sorted(known - python.packages.keys())
    parts = {part for name in known for part in _parts_of(name, python)}
    code = {module.name for module in library(project)}
    modules: dict[str, frozenset[str]] = {name: python.modules[name] for name in known if python.modules.get(name)}
    problems, unknown = [], set()
    for at, name, message in ask_deptry(project, packages(project), modules):
        if at.rpartition(":")[0] not in code:
            continue
        providers = {package for package, names in python.modules.items() if name in names}
        if not providers and absent:
            unknown.add(name)  # a declared package that is not installed may bring it
        elif parts.isdisjoint(providers):
            problems.append(Problem(at, message))
    if unknown and not problems:
        yield not_available(
            f"which package brings {', '.join(sorted(unknown))} can't be told: {', '.join(absent)} "
            f"{'is' if len(absent) == 1 else 'are'} not installed in {project.shown(python.path)}"
        )
        return
    yield from report_problems(
        problems, "all imported packages are declared", remedy="add it to [project] dependencies"
    )


@check("dependencies.pinned", reads=READS)
def pinned(project: Project) -> Findings:
    """A lock or constraints file pins the version of every dependency, and that version is installed."""
    files = [project.root / name for name in LOCKS if (project.root / name).is_file()]
    if not files:
        return failed("nothing pins the versions", remedy="uv pip compile pyproject.toml -o constraints.txt")
    text = files[0].read_text(encoding="utf-8")
    pins = {canonicalize_name(match["name"]): match["version"] for match in PIN.finditer(text)}
    if not pins:  # TOML of uv, poetry and pdm
        pairs = re.findall(r'^name = "([^"]+)"\nversion = "([^"]+)"', text, re.MULTILINE)
        pins = {canonicalize_name(name): version for name, version in pairs}
    problems, python = [], interpreter_of(project)
    for need in declared(project):
        name = canonicalize_name(need.name)
        if name not in pins:
            problems.append(Problem(files[0].name, f"does not pin {need.name}"))
        elif (version := _version(need.name, python)) and version.partition("+")[0] != pins[name].partition("+")[0]:
            problems.append(Problem(files[0].name, f"pins {need.name} {pins[name]}, and {version} is installed"))
    good = f"{files[0].name} pins {len(pins)} packages"
    return report_problems(problems, good, remedy=f"pip install -c {files[0].name} -e .")


@check("dependencies.licences", reads=(*READS, Part.documents))
def licences(project: Project) -> Findings:
    """The project states its licence and has its text, and no dependency's licence conflicts with it."""
    stated = _table(project).get("license")
    files = sorted(path.name for path in project.root.glob("LICEN[CS]E*"))
    if not stated and not files:
        return failed("the project has no licence: nobody may use it", remedy="add a file LICENSE")
    texts = [(project.root / name).read_text(encoding="utf-8", errors="replace") for name in files]
    if not any(LICENCE.search(text) and len(text) > SHORTEST_LICENCE for text in texts):
        return failed("no file holds the text of a licence", remedy="add the licence's text as LICENSE")
    problems, python = [], interpreter_of(project)
    for need in declared(project):
        text = _licence(need.name, python)
        if STRONG.search(text) and not LESSER.search(text) and not STRONG.search(str(stated)):
            problems.append(Problem("pyproject.toml", f"{need.name} is under {text[:60]}"))
    good = f"{stated or files[0]}; no dependency's licence reaches it"
    return report_problems(problems, good, remedy="use another package, or ask a lawyer", doubtful=True)


def declared(project: Project, *, optional: bool = False) -> list[Requirement]:
    """Return the dependencies in pyproject.toml that apply to this Python.

    Raises:
        AssetMissingError: there is no [project] table, and no requirements.txt.
    """
    table = _table(project)
    groups = [table.get("dependencies")]
    if optional:
        extras = (("project", "optional-dependencies"), ("dependency-groups",))
        groups += [group for keys in extras for group in table_of(project.pyproject, *keys).values()]
    lines = [line for group in groups if isinstance(group, list) for line in group if isinstance(line, str)]
    requirements = project.root / "requirements.txt"
    if "dependencies" not in table and requirements.is_file():
        lines += [line.partition("#")[0].strip() for line in requirements.read_text(encoding="utf-8").splitlines()]
    needs = []
    for line in lines:
        try:
            need = Requirement(line)
        except InvalidRequirement:
            continue  # pip's own options, URLs, and lines of requirements.txt that are empty
        if need.marker is None or need.marker.evaluate({"extra": ""}):
            needs.append(need)
    return needs


def read_environment(needs: Iterable[Requirement], requires_python: str, python: Interpreter) -> Environment:
    """Return what is installed of some needed packages in an interpreter."""
    versions: dict[str, str] = {}
    missing, conflicting = [], []
    for need in needs:
        version = _version(need.name, python)
        if version is None:
            missing.append(need.name)
            continue
        versions[need.name] = version
        if not need.specifier.contains(version, prereleases=True):
            conflicting.append(f"{need.name} is {version}, {need.specifier} is allowed")
    return Environment(python.version, requires_python, versions, missing, conflicting, str(python.path))


def _table(project: Project) -> dict[str, object]:
    if "project" in project.pyproject or (project.root / "requirements.txt").is_file():
        return table_of(project.pyproject, "project")
    lacks = "[project] table in pyproject.toml" if project.pyproject else "pyproject.toml and no requirements.txt"
    raise AssetMissingError(
        f"the project has no {lacks}", remedy="declare name, version and dependencies in pyproject.toml"
    )


def _parts_of(name: str, python: Interpreter) -> set[NormalizedName]:
    """Return what a package needs in exactly one version, as pydantic needs pydantic-core: in effect a part of it."""
    found = python.packages.get(name)
    lines = (found.requires if found else None) or []
    return {
        canonicalize_name(need.name)
        for need in map(Requirement, lines)
        if need.marker is None and [one.operator for one in need.specifier] == ["=="]
    }


def _install(interpreter: str) -> str:
    at = "" if interpreter == sys.executable else f"--python {interpreter} "
    return f"install the project's dependencies: uv pip install {at}-e ."


def _version(name: str, python: Interpreter) -> str | None:
    found = python.packages.get(canonicalize_name(name))
    return found.version if found else None


def _licence(name: str, python: Interpreter) -> str:
    found = python.packages.get(canonicalize_name(name))
    if found is None:
        return ""
    metadata = found.metadata
    classifiers = [line for line in metadata.get_all("Classifier") or () if line.startswith("License ::")]
    # Some packages have the whole text of their licence here; its first line names it.
    own = str(metadata.get("License-Expression") or metadata.get("License") or "").strip().partition("\n")[0]
    return " ".join([own, *classifiers])
