"""Tests: what the last run of them reported, and which code has any.

The report is JUnit XML, which pytest writes with `--junit-xml`. It counts for the code it ran on: where a program was
changed after it, or where it tells of some test files alone, nothing is known.
"""

import ast
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from zk0.checks import Part, project_check
from zk0.errors import AssetMissingError
from zk0.project import Project
from zk0.quality.problems import Problem, found
from zk0.quality.sources import Module, library, packages
from zk0.quality.sources import tests as test_modules
from zk0.tree import is_prose
from zk0.verdicts import Evidence, Finding, failed, not_available, passed, warned

NAMES = ("junit.xml", "report.xml", "test-results.xml")
HOW = "nox -s tests, or pytest --junit-xml=.zk0/reports/tests.xml"
TOGETHER = ("e2e", "end_to_end", "integration", "system", "functional")
READS = (Part.code, Part.reports)


@dataclass(frozen=True)
class Case:
    """One test: its dotted place, its name, and how it ended; `message` of a failure."""

    place: str
    name: str
    outcome: str
    message: str = ""


@project_check("test-suite.passed", reads=READS)
def suite_passed(project: Project) -> Iterator[Finding]:
    """All tests of the project ran on this code, and none failed."""
    report = last_report(project, NAMES, "*.xml")
    cases = read_cases(report)
    files = [module for module in test_modules(project) if _holds_tests(module)]
    silent = [module.name for module in files if not any(_is_in(case, module) for case in cases)]
    if silent:
        told = f"the last report is of {len(files) - len(silent)} of {len(files)} test files; {silent[0]} is not in it"
        yield not_available(told)
    bad = [Problem(f"{case.place}::{case.name}", case.message) for case in cases if case.outcome == "failed"]
    skipped = sum(case.outcome == "skipped" for case in cases)
    evidence = [Evidence(name="tests", value=len(cases), at=report.name), Evidence(name="skipped", value=skipped)]
    good = f"{len(cases) - skipped} tests passed, {skipped} were skipped"
    yield from found(bad, good=good, remedy="pytest --last-failed", evidence=evidence)


@project_check("test-suite.together", reads=READS)
def together(project: Project, *, folders: tuple[str, ...] = TOGETHER) -> Iterator[Finding]:
    """Tests of the parts working together ran on this code, and none failed."""
    files = [module for module in test_modules(project) if set(module.name.split("/")) & set(folders)]
    if not any(map(_holds_tests, files)):
        yield failed(f"no test lies in a folder named {', '.join(folders)}", remedy="write tests/e2e/test_….py")
        return
    cases = [case for case in read_cases(last_report(project, NAMES, "*.xml")) if _is_of(case, files)]
    if not cases:
        yield not_available(f"the last report has none of the {len(files)} files of tests of parts together")
        return
    bad = [Problem(f"{case.place}::{case.name}", case.message) for case in cases if case.outcome == "failed"]
    yield from found(bad, good=f"{len(cases)} tests of parts together passed", remedy="pytest --last-failed")


@project_check("test-suite.every-module", reads=(Part.code,))
def every_module(project: Project, *, percent: float = 80) -> Iterator[Finding]:
    """The tests import nearly every module of the code, so it is known which tests a change needs."""
    own = packages(project)
    used: set[str] = set()
    for module in test_modules(project):
        plain = [(alias.name, "") for node in module.walk(ast.Import) for alias in node.names]
        members = [(alias.name, node.module or "") for node in module.walk(ast.ImportFrom) for alias in node.names]
        for name, base in plain + members:
            used |= {one for one in (base or name, f"{base}.{name}") if one.split(".")[0] in own}
    known = [module for module in library(project) if any(map(_is_program, module.tree.body))]
    bare = [module.name for module in known if module.dotted not in used]
    share = 100 * (len(known) - len(bare)) / len(known) if known else 100.0
    evidence = [Evidence(name="modules that tests import", value=round(share, 1), unit="%")]
    told = f"tests import {share:.0f} % of {len(known)} modules, {percent:g} % wanted"
    if share >= percent:
        yield passed(told, evidence=evidence)
    else:
        yield warned(f"{told}; the first of the others is {bare[0]}", evidence=evidence, remedy="write its test")


