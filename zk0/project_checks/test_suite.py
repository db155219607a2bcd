"""Test runs of the project: their results, and which code has a test (`test-suite.*`).

A report is JUnit XML or coverage's JSON, written by the workflow `testing`, `nox -s tests` or pytest. It counts for the
code it ran on: one that is older than a program of the project is ignored. The others count together, so that unit and
integration tests may run apart. In a workflow, a check judges the reports of its own step.
"""

import ast
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from zk0.core.checks import CheckContext, Findings, Part, check, register_subject
from zk0.core.errors import AssetMissingError
from zk0.core.fingerprints import is_prose
from zk0.core.project import Project
from zk0.core.verdicts import Evidence, Finding, failed, not_available
from zk0.project_checks.problems import Problem, report_problems, report_share
from zk0.project_checks.sources import Module, library, name_of, suite

RESULTS = ("junit.xml", "report.xml", "test-results.xml")
HOW = "zk0 run testing, or pytest --junit-xml=.zk0/reports/tests.xml"
PROGRAMS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
TOGETHER = ("e2e", "end_to_end", "integration", "system", "functional")
READS = (Part.code, Part.reports)


@dataclass(frozen=True)
class Case:
    """One test: its dotted place, its name, and how it ended; `message` of a failure."""

    place: str
    name: str
    outcome: str
    message: str = ""


@dataclass(frozen=True)
class TestResults:
    """The tests that ran; `missing` are the test files of the project that no report covers, of `files` in all."""

    __test__ = False  # to pytest

    cases: list[Case]
    missing: list[str] = field(default_factory=list)
    files: int = 0


def _test_results(context: CheckContext) -> TestResults:
    """Return the results of the step that is judged, or else of the project's test runs."""
    if junit := getattr(context.outputs, "junit", None):
        return TestResults(read_cases([Path(junit)]))
    cases = _read_results(context.project)
    files = [module for module in suite(context.project) if _holds_tests(module)]
    missing = [module.name for module in files if not any(_is_in(case, module) for case in cases)]
    return TestResults(cases, missing, len(files))


register_subject(TestResults, _test_results, reads=READS)


@check("test-suite.passed", aliases={"tests.passed": {}})
def suite_passed(results: TestResults) -> Iterator[Finding]:
    """All tests ran, and none failed."""
    if results.missing:
        covered = results.files - len(results.missing)
        yield not_available(f"the reports cover {covered} of {results.files} test files, not {results.missing[0]}")
    counts = {kind: sum(case.outcome == kind for case in results.cases) for kind in ("passed", "failed", "skipped")}
    evidence = [Evidence(name=kind, value=count, unit="tests") for kind, count in counts.items()]
    if not counts["passed"] and not counts["failed"]:
        yield not_available("no test ran")
        return
    good = f"{counts['passed']} tests passed, {counts['skipped']} were skipped"
    yield from report_problems(_failures(results.cases), good, remedy="pytest --last-failed", evidence=evidence)


@check("test-suite.together", reads=READS)
def together(project: Project, *, folders: tuple[str, ...] = TOGETHER) -> Findings:
    """Tests of the parts working together ran on this code, and none failed."""
    files = [module for module in suite(project) if set(module.name.split("/")) & set(folders)]
    if not any(map(_holds_tests, files)):
        return failed(f"no test lies in a folder named {', '.join(folders)}", remedy="write tests/e2e/test_….py")
    cases = [case for case in _read_results(project) if any(_is_in(case, module) for module in files)]
    if not cases:
        return not_available(f"no report covers the {len(files)} files of tests of parts together")
    good = f"{len(cases)} tests of parts together passed"
    return report_problems(_failures(cases), good, remedy="pytest --last-failed")


@check("test-suite.every-module", reads=(Part.code,))
def every_module(project: Project, *, percent: float = 80) -> Finding:
    """Nearly every module has a test that imports it or is named after it."""
    used = {name for module in suite(project) for name in _imported(module)}
    everything = library(project)
    # Importing a package imports what its `__init__` imports.
    packages = [module for module in everything if module.dotted in used and module.name.endswith("/__init__.py")]
    used |= {name for module in packages for name in _imported(module)}
    named = {module.name.rpartition("/")[2].removeprefix("test_") for module in suite(project)}
    known = [module for module in everything if any(isinstance(node, PROGRAMS) for node in module.tree.body)]
    bare = [one.name for one in known if one.dotted not in used and one.name.rpartition("/")[2] not in named]
    what, name = "modules have a test", "modules with a test"
    return report_share(bare, len(known), what=what, percent=percent, name=name, remedy="write its test", doubtful=True)


