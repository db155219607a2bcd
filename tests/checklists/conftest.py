"""A project in a real git repository, and receipts of runs in it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import git
import pytest

from zk0.core.git import GitState
from zk0.core.project import Project
from zk0.core.receipts import Receipt
from zk0.core.verdicts import Finding, Verdict, worst

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

type MakeReceipt = Callable[..., Receipt]


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[git.Repo]:
    """Give a repository with one commit; zk0's state is ignored, as in every project of zk0."""
    with git.Repo.init(tmp_path / "project", initial_branch="main") as repository:
        root = Path(repository.working_dir)
        (root / ".gitignore").write_text(".zk0/\n")
        (root / "train.py").write_text("mu = 0.01\n")
        repository.index.add([".gitignore", "train.py"])
        author = git.Actor("A person", "person@example.org")
        repository.index.commit("Begin", author=author, committer=author)
        yield repository


@pytest.fixture
def project(repository: git.Repo) -> Project:
    """Give the project of that repository."""
    return Project(Path(repository.working_dir))


@pytest.fixture
def make_receipt() -> MakeReceipt:
    """Give a function that makes the receipt of a step, by default of a step that ran at noon outside a repository."""

    def make(
        *findings: Finding,
        step: str = "data",
        run: str = "run-1",
        workflow: str = "train",
        code: GitState | None = None,
        after: timedelta = timedelta(0),
    ) -> Receipt:
        return Receipt(
            run=run,
            workflow=workflow,
            step=step,
            title=f"The step {step}",
            uses="data.prepare",
            inputs={},
            code=code or GitState(),
            environment={},
            started=NOON + after,
            finished=NOON + after + timedelta(seconds=2),
            findings=findings,
            verdict=worst(finding.verdict for finding in findings) if findings else Verdict.passed,
        )

    return make
