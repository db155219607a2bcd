"""A project on the disk and the real program in it."""

import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from zk0.core.project import Project
from zk0.workflow.run import RunDirectory, run_directories

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "tests" / "workflow" / "plugin"
sys.path.insert(0, str(PLUGIN))

with warnings.catch_warnings():
    # The Typer that Flower allows reaches, on import, for names that the newest Click calls deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from zk0.cli import main
    from zk0.cli.application import app  # noqa: F401  imported for its warnings


@dataclass(frozen=True)
class Program:
    """`python -m zk0` in a project, as a user starts it."""

    root: Path

    @property
    def environment(self) -> dict[str, str]:
        path = os.pathsep.join(filter(None, (str(ROOT), str(PLUGIN), os.environ.get("PYTHONPATH"))))
        return {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"}

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "zk0", *arguments]
        return subprocess.run(
            command, cwd=self.root, env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "zk0", *arguments]
        return subprocess.Popen(
            command, cwd=self.root, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )


@pytest.fixture
def program(tmp_path: Path) -> Program:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "workflows").mkdir()
    return Program(tmp_path)


@pytest.fixture
def write(program: Program) -> Callable[..., None]:
    """Write a workflow file, given its steps."""

    def written(name: str, steps: str, head: str = "") -> None:
        text = f"name: {name}\ntitle: The {name}\npurpose: To try.\n{head}steps:\n{steps}"
        (program.root / "workflows" / f"{name}.yaml").write_text(text)

    return written


@pytest.fixture
def command(program: Program, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable:
    """Run a command line in this process and return its exit status and what it printed."""
    monkeypatch.chdir(program.root)
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(arguments)
        return status, *capfd.readouterr()

    return run


def wait_for(condition, seconds: float = 20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


def in_flight(root: Path, step: str) -> RunDirectory | None:
    for run in run_directories(Project(root)):
        if run.journal.exists() and f'"step":"{step}"' in run.journal.read_text():
            return run
    return None
