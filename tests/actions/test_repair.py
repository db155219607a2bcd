"""A repair as two steps: begin it, and keep or undo it."""

from dataclasses import replace

import git
import pytest

from zk0.actions.repair import BeginInputs, EndInputs, begin, end
from zk0.core.errors import RepairError
from zk0.workflow.actions import Outputs


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


def ended(begun, context, proof):
    given = begun.model_dump() | {"proof": proof, "title": "Mend the loss", "reasons": ["loss-wrong: it was 1"]}
    return end(EndInputs(**given), context)


def test_a_proven_repair_is_a_commit_that_names_the_run(repository, begun, context, judge, tmp_path):
    (tmp_path / "train.py").write_text("loss = 2\n")

    outputs = ended(begun, context, "proven")

    [finding] = judge("repair.kept", outputs)
    assert repository.head.commit.message == "Mend the loss\n\nloss-wrong: it was 1\n\nProven by run run-1 of zk0.\n"
    assert finding.verdict == "pass"
    assert f"git switch main && git merge {outputs.branch}" in finding.message


def test_a_probed_repair_is_a_commit_that_is_nowhere_called_proven(repository, begun, context, judge, tmp_path):
    (tmp_path / "train.py").write_text("loss = 2\n")

    outputs = ended(begun, context, "probed")

    [finding] = judge("repair.kept", outputs)
    assert repository.head.commit.message.splitlines()[4].startswith("Probed by run run-1 of zk0, not proven")
    assert (finding.verdict, outputs.shown_by) == ("warn", repository.head.commit.message.splitlines()[4])
    assert finding.message.startswith("probed, not proven: 1 files in commit")


def test_any_other_repair_is_a_patch(repository, begun, context, judge, tmp_path):
    (tmp_path / "train.py").write_text("loss = 2\n")

    outputs = ended(begun, context, "none")

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


CODE = (
    "raise SystemExit\n\ndef setup():\n    pass\n\nclass Trainer:\n    async def step(self):\n" + "        x = 1\n" * 9
)


@pytest.fixture
def defines(tmp_path, monkeypatch, judge):
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "train.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    return lambda **options: judge("code.defines", Outputs(), **options)


def test_functions_and_methods_are_found_with_their_length(defines):
    findings = defines(files=["app"], functions=["setup", "step"])

    assert [finding.message for finding in findings] == ["setup, 2 lines", "step, 10 lines"]
    assert [finding.at for finding in findings] == ["app/train.py:3", "app/train.py:7"]


def test_a_missing_or_long_function_fails(defines):
    missing, long = defines(files=["app/train.py"], functions=["loop", "step"], longest=9)

    assert (missing.verdict, missing.message) == ("fail", "no function loop")
    assert (long.verdict, long.message) == ("fail", "step has 10 lines, at most 9 are wanted")


def test_code_that_is_no_python_is_told_with_its_line(defines, tmp_path):
    (tmp_path / "app" / "broken.py").write_text("x = 1\ndef (:\n")

    [finding] = defines(files=["app"], functions=["setup"])

    assert finding.verdict == "fail"
    assert finding.message.startswith("app/broken.py:2:")


def test_nothing_to_look_at_is_no_pass(defines):
    [finding] = defines(files=["nowhere"], functions=["setup"])

    assert finding.verdict == "not-available"
