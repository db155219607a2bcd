"""Each part of a project has a digest of its own, which only changes of that part change."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import git
import pytest

from zk0.checklists.snapshot import ProjectSnapshot, digests, why_stale
from zk0.core.checks import Part
from zk0.core.git import GitState
from zk0.core.project import Project
from zk0.core.receipts import Receipt


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("train.py", {Part.code, Part.history}),
        ("settings.yaml", {Part.code, Part.history}),
        ("README.md", {Part.documents, Part.history}),
        ("memory-bank/context.md", {Part.memory}),
        (".zk0/runs/r/receipts/a.json", {Part.runs}),
        (".zk0/runs/r/steps/unit/junit.xml", {Part.reports}),
        ("checklists/signatures/a.signed.json", {Part.history}),
    ],
)
def test_a_file_belongs_to_its_part_alone(project: Project, path: str, parts: set[Part]) -> None:
    before = digests(project)
    (project.root / path).parent.mkdir(parents=True, exist_ok=True)
    (project.root / path).write_text("mu = 0.5\n")

    after = digests(project)

    assert {part for part in after if after[part] != before[part]} == parts


def test_a_commit_and_a_tag_are_history_alone(repository: git.Repo, project: Project) -> None:
    before = digests(project)
    repository.create_tag("v1")

    assert {part for part, digest in digests(project).items() if digest != before[part]} == {Part.history}


type MakeReceipt = Callable[..., Receipt]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CODE = GitState(commit="a" * 40, tree="t1")


def test_the_same_code_under_another_commit_is_the_same(make_receipt: MakeReceipt) -> None:
    receipt = make_receipt(code=CODE)

    assert why_stale(receipt, ProjectSnapshot(GitState(commit="b" * 40, tree="t1"), NOON)) is None
    assert (
        why_stale(receipt, ProjectSnapshot(GitState(commit="a" * 40, dirty=True, changes="c", tree="t1"), NOON)) is None
    )


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (GitState(commit="b" * 40, tree="t2"), "the commit was aaaaaaaa and is bbbbbbbb"),
        (GitState(commit="a" * 40, changes="c", tree="t2"), "the uncommitted changes are others"),
        (GitState(commit="b" * 40), "the commit was aaaaaaaa and is bbbbbbbb"),
    ],
)
def test_other_code_is_named(make_receipt: MakeReceipt, code: GitState, told: str) -> None:
    assert why_stale(make_receipt(code=CODE), ProjectSnapshot(code, NOON)) == told


def test_another_version_of_a_package_is_named(make_receipt: MakeReceipt) -> None:
    receipt = make_receipt(code=CODE).changed(environment={"torch": "2.9", "flwr": "1.42"})

    assert why_stale(receipt, ProjectSnapshot(CODE, NOON, environment={"torch": "2.9"})) is None
    assert why_stale(receipt, ProjectSnapshot(CODE, NOON, environment={"torch": "2.10"})) == "torch was 2.9 and is 2.10"


def test_what_was_made_and_is_gone_is_named(make_receipt: MakeReceipt) -> None:
    receipt = make_receipt(code=CODE)

    assert (
        why_stale(receipt, ProjectSnapshot(CODE, NOON, gone=frozenset({receipt.digest})))
        == "what it made is gone or was changed"
    )


def of_project(make_receipt: MakeReceipt, **basis: str | None) -> Receipt:
    return make_receipt(code=CODE).changed(outputs={"basis": {"zk0": "1", **basis}})


def test_an_answer_holds_while_what_it_read_is_as_it_was(make_receipt: MakeReceipt) -> None:
    receipt = of_project(make_receipt, code="1", runs="2")

    assert (
        why_stale(receipt, ProjectSnapshot(GitState(), NOON, parts={Part.code: "1", Part.runs: "2", Part.memory: "x"}))
        is None
    )
    assert (
        why_stale(receipt, ProjectSnapshot(GitState(), NOON, parts={Part.code: "1", Part.runs: "3"}))
        == "the runs changed"
    )


def test_what_was_measured_of_the_machine_holds_for_an_hour(make_receipt: MakeReceipt) -> None:
    receipt = of_project(make_receipt, machine=None)

    assert why_stale(receipt, ProjectSnapshot(CODE, NOON + timedelta(minutes=50))) is None
    assert why_stale(receipt, ProjectSnapshot(CODE, NOON + timedelta(minutes=70))) == "more than 60 minutes have passed"
