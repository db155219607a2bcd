"""Run a project's tests with pytest, and see how much of its code they execute."""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

from pydantic import BaseModel, Field

from zk0.core.checks import check
from zk0.core.errors import CommandError, DependencyMissingError, InputError
from zk0.core.project import Project
from zk0.core.verdicts import Evidence, Finding, failed, not_available, passed, warned
from zk0.project_checks.test_suite import Case, read_cases
from zk0.workflow.actions import Context, Inputs, Outputs, action
from zk0.workflow.programs import Command, Programs

NOTHING_COLLECTED = 5  # pytest's exit statuses: https://docs.pytest.org/en/stable/reference/exit-codes.html
TELLS_OF_TESTS = (0, 1, 2, NOTHING_COLLECTED)  # the others are errors of usage, or of pytest itself
SHOWN = 5  # failures and files named in a sentence


class TestsInputs(Inputs):
    """Which tests to run; `markers` is a pytest expression such as `not slow`."""

    __test__ = False  # to pytest

    paths: list[str] = Field([], description="files or folders; none takes what pytest is configured to")
    markers: str = ""
    workers: int = Field(
        1, ge=1, description="processes, each with the tests of some files; more than 1 by pytest-xdist"
    )
    source: list[str] = Field([], description="packages to measure; none takes what coverage is configured to")

    def preflight(self, project: Project) -> None:
        """Refuse tests that are not there, and an environment without pytest."""
        for path in self.paths:
            if not project.path(path).exists():
                raise InputError(f"there are no tests at {path}", remedy="name files or folders of the project")
        _needed("pytest", "coverage", *(["xdist"] if self.workers > 1 else []))


class FailedTest(BaseModel):
    """A test that failed, or could not be run, and the first line of why."""

    __test__ = False

    name: str
    message: str


class TestsOutputs(Outputs):
    """How the tests ended; `coverage` is a folder with what they executed."""

    __test__ = False

    passed: int
    failed: int
    skipped: int
    seconds: float
    failures: list[FailedTest]
    junit: Path
    log: Path
    coverage: Path
    table: list[list[str]]


@action("tests.run", changes=("artifacts",))
def run(inputs: TestsInputs, context: Context) -> TestsOutputs:
    """Run pytest under coverage, in this environment."""
    junit, log, folder = (context.directory / name for name in ("junit.xml", "pytest.log", "coverage"))
    folder.mkdir(exist_ok=True)
    source = [f"--source={','.join(inputs.source)}"] if inputs.source else []
    markers = ["-m", inputs.markers] if inputs.markers else []
    spread = ["-n", str(inputs.workers), "--dist", "loadfile"] if inputs.workers > 1 else []
    began = time.monotonic()
    status = _python(
        context,
        ["-m", "coverage", "run", f"--data-file={folder / '.coverage'}", "--parallel-mode", *source],
        ["-m", "pytest", *inputs.paths, *markers, *spread, f"--junitxml={junit}"],
        log=log,
    )
    if status not in TELLS_OF_TESTS or not junit.exists():
        raise CommandError(f"pytest ended with exit status {status}", remedy=f"see {log}")
    cases = [] if status == NOTHING_COLLECTED else read_cases([junit])
    return _outputs(cases, junit, log, folder, time.monotonic() - began)


@check("tests.passed")
def all_passed(outputs: TestsOutputs) -> Iterator[Finding]:
    """Every test that was run passed; there was at least one."""
    evidence = [
        Evidence(name=name, value=value, unit="tests")
        for name, value in (("passed", outputs.passed), ("failed", outputs.failed), ("skipped", outputs.skipped))
    ]
    if outputs.failed:
        first = "; ".join(f"{one.name}: {one.message}" for one in outputs.failures[:SHOWN])
        yield failed(
            f"{outputs.failed} of {outputs.passed + outputs.failed} tests failed: {first}",
            evidence=evidence,
            remedy=f"see {outputs.log}",
        )
    elif not outputs.passed:
        yield not_available("there is no such test to run")
    else:
        skipped = f", {outputs.skipped} skipped" if outputs.skipped else ""
        yield passed(f"{outputs.passed} tests passed{skipped} in {outputs.seconds:.0f} s", evidence=evidence)


