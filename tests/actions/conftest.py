"""What surrounds an action, and a way to run a check as a workflow does."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zk0.core.checks import CHECKS, CheckContext
from zk0.core.project import Project
from zk0.core.verdicts import Finding
from zk0.workflow.actions import Context, Outputs


@pytest.fixture
def told() -> list[tuple[int, int, str]]:
    """What progress was told."""
    return []


@pytest.fixture
def context(tmp_path: Path, told: list[tuple[int, int, str]]) -> Context:
    def progress(done: int, total: int, note: str = "") -> None:
        told.append((done, total, note))

    (tmp_path / "step").mkdir()
    return Context(Project(tmp_path), "run-1", "step", tmp_path / "step", seed=7, progress=progress)


@pytest.fixture(scope="session")
def judge() -> Callable[..., list[Finding]]:
    """Judge outputs by the check of this name; a check that takes other outputs is refused, as in a workflow."""

    def judged(name: str, outputs: Outputs, **options: Any) -> list[Finding]:
        check = CHECKS.get(name)
        assert check.refuse(type(outputs)) is None
        return check.run(CheckContext(Project.find(), outputs), options)

    return judged


@pytest.fixture(scope="session")
def numbers() -> Callable[[Finding], dict[str, Any]]:
    """Return the evidence of a finding, each value by its name."""
    return lambda finding: {one.name: one.value for one in finding.evidence}
