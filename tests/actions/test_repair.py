"""A repair as two steps: begin it, and keep or undo it."""

from dataclasses import replace

import git
import pytest

from zk0.actions.repair import BeginInputs, EndInputs, begin, end
from zk0.core.errors import RepairError


@pytest.fixture
def repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with git.Repo.init(tmp_path, initial_branch="main") as repository:
        with repository.config_writer() as config:
            config.set_value("user", "name", "Tester").set_value("user", "email", "tester@example.org")
        (tmp_path / ".gitignore").write_text("step\n")
        (tmp_path / "train.py").write_text("loss = 1\n")
        repository.git.add("--all")
        repository.git.commit("--message", "Begin")
        yield repository


@pytest.fixture
def begun(repository, context):
    return begin(BeginInputs(), context)


def ended(begun, context, *, proven):
    given = begun.model_dump() | {"proven": proven, "title": "Mend the loss", "reasons": ["loss-wrong: it was 1"]}
    return end(EndInputs(**given), context)


def test_a_proven_repair_is_a_commit_that_names_the_run(repository, begun, context, judge, tmp_path):
    (tmp_path / "train.py").write_text("loss = 2\n")

    outputs = ended(begun, context, proven=True)

    [finding] = judge("repair.kept", outputs)
    assert repository.head.commit.message == "Mend the loss\n\nloss-wrong: it was 1\n\nProven by run run-1 of zk0.\n"
    assert finding.verdict == "pass"
    assert f"git switch main && git merge {outputs.branch}" in finding.message


def test_any_other_repair_is_a_patch(repository, begun, context, judge, tmp_path):
    (tmp_path / "train.py").write_text("loss = 2\n")

    outputs = ended(begun, context, proven=False)

    [finding] = judge("repair.kept", outputs)
    assert (finding.verdict, outputs.commit) == ("fail", None)
    assert f"git apply {outputs.patch}" in finding.remedy
    assert (tmp_path / "train.py").read_text() == "loss = 1\n"
    assert "+loss = 2" in outputs.patch.read_text()


def test_a_repair_has_begun_when_its_branch_is_checked_out(repository, begun, judge):
    assert judge("repair.begun", begun)[0].message.startswith("on zk0/run-1, from main at ")
    repository.git.switch("main")
    assert judge("repair.begun", begun)[0].remedy == "git switch zk0/run-1"


def test_a_second_repair_of_a_run_is_refused(begun, context):
    with pytest.raises(RepairError):
        begin(BeginInputs(), replace(context))