class CoverageInputs(Inputs):
    """The folders in which `tests.run` left what was executed."""

    folders: list[Path] = Field(min_length=1)


class CoverageOutputs(Outputs):
    """The share of the code the tests executed, in percent, in all and a file."""

    percent: float | None = Field(description="of lines, and of branches where the project measures them")
    files: dict[str, float]
    report: Path | None
    table: list[list[str]]


@action("tests.coverage", changes=("artifacts",))
def coverage(inputs: CoverageInputs, context: Context) -> CoverageOutputs:
    """Put together what several runs of the tests executed."""
    _needed("coverage")
    data, report, log = (context.directory / name for name in (".coverage", "coverage.json", "coverage.log"))
    found = [str(file) for folder in inputs.folders for file in context.project.path(folder).glob(".coverage*")]
    if not found:
        return CoverageOutputs(percent=None, files={}, report=None, table=[])
    # Named, and not set for all that is started: tests that run coverage themselves keep their own numbers.
    at = f"--data-file={data}"
    for command in (["combine", at, "--keep", *found], ["json", at, "--fail-under=0", "-o", str(report)]):
        status = _python(context, ["-m", "coverage", *command], log=log)
        if status:
            raise CommandError(f"coverage {command[0]} ended with exit status {status}", remedy=f"see {log}")
    told = json.loads(report.read_text(encoding="utf-8"))
    files = {name: float(one["summary"]["percent_covered"]) for name, one in told["files"].items()}
    least = sorted(files.items(), key=lambda item: item[1])[:SHOWN]
    return CoverageOutputs(
        percent=float(told["totals"]["percent_covered"]),
        files=files,
        report=report,
        table=[["least covered", "percent"], *([name, f"{percent:.0f}"] for name, percent in least)],
    )


@check("tests.coverage")
def covered(outputs: CoverageOutputs, *, minimum: float = 80) -> Iterator[Finding]:
    """The tests execute at least `minimum` percent of the code."""
    if outputs.percent is None:
        yield not_available("the tests executed nothing that is measured")
        return
    evidence = [
        Evidence(name="coverage", value=round(outputs.percent, 2), unit="%"),
        Evidence(name="files", value=len(outputs.files), unit="files"),
    ]
    message = f"{outputs.percent:.1f} % of {len(outputs.files)} files, {minimum:g} % wanted"
    if outputs.percent >= minimum:
        yield passed(message, evidence=evidence)
    else:
        least = ", ".join(name for name, _ in sorted(outputs.files.items(), key=lambda item: item[1])[:SHOWN])
        yield failed(message, evidence=evidence, remedy=f"test what is least covered: {least}")


@check("tests.speed")
def fast_enough(outputs: TestsOutputs, *, seconds: float = 600) -> Iterator[Finding]:
    """The tests take no longer than people wait for them."""
    evidence = [Evidence(name="duration", value=round(outputs.seconds, 1), unit="s")]
    message = f"{outputs.seconds:.0f} s, at most {seconds:g} s are wanted"
    if outputs.seconds <= seconds:
        yield passed(message, evidence=evidence)
    else:
        yield warned(message, evidence=evidence, remedy="mark slow tests, and share what is costly to set up")


def _python(context: Context, *arguments: Sequence[str], log: Path) -> int:
    """Run this environment's Python with these arguments in the project's root."""
    argv = (sys.executable, *chain(*arguments))
    return Programs().run(Command(argv, context.project.root), log)


def _needed(*modules: str) -> None:
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise DependencyMissingError(
            f"{' and '.join(missing)} is not installed beside zk0",
            remedy="uv pip install pytest pytest-cov pytest-xdist",
        )


def _outputs(cases: list[Case], junit: Path, log: Path, folder: Path, seconds: float) -> TestsOutputs:
    bad = [one for one in cases if one.outcome == "failed"]
    counts = {kind: sum(one.outcome == kind for one in cases) for kind in ("passed", "failed", "skipped")}
    return TestsOutputs(
        **counts,
        seconds=seconds,
        failures=[FailedTest(name=f"{one.place}::{one.name}", message=one.message) for one in bad],
        junit=junit,
        log=log,
        coverage=folder,
        table=[
            ["passed", "failed", "skipped", "time"],
            [*(str(number) for number in counts.values()), f"{seconds:.1f} s"],
        ],
    )
