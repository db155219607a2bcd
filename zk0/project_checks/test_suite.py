"""Test runs of the project: their results, and which code has a test (`test-suite.*`).

Results are those of steps that ran the tests (`tests.run`) on this digest of the code, whose records agree and whose
report is as the step left it. Several such runs count together, so that unit and integration tests may run apart. No
other report counts: anyone can write one. In a workflow, a check judges the report of its own step.
"""

import ast
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from zk0.core.checks import CheckContext, Findings, Part, check, register_subject
from zk0.core.errors import AssetMissingError
from zk0.core.project import Project
from zk0.core.receipts import Receipt, ReceiptStore
from zk0.core.verdicts import Evidence, Finding, failed, not_applicable, not_available, warned
from zk0.project_checks.declared_tests import declared_tests, is_test_file
from zk0.project_checks.outcome_hooks import outcome_hooks
from zk0.project_checks.problems import Problem, report_problems, report_share
from zk0.project_checks.sources import Module, library, modules, name_of, suite
from zk0.workflow.integrity import RecordReader
from zk0.workflow.run import is_intact

HOW = "zk0 run testing"
PROGRAMS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
TOGETHER = ("e2e", "end_to_end", "integration", "system", "functional")
READS = (Part.code, Part.runs, Part.reports)
NAMED = 3  # tests named in a sentence; the others are counted
SKIPS = 0.1  # of all results; with more, that the tests pass says little of the code


@dataclass(frozen=True)
class Case:
    """One test: its dotted place, its name, and how it ended; `message` of a failure."""

    place: str
    name: str
    outcome: str
    message: str = ""

    @property
    def id(self) -> str:
        """Place and name; the name alone of a file that could not be imported, which has no place."""
        return f"{self.place}::{self.name}" if self.place else self.name


@dataclass(frozen=True)
class TestResults:
    """How tests ended; of the `declared` ones that have no result, and of those that are `hollow`, their places.

    `hooks` are those of the project that change how a test ended.
    """

    __test__ = False  # to pytest

    cases: list[Case]
    declared: int = 0
    missing: list[str] = field(default_factory=list)
    hollow: list[Problem] = field(default_factory=list)
    hooks: list[Problem] = field(default_factory=list)

    def of(self, outcome: str) -> list[str]:
        """Return the tests that ended so."""
        return [case.id for case in self.cases if case.outcome == outcome]


def _test_results(context: CheckContext) -> TestResults:
    """Return the results of the step that is judged, or else of the project's test runs."""
    if junit := getattr(context.outputs, "junit", None):
        return TestResults(read_cases([Path(junit)]))
    return _results_of(context.project, suite(context.project))


register_subject(TestResults, _test_results, reads=READS)


def _results_of(project: Project, files: list[Module]) -> TestResults:
    reports = reports_of(project, "tests.run", "junit")
    tests = [test for module in files for test in declared_tests(module)]
    cases = [case for case in read_cases(reports) if any(_is_in(case, module) for module in files)]
    known = {f"{case.place}.{case.name.partition('[')[0]}" for case in cases}
    missing = [test.at for test in tests if not any(_ends_with(test.dotted, name) for name in known)]
    hollow = [Problem(test.at, "asserts nothing") for test in tests if test.is_hollow]
    return TestResults(cases, len(tests), missing, hollow, list(outcome_hooks(modules(project))))


@check("test-suite.passed", aliases={"tests.passed": {}})
def suite_passed(results: TestResults) -> Iterator[Finding]:
    """All tests ran, and none failed."""
    return _judge(results, "tests passed")


@check("test-suite.together", reads=READS)
def together(project: Project, *, folders: tuple[str, ...] = TOGETHER) -> Findings:
    """Tests of the parts working together ran on this code, and none failed."""
    files = [module for module in suite(project) if set(module.name.split("/")) & set(folders)]
    if not any(declared_tests(module) for module in files):
        return failed(f"no test lies in a folder named {', '.join(folders)}", remedy="write tests/e2e/test_….py")
    return _judge(_results_of(project, files), "tests of parts together passed")


def _judge(results: TestResults, what: str) -> Iterator[Finding]:
    counts = {kind: results.of(kind) for kind in ("passed", "failed", "skipped", "xfailed")}
    evidence = [Evidence(name=kind, value=len(tests), unit="tests") for kind, tests in counts.items()]
    if results.missing:
        ran = results.declared - len(results.missing)
        message = f"{ran} of {results.declared} tests have a result of this code, not {_some(results.missing)}"
        yield not_available(message)
    if not counts["passed"] and not counts["failed"]:
        yield not_available(f"no test ran{_skips(counts)}")
        return
    aside = len(counts["skipped"]) + len(counts["xfailed"])
    good = f"{len(counts['passed'])} {what}, {len(counts['skipped'])} were skipped{_skips(counts)}"
    problems = [*_failures(results.cases), *results.hollow, *results.hooks]
    if not problems and aside > SKIPS * len(results.cases):
        message = f"{aside} of {len(results.cases)} tests show nothing{_skips(counts)}"
        yield warned(message, evidence=evidence, remedy="make them run, or delete them")
    yield from report_problems(problems, good, remedy="pytest --last-failed", evidence=evidence)


