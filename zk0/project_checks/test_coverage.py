"""The coverage of the project's tests, of the step that is judged or of the last runs (`test-coverage.*`).

Without a step it is that of the whole library, whatever the project's configuration includes: what a report leaves out,
as a file or as excluded lines, was not covered.
"""

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zk0.core.checks import CheckContext, Part, check, register_subject
from zk0.core.errors import AssetMissingError
from zk0.core.project import Project
from zk0.core.verdicts import Evidence, Finding, not_available, passed_if
from zk0.project_checks.sources import Module, library
from zk0.project_checks.test_suite import reports_of

HOW = "zk0 run testing"
LEAST_COVERED = 5  # files named in a remedy
READS = (Part.code, Part.runs, Part.reports)


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
    return _of_library(context.project, reports_of(context.project, "tests.coverage", "report")[-1])


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


def _of_library(project: Project, path: Path) -> CoverageReport:
    """Return the coverage of every module of the library; one that the report leaves out has none."""
    try:
        files = json.loads(path.read_text(encoding="utf-8"))["files"]
        counts = {one.name: _counts(one, files.get(one.name, {}).get("summary", {})) for one in library(project)}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise AssetMissingError(f"{path.name} is not a coverage report: {error}", remedy=HOW) from error
    lines, of_lines, branches, of_branches = (sum(column) for column in zip(*counts.values(), strict=True))
    return CoverageReport(
        100 * lines / of_lines if of_lines else None,
        100 * branches / of_branches if of_branches else None,
        {name: 100 * one[0] / one[1] for name, one in counts.items() if one[1]},
    )


def _counts(module: Module, summary: Mapping[str, int]) -> tuple[int, int, int, int]:
    """Return how many lines are covered and there are, then of branches."""
    if not summary:
        return 0, sum(isinstance(node, ast.stmt) for node in ast.walk(module.tree)), 0, 0
    lines = summary["num_statements"] + summary.get("excluded_lines", 0)
    return summary["covered_lines"], lines, summary.get("covered_branches", 0), summary.get("num_branches", 0)


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
