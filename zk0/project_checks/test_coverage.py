"""Coverage: how much of the code the tests of the last run reached, in lines and in branches."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zk0.core.checks import Part, check
from zk0.core.errors import AssetMissingError
from zk0.core.process import run_program
from zk0.core.project import Project
from zk0.core.verdicts import Evidence, Finding, failed, not_available, passed
from zk0.project_checks.test_suite import fresh_reports

NAMES = ("coverage.json", ".coverage")
HOW = "zk0 run testing, or coverage run -m pytest && coverage json"
READS = (Part.code, Part.reports)


@check("test-coverage.lines", reads=READS)
def lines(project: Project, *, percent: float = 80) -> Iterator[Finding]:
    """The tests cover enough of the code."""
    totals = _totals(project)
    yield _enough("of the code is covered", float(totals["percent_covered"]), percent)


@check("test-coverage.branches", reads=READS)
def branches(project: Project, *, percent: float = 75) -> Iterator[Finding]:
    """The tests take enough of the branches, so that edge cases and errors are among what is tested."""
    totals = _totals(project)
    if not totals.get("num_branches"):
        yield not_available("branches were not measured: set `branch = true` in [tool.coverage.run]")
        return
    share = 100 * totals["covered_branches"] / totals["num_branches"]
    yield _enough(f"of {totals['num_branches']} branches are taken", share, percent)


def _enough(what: str, share: float, percent: float) -> Finding:
    evidence = [Evidence(name="covered", value=round(share, 2), unit="%")]
    told = f"{share:.1f} % {what}, {percent:g} % wanted"
    if share >= percent:
        return passed(told, evidence=evidence)
    return failed(told, evidence=evidence, remedy="coverage report --show-missing")


def _totals(project: Project) -> dict[str, Any]:
    report = fresh_reports(project, NAMES, "coverage.json", "coverage.json")[-1]
    if report.name == ".coverage":
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "coverage.json"
            ended = run_program("coverage", "json", "-q", "--fail-under=0", "-o", str(out), cwd=project.root)
            if ended.status or not out.is_file():
                reason = (ended.err or ended.out).strip().partition("\n")[0]
                raise AssetMissingError(f".coverage can't be read: {reason}", remedy=HOW)
            return _read(out)
    return _read(report)


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))["totals"])
    except (ValueError, KeyError, TypeError) as error:
        raise AssetMissingError(f"{path.name} is no report of coverage: {error}", remedy=HOW) from error
