"""Speed: the last benchmark results, compared with a stored baseline (`speed.*`).

The results are `python -m benchmarks --save FILE`'s (a name, a number and a unit each) or pytest-benchmark's.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zk0.core.checks import Part, check
from zk0.core.errors import AssetMissingError
from zk0.core.project import Project
from zk0.core.verdicts import Evidence, Finding, not_available, warned
from zk0.project_checks.problems import judge

RESULTS = (".zk0/reports/benchmarks.json", "benchmarks.json")
BASELINES = ("benchmarks/baseline.json", ".benchmarks/baseline.json")
HOW = "nox -s bench -- --save .zk0/reports/benchmarks.json"
SECONDS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "us": 1e-6, "ns": 1e-9, "min": 60.0}
QUANTITY = re.compile(r"(?P<number>\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?)\s*(?P<unit>\S+)?")


@check("speed.limits", reads=(Part.code, Part.reports))
def within_limits(project: Project, *, factor: float = 1.5) -> Iterator[Finding]:
    """No benchmark is slower than its stored baseline by more than a factor that noise explains."""
    result = _first(project, RESULTS, "no benchmark has been run")
    baseline = _first(project, BASELINES, "no baseline to compare with")
    measured, promised = read_times(result), read_times(baseline)
    if read_machine(result) != read_machine(baseline):
        yield warned(f"{baseline.name} was measured on another machine: {read_machine(baseline)}", remedy=HOW)
    common = sorted(set(measured) & set(promised))
    if not common:
        yield not_available("no benchmark of the baseline was measured")
    for name in common:
        ratio = measured[name] / promised[name] if promised[name] else float("inf")
        times = {name: measured[name], "baseline": promised[name]}
        yield judge(
            ratio <= factor,
            f"{measured[name]:.3g} s, {ratio:.2f} times the baseline",
            at=name,
            evidence=[Evidence(name=what, value=seconds, unit="s") for what, seconds in times.items()],
            remedy="measure again alone; then find what became slower",
        )
    if missing := sorted(set(promised) - set(measured)):
        yield warned(f"{len(missing)} were not measured, {missing[0]} for one", remedy=HOW)


def read_times(path: Path) -> dict[str, float]:
    """Return the times of a file of results, in seconds, by name; other quantities are left out.

    Raises:
        AssetMissingError: it holds no results.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise AssetMissingError(f"{path.name} holds no results: {error}", remedy=HOW) from error
    if isinstance(content, dict) and isinstance(content.get("benchmarks"), list):  # pytest-benchmark
        return {str(one["name"]): float(one["stats"]["median"]) for one in content["benchmarks"]}
    results = content.get("results", content) if isinstance(content, dict) else {}
    pairs = results.items() if isinstance(results, dict) else ()
    return {name: seconds for name, value in pairs if (seconds := _seconds(value)) is not None}


def read_machine(path: Path) -> object:
    """Return the machine of a file of results; None if it names none."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return (content.get("machine") or content.get("machine_info")) if isinstance(content, dict) else None


def _seconds(value: Any) -> float | None:
    if isinstance(value, int | float):
        return float(value)
    match = QUANTITY.match(str(value))
    if not match or match["unit"] not in SECONDS:
        return None
    return float(match["number"].replace(",", "")) * SECONDS[match["unit"]]


def _first(project: Project, names: tuple[str, ...], missing: str) -> Path:
    for name in names:
        if (path := project.root / name).is_file():
            return path
    raise AssetMissingError(f"{missing} ({' or '.join(names)})", remedy=HOW)
