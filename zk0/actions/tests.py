"""Run a project's tests with pytest, and measure how much of its code they execute."""

import json
import time
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from pydantic import BaseModel, Field

from zk0.core.checks import check
from zk0.core.errors import CommandError, DependencyMissingError, InputError
from zk0.core.interpreters import interpreter_of, project_python
from zk0.core.project import Project
from zk0.core.verdicts import Evidence, Finding, passed_if
from zk0.project_checks.test_suite import read_cases
from zk0.workflow.actions import Context, Inputs, Outputs, action
from zk0.workflow.programs import Command, Programs

NOTHING_COLLECTED = 5  # pytest's exit statuses: https://docs.pytest.org/en/stable/reference/exit-codes.html
TESTS_RAN = (0, 1, 2)  # the others are errors of usage, or of pytest itself
SHOWN = 5  # failures and files named in a sentence


class TestsInputs(Inputs):
    """Which tests to run; `markers` is a pytest expression such as `not slow`."""

    __test__ = False  # to pytest

    paths: list[str] = Field([], description="files or folders; none: those that pytest is configured to run")
    markers: str = ""
    workers: int = Field(
        1, ge=1, description="processes, each with the tests of some files; more than 1 by pytest-xdist"
    )
    source: list[str] = Field([], description="packages to measure; none: those that coverage is configured to measure")

    def preflight(self, project: Project) -> None:
        """Refuse missing tests, and an interpreter of the project without pytest."""
        for path in self.paths:
            if not project.path(path).exists():
                raise InputError(f"there are no tests at {path}", remedy="name files or folders of the project")
        _require(project, "pytest", "coverage", *(["pytest-xdist"] if self.workers > 1 else []))


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
    """Run pytest under coverage, in the interpreter of the project's own code."""
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
    cases = read_cases([junit]) if status in TESTS_RAN and junit.exists() else []
    if not cases and status != NOTHING_COLLECTED:
        raise CommandError(f"pytest ended with exit status {status}", remedy=f"see {log}")
    seconds = time.monotonic() - began
    counts = {kind: sum(one.outcome == kind for one in cases) for kind in ("passed", "failed", "skipped")}
    bad = [FailedTest(name=one.id, message=one.message) for one in cases if one.outcome == "failed"]
    table = [[*counts, "time"], [*map(str, counts.values()), f"{seconds:.1f} s"]]
    return TestsOutputs(**counts, seconds=seconds, failures=bad, junit=junit, log=log, coverage=folder, table=table)


class CoverageInputs(Inputs):
    """The `coverage` folders of some `tests.run` steps."""

    folders: list[Path] = Field(min_length=1)


class CoverageOutputs(Outputs):
    """The share of the code that the tests executed, in percent, in total and by file."""

    percent: float | None = Field(description="of lines, and of branches where the project measures them")
    files: dict[str, float]
    report: Path | None
    table: list[list[str]]


@action("tests.coverage", changes=("artifacts",))
def coverage(inputs: CoverageInputs, context: Context) -> CoverageOutputs:
    """Combine the coverage of several test runs."""
    _require(context.project, "coverage")
    data, report, log = (context.directory / name for name in (".coverage", "coverage.json", "coverage.log"))
    data_files = [str(file) for folder in inputs.folders for file in context.project.path(folder).glob(".coverage*")]
    if not data_files:
        return CoverageOutputs(percent=None, files={}, report=None, table=[])
    # An option, not an environment variable: tests that run coverage themselves keep their own numbers.
    at = f"--data-file={data}"
    for command in (["combine", at, "--keep", *data_files], ["json", at, "--fail-under=0", "-o", str(report)]):
        status = _python(context, ["-m", "coverage", *command], log=log)
        if status:
            raise CommandError(f"coverage {command[0]} ended with exit status {status}", remedy=f"see {log}")
    content = json.loads(report.read_text(encoding="utf-8"))
    files = {name: float(one["summary"]["percent_covered"]) for name, one in content["files"].items()}
    least = sorted(files.items(), key=lambda item: item[1])[:SHOWN]
    return CoverageOutputs(
        percent=float(content["totals"]["percent_covered"]),
        files=files,
        report=report,
        table=[["least covered", "percent"], *([name, f"{percent:.0f}"] for name, percent in least)],
    )


@check("tests.speed")
def fast_enough(outputs: TestsOutputs, *, seconds: float = 600) -> Finding:
    """The tests are fast enough to be run often."""
    evidence = [Evidence(name="duration", value=round(outputs.seconds, 1), unit="s")]
    message = f"{outputs.seconds:.0f} s, at most {seconds:g} s are wanted"
    remedy = "mark slow tests, and share what is costly to set up"
    return passed_if(outputs.seconds <= seconds, message, evidence=evidence, doubtful=True, remedy=remedy)


def _python(context: Context, *arguments: Sequence[str], log: Path) -> int:
    """Run the project's Python with these arguments in the project's root."""
    argv = (str(project_python(context.project)), *chain(*arguments))
    return Programs().run(Command(argv, context.project.root), log).status


def _require(project: Project, *packages: str) -> None:
    python = interpreter_of(project)
    if missing := [name for name in packages if name not in python.packages]:
        names, plural = " and ".join(missing), "is" if len(missing) == 1 else "are"
        raise DependencyMissingError(
            f"{names} {plural} not installed in {python.path}, which runs this project's code",
            remedy=f"uv pip install --python {python.path} {' '.join(missing)}",
        )