@project_check("test-suite.errors", reads=(Part.code,))
def errors_tested(project: Project, *, percent: float = 70) -> Iterator[Finding]:
    """Tests raise nearly every kind of error that the code raises."""
    own = {node.name for module in library(project) for node in module.walk(ast.ClassDef)}
    raised = {
        name
        for module in library(project)
        for node in module.walk(ast.Raise)
        if isinstance(node.exc, ast.Call) and (name := ast.unparse(node.exc.func).rpartition(".")[2]) in own
    }
    if not raised:
        yield not_available("the code raises no error of its own, so it can't be told which are tested")
        return
    words = "\n".join(module.text for module in test_modules(project))
    bare = sorted(name for name in raised if name not in words)
    share = 100 * (len(raised) - len(bare)) / len(raised)
    evidence = [Evidence(name="kinds of error in tests", value=round(share, 1), unit="%")]
    told = f"tests name {share:.0f} % of {len(raised)} kinds of error, {percent:g} % wanted"
    if share >= percent:
        yield passed(told, evidence=evidence)
    else:
        yield failed(f"{told}; not {', '.join(bare[:5])}", evidence=evidence, remedy="write a test that raises it")


def last_report(project: Project, names: tuple[str, ...], pattern: str) -> Path:
    """Return the newest report of one of these names, or that fits the pattern in the state's `reports/`.

    Raises:
        AssetMissingError: there is none, or it is older than the code.
    """
    there = [path for name in names if (path := project.root / name).is_file()]
    there += [path for path in (project.state_dir / "reports").glob(pattern) if path.is_file()]
    if not there:
        raise AssetMissingError("no report of a test run is here", remedy=HOW)
    report = max(there, key=lambda path: path.stat().st_mtime)
    written = report.stat().st_mtime
    for name in project.tree().files:
        path = project.root / name
        if not is_prose(name) and path.is_file() and path.stat().st_mtime > written:
            raise AssetMissingError(f"{name} was changed after {report.name} was written", remedy=HOW)
    return report


def read_cases(report: Path) -> list[Case]:
    """Return the tests a JUnit report tells of.

    Raises:
        AssetMissingError: it is no JUnit report, or tells of none.
    """
    try:
        top = ET.parse(report).getroot()  # noqa: S314  as above
    except ET.ParseError as error:
        raise AssetMissingError(f"{report.name} is no JUnit report: {error}", remedy=HOW) from error
    cases = []
    for case in top.iter("testcase"):
        told = next((child for child in case if child.tag in ("failure", "error", "skipped")), None)
        outcome = "passed" if told is None else "skipped" if told.tag == "skipped" else "failed"
        message = "" if told is None else str(told.get("message") or told.text or told.tag)
        place, name = str(case.get("classname", "")), str(case.get("name", ""))
        cases.append(Case(place, name, outcome, message.strip().partition("\n")[0][:200]))
    if not cases:
        raise AssetMissingError(f"{report.name} tells of no test", remedy=HOW)
    return cases


def _holds_tests(module: Module) -> bool:
    name = module.name.rpartition("/")[2]
    return (name.startswith("test_") or name.endswith("_test.py")) and any(
        node.name.startswith("test") for node in module.functions()
    )


def _is_in(case: Case, module: Module) -> bool:
    dotted = module.dotted
    return case.place == dotted or case.place.startswith(f"{dotted}.") or dotted.endswith(f".{case.place}")


def _is_of(case: Case, files: list[Module]) -> bool:
    return any(_is_in(case, module) for module in files)


def _is_program(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
