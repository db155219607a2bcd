"""A project in a repository of its own, and the program as a user starts it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import git
import pytest

HERE = Path(__file__).parent

type Zk0 = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a folder that is a git repository with one commit."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "README.md").write_text("# A robot project\n")
    with git.Repo.init(root, initial_branch="main") as repository:
        with repository.config_writer() as config:
            config.set_value("user", "name", "Tester").set_value("user", "email", "tester@example.org")
        repository.index.add(["README.md"])
        repository.index.commit("Begin")
    return root


@pytest.fixture
def fleet(project: Path) -> Iterator[git.Repo]:
    """Give the foreign project, committed."""
    shutil.copytree(HERE / "foreign" / "fleet", project / "fleet", ignore=shutil.ignore_patterns("__pycache__"))
    (project / "pyproject.toml").write_text('[project]\nname = "fleet"\nversion = "0"\n')
    (project / ".gitignore").write_text("__pycache__/\n")
    with git.Repo(project) as repository:
        repository.git.add("--all")
        repository.git.commit("--message", "The fleet as it was")
        yield repository


@pytest.fixture
def zk0(project: Path, cache: Path) -> Zk0:
    """Return a function that runs `zk0` in the project."""

    def run(*arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "zk0", *arguments],
            cwd=project,
            env=os.environ | {"ZK0_CACHE": str(cache), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run
