"""Tests: what the last runs of them reported, and which code has any.

A report is JUnit XML, which the workflow `testing`, `nox -s tests` and `pytest --junit-xml` write. It counts for the
code it ran on: one that is older than a program of the project is left aside. The others count together, so that unit
tests and integration tests may run apart; what none of them tells of is not known.
"""

import ast
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from zk0.core.checks import Part, check
from zk0.core.errors import AssetMissingError
from zk0.core.fingerprints import is_prose
from zk0.core.project import Project
from zk0.core.verdicts import Evidence, Finding, failed, not_available, passed, warned
from zk0.project_checks.problems import Problem, report_problems
from zk0.project_checks.sources import Module, library, name_of, packages, suite

NAMES = ("junit.xml", "report.xml", "test-results.xml")
IN_RUNS = "junit.xml"
HOW = "zk0 run testing, or pytest --junit-xml=.zk0/reports/tests.xml"
TOGETHER = ("e2e", "end_to_end", "integration", "system", "functional")
READS = (Part.code, Part.reports)


@dataclass(frozen=True)
class Case:
    """One test: its dotted place, its name, and how it ended; `message` of a failure."""

    place: str
    name: str
    outcome: str
    message: str = ""


@check("test-suite.passed", reads=READS)
def suite_passed(project: Project) -> Iterator[Finding]:
    """All tests of the project ran on this code, and none failed."""
    cases = read_cases(fresh_reports(project, NAMES, "*.xml", IN_RUNS))
    files = [module for module in suite(project) if _holds_tests(module)]
    silent = [module.name for module in files if not any(_is_in(case, module) for case in cases)]
    if silent:
        told = f"the reports are of {len(files) - len(silent)} of {len(files)} test files, and not of {silent[0]}"
        yield not_available(told)
    bad = [Problem(f"{case.place}::{case.name}", case.message) for case in cases if case.outcome == "failed"]
    skipped = sum(case.outcome == "skipped" for case in cases)
    evidence = [Evidence(name="tests", value=len(cases)), Evidence(name="skipped", value=skipped)]
    good = f"{len(cases) - skipped} tests passed, {skipped} were skipped"
    yield from report_problems(bad, good=good, remedy="pytest --last-failed", evidence=evidence)


@check("test-suite.together", reads=READS)
def together(project: Project, *, folders: tuple[str, ...] = TOGETHER) -> Iterator[Finding]:
    """Tests of the parts working together ran on this code, and none failed."""
    files = [module for module in suite(project) if set(module.name.split("/")) & set(folders)]
    if not any(map(_holds_tests, files)):
        yield failed(f"no test lies in a folder named {', '.join(folders)}", remedy="write tests/e2e/test_….py")
        return
    reports = fresh_reports(project, NAMES, "*.xml", IN_RUNS)
    cases = [case for case in read_cases(reports) if any(_is_in(case, module) for module in files)]
    if not cases:
        yield not_available(f"no report is of the {len(files)} files of tests of parts together")
        return
    bad = [Problem(f"{case.place}::{case.name}", case.message) for case in cases if case.outcome == "failed"]
    yield from report_problems(bad, good=f"{len(cases)} tests of parts together passed", remedy="pytest --last-failed")


@check("test-suite.every-module", reads=(Part.code,))
def every_module(project: Project, *, percent: float = 80) -> Iterator[Finding]:
    """Nearly every module has a test that imports it or is named after it, and so has what a change needs."""
    own = packages(project)
    used: set[str] = set()
    for module in suite(project):
        plain = [(alias.name, "") for node in module.walk(ast.Import) for alias in node.names]
        members = [(alias.name, node.module or "") for node in module.walk(ast.ImportFrom) for alias in node.names]
        for name, base in plain + members:
            used |= {one for one in (base or name, f"{base}.{name}") if one.split(".")[0] in own}
    everything = library(project)
    # Whoever imports a package has what its `__init__` takes from its modules.
    used |= {
        name for module in everything if module.dotted in used and _is_package(module) for name in _members(module)
    }
    named = {module.name.rpartition("/")[2].removeprefix("test_") for module in suite(project)}
    known = [module for module in everything if any(map(_is_program, module.tree.body))]
    bare = [one.name for one in known if one.dotted not in used and one.name.rpartition("/")[2] not in named]
    share = 100 * (len(known) - len(bare)) / len(known) if known else 100.0
    evidence = [Evidence(name="modules with a test", value=round(share, 1), unit="%")]
    told = f"{share:.0f} % of {len(known)} modules have a test, {percent:g} % wanted"
    if share >= percent:
        yield passed(told, evidence=evidence)
    else:
        yield warned(f"{told}; the first of the others is {bare[0]}", evidence=evidence, remedy="write its test")


