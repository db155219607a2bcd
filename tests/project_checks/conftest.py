"""Small projects in real git repositories, and a way to ask one check about them."""

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from zk0.core.app_subject import APP
from zk0.core.checks import CHECKS, CheckContext
from zk0.core.project import Project
from zk0.core.receipts import Receipt
from zk0.core.verdicts import Finding, Verdict

PYPROJECT = '[project]\nname = "small"\nversion = "0.1.0"\nrequires-python = ">=3.12"\ndependencies = []\n'
PYPROJECT += "".join(["[tool.flwr.app.components]\n", *(f'{kind} = "{app}"\n' for kind, app in APP.items())])


class Small:
    """A project that is written file by file and committed at will."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.git("init", "-q", "-b", "main")
        self.write({"pyproject.toml": PYPROJECT, ".gitignore": ".zk0/\n__pycache__/\n"})

    @property
    def project(self) -> Project:
        return Project(self.root)

    def git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=A person", "-c", "user.email=person@example.org", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", *identity, *arguments], cwd=self.root, check=True, capture_output=True, text=True)
        return done.stdout

    def write(self, files: dict[str, str]) -> "Small":
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return self

    def commit(self, message: str = "Change", tag: str | None = None) -> "Small":
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        if tag:
            self.git("tag", tag)
        return self

    def ask(self, check: str, **options: object) -> list[Finding]:
        return CHECKS.get(check).run(CheckContext(self.project), options)

    def verdicts(self, check: str, **options: object) -> set[str]:
        return {str(finding.verdict) for finding in self.ask(check, **options)}


@pytest.fixture
def small(tmp_path: Path) -> Small:
    root = tmp_path / "small"
    root.mkdir()
    return Small(root)


@pytest.fixture
def receipt(save_receipt: Callable[..., None]) -> Callable[..., Receipt]:
    """Give a function that stores the receipt of a step that ran just now."""

    def store(small: Small, *, uses: str, run: str = "20260301-120000-train-0000", **fields: Any) -> Receipt:
        now = datetime.now(UTC)
        stored = Receipt(
            run=run,
            workflow="train",
            title=f"Do {uses}",
            uses=uses,
            inputs={},
            code=small.project.git_state(),
            environment={},
            started=now - timedelta(seconds=90),
            finished=now,
            **{"verdict": Verdict.passed, "step": uses.replace(".", "-"), **fields},
        )
        save_receipt(small.project, stored)
        return stored

    return store


LOOK = "name: look\ntitle: Look\npurpose: To try.\nsteps:\n  - {id: look, title: Look around, run: [ls]}\n"


@pytest.fixture
def ran(small: Small, monkeypatch: pytest.MonkeyPatch) -> Small:
    """Give a project in which a workflow of one step has run."""
    from zk0.cli import main

    small.write({"workflows/look.yaml": LOOK, "small/__init__.py": ""}).commit()
    monkeypatch.chdir(small.root)
    assert main(["run", "look", "--quiet"]) == 0
    return small
