"""Test code against a contract; a contract's module, and with it PyTorch, is imported when it is asked for."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING

from .arrays import has_torch
from .certain import CertainFaultError, raised_by_target
from .errors import HarnessError, TargetError
from .findings import PointFinding, Points, failed
from .targets import describe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import ModuleType

WORKFLOWS = {"proximal": "fedprox-debug", "aggregation": "aggregation-fix", "exchange": "aggregation-fix"}


def import_contract(contract: str) -> ModuleType:
    """Import a contract's module, and PyTorch where it is installed: seconds that are not the target's."""
    has_torch()
    return import_module(f".{contract}", __package__)


def findings_of(contract: str, target: object, root: Path, *, strict: bool = False) -> Iterator[PointFinding]:
    """Yield a finding for each point of a contract; `strict` makes failures of warnings.

    `target` is a text that names the code, or the code itself; for an exchange a tuple of two functions, too.

    Raises:
        HarnessError: the target can't be found or called.
    """
    points_of = getattr(import_contract(contract), f"{contract}_points")
    at, points = points_of(target, root)
    for point, finding in _with_errors(contract, target, points, root):
        verdict = "fail" if strict and finding.verdict == "warn" else finding.verdict
        workflow = WORKFLOWS[contract] if finding.fault else None
        yield replace(finding, check=f"probe.{contract}.{point}", at=at, verdict=verdict, workflow=workflow)


def _with_errors(contract: str, target: object, points: Points, root: Path) -> Points:
    """Yield the points, and as a finding what the code raises; an error of the harness itself stays one."""
    judged = False
    try:
        for point in points:
            judged = True
            yield point
    except CertainFaultError as error:
        yield "runs", error.finding
    except HarnessError:
        raise
    except Exception as error:
        if not raised_by_target(error, root):
            raise
        if not judged:
            raise TargetError(
                f"{target} can't be called: {describe(error, root)}",
                remedy=f"zk0 probe {contract} {target} --adapter\nwrites a small file that calls it, to complete",
            ) from error
        cause = "it worked at first: it depends on what it is given, or on how often it is called"
        yield (
            "runs",
            failed(f"your code raises {describe(error, root)}", "code-raises", cause, "mend the line that raises"),
        )