@check("test-suite.errors", reads=(Part.code,))
def errors_tested(project: Project, *, percent: float = 70) -> Iterator[Finding]:
    """Tests raise nearly every kind of error that the code raises."""
    own = {node.name for module in library(project) for node in module.walk(ast.ClassDef)}
    raised = {
        name
        for module in library(project)
        for node in module.walk(ast.Raise)
        if isinstance(node.exc, ast.Call) and (name := name_of(node.exc.func).rpartition(".")[2]) in own
    }
    if not raised:
        yield not_available("the code raises no error of its own, so it can't be told which are tested")
        return
    words = "\n".join(module.text for module in suite(project))
    bare = sorted(name for name in raised if name not in words)
    share = 100 * (len(raised) - len(bare)) / len(raised)
    evidence = [Evidence(name="kinds of error in tests", value=round(share, 1), unit="%")]
    told = f"tests name {share:.0f} % of {len(raised)} kinds of error, {percent:g} % wanted"
    if share >= percent:
        yield passed(told, evidence=evidence)
    else:
        yield failed(f"{told}; not {', '.join(bare[:5])}", evidence=evidence, remedy="write a test that raises it")


def fresh_reports(project: Project, names: tuple[str, ...], pattern: str, in_runs: str) -> list[Path]:
    """Return the reports that are newer than every program of the project, oldest first.

    Args:
        project: the project.
        names: of reports in its root.
        pattern: of reports in the state's `reports/`.
        in_runs: the name of reports that steps of workflows leave.

    Raises:
        AssetMissingError: there is none, or each is older than a program.
    """
    there = [path for name in names if (path := project.root / name).is_file()]
    there += [path for path in (project.state_dir / "reports").glob(pattern) if path.is_file()]
    there += [path for deep in ("*", "*/*") for path in project.runs_dir.glob(f"*/steps/{deep}/{in_runs}")]
    if not there:
        raise AssetMissingError("no report of a test run is here", remedy=HOW)
    programs = [project.root / name for name in project.tree().files if not is_prose(name)]
    changed, last = max(((path.stat().st_mtime, path) for path in programs if path.is_file()), default=(0.0, None))
    fresh = [path for path in there if path.stat().st_mtime >= changed]
    if not fresh and last is not None:
        name = last.relative_to(project.root).as_posix()
        raise AssetMissingError(f"{name} was changed after the last test run", remedy=HOW)
    return sorted(fresh, key=lambda path: path.stat().st_mtime)


def read_cases(reports: Iterable[Path]) -> list[Case]:
    """Return the tests that JUnit reports tell of; of one that stands in several the last counts.

    Raises:
        AssetMissingError: one is no JUnit report, or none tells of a test.
    """
    cases: dict[tuple[str, str], Case] = {}
    for report in reports:
        try:
            top = ET.parse(report).getroot()  # noqa: S314  as above
        except ET.ParseError as error:
            raise AssetMissingError(f"{report.name} is no JUnit report: {error}", remedy=HOW) from error
        for element in top.iter("testcase"):
            case = _case(element)
            cases[case.place, case.name] = case
    if not cases:
        raise AssetMissingError("the reports tell of no test", remedy=HOW)
    return list(cases.values())


def _case(element: ET.Element) -> Case:
    told = next((child for child in element if child.tag in ("failure", "error", "skipped")), None)
    outcome = "passed" if told is None else "skipped" if told.tag == "skipped" else "failed"
    message = "" if told is None else str(told.get("message") or told.text or told.tag)
    place, name = str(element.get("classname", "")), str(element.get("name", ""))
    return Case(place, name, outcome, message.strip().partition("\n")[0][:200])


def _holds_tests(module: Module) -> bool:
    name = module.name.rpartition("/")[2]
    return (name.startswith("test_") or name.endswith("_test.py")) and any(
        node.name.startswith("test") for node in module.functions()
    )


def _is_in(case: Case, module: Module) -> bool:
    dotted = module.dotted
    return case.place == dotted or case.place.startswith(f"{dotted}.") or dotted.endswith(f".{case.place}")


def _is_package(module: Module) -> bool:
    return module.name.endswith("/__init__.py")


def _members(module: Module) -> set[str]:
    return {node.module for node in module.walk(ast.ImportFrom) if node.module}


def _is_program(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
