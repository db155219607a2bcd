"""A project in a real git repository, receipts of runs in it, and entries."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import git
import pytest

from zk0.core.git import GitState
from zk0.core.project import Project
from zk0.core.receipts import Failure, Receipt
from zk0.core.verdicts import Finding, Verdict, worst
from zk0.memory.bank import Bank
from zk0.memory.entries import Entry, Kind

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Give a project in a repository with one commit."""
    repository = git.Repo.init(tmp_path / "project", initial_branch="main")
    root = Path(repository.working_dir)
    (root / ".gitignore").write_text(".zk0/\n")
    (root / "train.py").write_text("mu = 0.01\n")
    repository.index.add([".gitignore", "train.py"])
    author = git.Actor("A person", "person@example.org")
    repository.index.commit("Begin", author=author, committer=author)
    repository.close()
    return Project(root)


@pytest.fixture
def bank(project: Project) -> Bank:
    """Give the bank of that project."""
    return Bank.of(project)


@pytest.fixture
def make_receipt() -> Callable[..., Receipt]:
    """Give a function that makes the receipt of a step, by default of one that took two seconds from noon on."""

    def make(
        *findings: Finding,
        step: str = "federate",
        run: str = "run-1",
        workflow: str = "train",
        code: GitState | None = None,
        outputs: dict[str, Any] | None = None,
        failure: Failure | None = None,
        after: timedelta = timedelta(0),
    ) -> Receipt:
        verdict = worst(finding.verdict for finding in findings) if findings else Verdict.passed
        return Receipt(
            run=run,
            workflow=workflow,
            step=step,
            title=f"The step {step}",
            uses="federation.run",
            inputs={},
            code=code or GitState(),
            environment={},
            started=NOON + after,
            finished=NOON + after + timedelta(seconds=2),
            outputs=outputs or {},
            findings=findings,
            verdict=Verdict.error if failure else verdict,
            failure=failure,
        )

    return make


@pytest.fixture
def make_entry() -> Callable[..., Entry]:
    """Give a function that makes an entry of an agent, by default a fact of noon."""

    def make(title: str, kind: Kind = Kind.fact, *, after: timedelta = timedelta(0), **fields: object) -> Entry:
        generated = {"by": "agent:tester/1", "at": NOON + after}
        return Entry.model_validate({"kind": kind, "title": title, "generated": generated, **fields})

    return make