def _skips(counts: Mapping[str, list[str]]) -> str:
    kinds = {"skipped": "skipped", "xfailed": "expected to fail"}
    return "".join(f"; {word}: {_some(counts[kind])}" for kind, word in kinds.items() if counts[kind])


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


@check("test-suite.every-module", reads=(Part.code,))
def every_module(project: Project, *, percent: float = 80) -> Finding:
    """Nearly every module is imported by a file with a test that is not skipped, or has such a file of its name."""
    files = suite(project)
    acting = [one for one in files if not is_test_file(one) or any(test.acts for test in declared_tests(one))]
    used = {name for module in acting for name in _imported(module)}
    everything = library(project)
    # Importing a package imports what its `__init__` imports.
    packages = [module for module in everything if module.dotted in used and module.name.endswith("/__init__.py")]
    used |= {name for module in packages for name in _imported(module)}
    named = {module.name.rpartition("/")[2].removeprefix("test_") for module in acting if is_test_file(module)}
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
        return not_applicable("the code raises no error class of its own")
    acting = [one for one in suite(project) if not is_test_file(one) or any(test.acts for test in declared_tests(one))]
    words = {word for module in acting for word in _words(module)}
    bare = sorted(raised - words)
    what, name = "kinds of error are in tests", "kinds of error in tests"
    return report_share(bare, len(raised), what=what, percent=percent, name=name, remedy="write a test that raises it")


def _failures(cases: Iterable[Case]) -> list[Problem]:
    return [Problem(case.id, case.message) for case in cases if case.outcome == "failed"]


def reports_of(project: Project, action: str, output: str) -> list[Path]:
    """Return the reports that steps with an action left, on this digest of the code and untouched since, oldest first.

    Raises:
        AssetMissingError: there is none; the message says why those that are there do not count.
    """
    steps = [one for one in ReceiptStore(project.runs_dir).all() if one.uses == action and one.outputs.get(output)]
    if not steps:
        raise AssetMissingError("zk0 has not run the tests yet; reports that others wrote do not count", remedy=HOW)
    now = [one for one in steps if one.code.tree and one.code.tree == project.git_state().tree]
    if not now:
        raise AssetMissingError("the code is not what it was when zk0 last ran the tests", remedy=HOW)
    records = RecordReader(project)
    reasons = [_distrust(one, project, records) for one in now]
    sound = [one for one, reason in zip(now, reasons, strict=True) if reason is None]
    if not sound:
        raise AssetMissingError(str(reasons[-1]), remedy=HOW)
    return [Path(str(one.outputs[output])) for one in sorted(sound, key=lambda one: one.order)]


def _distrust(receipt: Receipt, project: Project, records: RecordReader) -> str | None:
    """Return why a receipt of a test run does not count."""
    if reason := records.complaint(receipt.run):
        return reason
    return None if is_intact(receipt, project) else f"what run {receipt.run} left was changed or is gone"


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
    expected = mark is not None and mark.get("type") == "pytest.xfail"
    outcome = "passed" if mark is None else "xfailed" if expected else "skipped" if mark.tag == "skipped" else "failed"
    place, name = str(element.get("classname", "")), str(element.get("name", ""))
    return Case(place, name, outcome, _reason(mark)[:200])


def _reason(mark: ET.Element | None) -> str:
    """Return why a test did not pass, in a line; for a file that does not import, its error."""
    if mark is None:
        return ""
    message, text = str(mark.get("message") or mark.text or mark.tag), str(mark.text or "")
    errors = [line.removeprefix("E").strip() for line in text.splitlines() if re.match(r"E\s+\S", line)]
    if message == "collection failure" and errors:
        return errors[-1]
    return message.strip().partition("\n")[0]


def _is_in(case: Case, module: Module) -> bool:
    dotted = module.dotted
    return case.place == dotted or case.place.startswith(f"{dotted}.") or dotted.endswith(f".{case.place}")


def _words(module: Module) -> Iterator[str]:
    """Yield the names that a module's code uses, without those in its comments and texts."""
    yield from (node.id for node in module.walk(ast.Name))
    yield from (node.attr for node in module.walk(ast.Attribute))
    yield from (alias.name for node in module.walk(ast.ImportFrom) for alias in node.names)


def _ends_with(dotted: str, name: str) -> bool:
    return dotted == name or dotted.endswith(f".{name}")


def _imported(module: Module) -> Iterator[str]:
    """Yield all names of modules that a module may import: `b` of `from a import b` may be one."""
    yield from (alias.name for node in module.walk(ast.Import) for alias in node.names)
    for node in module.walk(ast.ImportFrom):
        yield node.module or ""
        yield from (f"{node.module or ''}.{alias.name}" for alias in node.names)
