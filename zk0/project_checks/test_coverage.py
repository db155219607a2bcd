"""The coverage of the project's tests, of the step that is judged or of the last runs (`test-coverage.*`)."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zk0.core.checks import CheckContext, Part, check, register_subject
from zk0.core.errors import AssetMissingError
from zk0.core.process import run_program
from zk0.core.verdicts import Evidence, Finding, not_available, passed_if
from zk0.project_checks.test_suite import fresh_reports

COVERAGE = ("coverage.json", ".coverage")
HOW = "zk0 run testing, or coverage run -m pytest && coverage json"
LEAST_COVERED = 5  # files named in a remedy
READS = (Part.code, Part.reports)


@dataclass(frozen=True)
class CoverageReport:
    """The shares of lines and branches that tests executed, in percent, and of each file; None: not measured."""

    lines: float | None
    branches: float | None
    files: dict[str, float]


def _coverage_report(context: CheckContext) -> CoverageReport:
    """Return the coverage report of the step that is judged, or else of the project's test runs."""
    if context.outputs and hasattr(context.outputs, "report"):
        written = context.outputs.report
        return _read_coverage(Path(written)) if written else CoverageReport(None, None, {})
    report = fresh_reports(context.project, COVERAGE, "coverage.json", "coverage.json", HOW)[-1]
    if report.name != ".coverage":
        return _read_coverage(report)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "coverage.json"
        command = ["coverage", "json", "-q", "--fail-under=0", "-o", str(out)]
        ended = run_program(*command, cwd=context.project.root)
        if ended.status or not out.is_file():
            raise AssetMissingError(f".coverage can't be read: {ended.reason}", remedy=HOW)
        return _read_coverage(out)


register_subject(CoverageReport, _coverage_report, reads=READS)


@check("test-coverage.lines", aliases={"tests.coverage": {"minimum": "percent"}})
def lines(coverage: CoverageReport, *, percent: float = 80) -> Finding:
    """The tests cover enough of the code."""
    if coverage.lines is None:
        return not_available("the tests executed no code that is measured")
    return _enough("of the code is covered", coverage.lines, percent, coverage)


@check("test-coverage.branches")
def branches(coverage: CoverageReport, *, percent: float = 75) -> Finding:
    """The tests take enough of the branches, so that they cover edge cases and errors."""
    if coverage.branches is None:
        return not_available("branches were not measured: set `branch = true` in [tool.coverage.run]")
    return _enough("of the branches are taken", coverage.branches, percent, coverage)


def _enough(what: str, share: float, percent: float, coverage: CoverageReport) -> Finding:
    evidence = [Evidence(name="covered", value=round(share, 2), unit="%")]
    message = f"{share:.1f} % {what}, {percent:g} % wanted"
    least = sorted(coverage.files, key=lambda name: coverage.files[name])[:LEAST_COVERED]
    remedy = f"test the least covered files: {', '.join(least)}" if least else "coverage report --show-missing"
    return passed_if(share >= percent, message, evidence=evidence, remedy=remedy)


def _read_coverage(path: Path) -> CoverageReport:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        totals: dict[str, Any] = dict(content["totals"])
        files = {name: float(one["summary"]["percent_covered"]) for name, one in content.get("files", {}).items()}
        count = totals.get("num_branches")
        branches = 100 * totals["covered_branches"] / count if count else None
        return CoverageReport(float(totals["percent_covered"]), branches, files)
    except (ValueError, KeyError, TypeError) as error:
        raise AssetMissingError(f"{path.name} is not a coverage report: {error}", remedy=HOW) from error