@check("test-suite.errors", reads=(Part.code,))
def errors_tested(project: Project, *, percent: float = 70) -> Finding:
    """Tests raise nearly every kind of error that the code raises."""
    own = {node.name for module in library(project) for node in module.walk(ast.ClassDef)}
    raised = {
        name
        for module in library(project)
        for node in module.walk(ast.Raise)
        if isinstance(node.exc, ast.Call) and (name := name_of(node.exc.func).rpartition(".")[2]) in own
    }
    if not raised:
        return not_available("the code raises no error class of its own")
    words = "\n".join(module.text for module in suite(project))
    bare = sorted(name for name in raised if name not in words)
    what, name = "kinds of error are in tests", "kinds of error in tests"
    return report_share(bare, len(raised), what=what, percent=percent, name=name, remedy="write a test that raises it")


def _failures(cases: Iterable[Case]) -> list[Problem]:
    return [Problem(f"{case.place}::{case.name}", case.message) for case in cases if case.outcome == "failed"]


def _read_results(project: Project) -> list[Case]:
    return read_cases(fresh_reports(project, RESULTS, "*.xml", RESULTS[0], HOW))


def fresh_reports(project: Project, names: tuple[str, ...], pattern: str, in_runs: str, how: str) -> list[Path]:
    """Return the reports that are newer than every program of the project, oldest first.

    They have one of these names in its root, match the pattern in the state's `reports/`, or are called `in_runs` in a
    step of a workflow; `how` says how to make one.

    Raises:
        AssetMissingError: there is none, or each is older than a program.
    """
    there = [path for name in names if (path := project.root / name).is_file()]
    there += [path for path in (project.state_dir / "reports").glob(pattern) if path.is_file()]
    there += [path for deep in ("*", "*/*") for path in project.runs_dir.glob(f"*/steps/{deep}/{in_runs}")]
    if not there:
        raise AssetMissingError("no report of a test run is here", remedy=how)
    programs = [project.root / name for name in project.tree().files if not is_prose(name)]
    changed, last = max(((path.stat().st_mtime, path) for path in programs if path.is_file()), default=(0.0, None))
    fresh = [path for path in there if path.stat().st_mtime >= changed]
    if not fresh and last is not None:
        raise AssetMissingError(f"{project.shown(last)} was changed after the last test run", remedy=how)
    return sorted(fresh, key=lambda path: path.stat().st_mtime)


def read_cases(reports: Iterable[Path]) -> list[Case]:
    """Return the tests in JUnit reports; the last report of a test counts.

    Raises:
        AssetMissingError: one is not a JUnit report.
    """
    cases: dict[tuple[str, str], Case] = {}
    for report in reports:
        try:
            top = ET.parse(report).getroot()  # noqa: S314  our own test runner wrote it
        except ET.ParseError as error:
            raise AssetMissingError(f"{report.name} is not a JUnit report: {error}", remedy=HOW) from error
        for element in top.iter("testcase"):
            case = _case(element)
            cases[case.place, case.name] = case
    return list(cases.values())


def _case(element: ET.Element) -> Case:
    mark = next((child for child in element if child.tag in ("failure", "error", "skipped")), None)
    outcome = "passed" if mark is None else "skipped" if mark.tag == "skipped" else "failed"
    message = "" if mark is None else str(mark.get("message") or mark.text or mark.tag)
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


def _imported(module: Module) -> Iterator[str]:
    """Yield all names of modules that a module may import: `b` of `from a import b` may be one."""
    yield from (alias.name for node in module.walk(ast.Import) for alias in node.names)
    for node in module.walk(ast.ImportFrom):
        yield node.module or ""
        yield from (f"{node.module or ''}.{alias.name}" for alias in node.names)
