"""An agent is held to its scope: what changed is listed, and what it may not change makes its step wait."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from zk0.core.errors import JournalError
from zk0.core.file_snapshots import FileSnapshot
from zk0.workflow.agent_scope import AgentScope
from zk0.workflow.engine import Engine
from zk0.workflow.live_effects import LiveEffects
from zk0.workflow.state import RunStatus, StepStatus

FILES = ("src/model.py", "src/check.sh", "tests/test_model.py", "tests/data.json", "lib.sh", "README.md")
STEP = """\
- id: fix
  title: Fix it
  ask: agent
  instruction: Make the model good.
  scope: {scope}
  accept: [run: {accept}]
"""
CHECK = "[sh, src/check.sh]"


@pytest.fixture
def work(project):
    """Make a project whose check looks into the model."""
    root = project.root
    for name in FILES:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(f"# {name}\n")
    (root / "src" / "check.sh").write_text("grep -q good src/model.py\n")
    (root / ".gitignore").write_text("__pycache__/\n")
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "one"]):
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True)
    return root


@pytest.fixture
def attempt(run, work, project, make_plan):
    """Hand the step over, act as the agent, and resume; return the step and the run."""

    def perform(act, scope="[src/**]", accept=CHECK, **resumed):
        steps = STEP.format(scope=scope, accept=accept)
        outcome = run(steps)
        act(work)
        again = Engine(project, LiveEffects(project)).resume(outcome.directory, lambda _: make_plan(steps), **resumed)
        return again.state.step("fix"), again

    return perform


def repair(root: Path) -> None:
    (root / "src" / "model.py").write_text("good\n")


def test_every_changed_file_is_in_the_receipt(attempt):
    def act(root):
        repair(root)
        (root / "src" / "new.py").touch()

    step, outcome = attempt(act)

    assert outcome.state.status is RunStatus.done
    assert step.receipt.outputs["changed"] == ["changed src/model.py", "added src/new.py"]
    assert step.receipt.findings[-1].message == "changed since the handover: 2, all in the scope"


def test_a_scope_in_prose_is_no_limit_but_what_changed_is_listed(attempt):
    def act(root):
        repair(root)
        (root / "README.md").write_text("more\n")

    step, outcome = attempt(act, scope="the model", accept="[sh, src/check.sh]")

    assert outcome.state.status is RunStatus.done
    assert step.receipt.outputs["changed"] == ["changed README.md", "changed src/model.py"]


@pytest.mark.parametrize("scope", ["[src/**]", "[src]", "['**']", "the model", "''"])
@pytest.mark.parametrize(
    "attack",
    [
        "echo true > src/check.sh",
        "rm src/check.sh && ln -s /bin/true src/check.sh",
        "git update-index --assume-unchanged src/check.sh && echo true > src/check.sh",
        "git commit -qam x --allow-empty; echo true > src/check.sh; git -c user.name=t -c user.email=t@x commit -qam y",
    ],
)
def test_an_edited_script_of_accept_is_not_run_and_the_step_waits(attempt, scope, attack):
    step, _ = attempt(lambda root: subprocess.run(["sh", "-c", attack], cwd=root, check=False), scope)

    [missing] = step.missing
    assert step.status is StepStatus.waiting
    assert missing.message == "accept runs or reads what was changed: changed src/check.sh"
    assert "--spec new" in missing.remedy


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("tests/test_model.py", "accept runs or reads"),
        ("tests/data.json", "accept runs or reads"),
        ("conftest.py", "accept runs or reads"),
        ("pyproject.toml", "accept runs or reads"),
        ("src/test_more.py", "accept runs or reads"),
        (".git/info/exclude", "accept runs or reads"),
        ("workflows/trial.yaml", "accept runs or reads"),
        ("README.md", "outside of the scope"),
        ("lib.sh", "outside of the scope"),
        (".github/x.yml", "outside of the scope"),
    ],
)
def test_a_file_that_may_not_change_is_named_with_the_reason(attempt, path, why):
    def act(root):
        repair(root)
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text("x = 1\n")

    step, _ = attempt(act)

    [missing] = step.missing
    assert why in missing.message
    assert path in missing.message


@pytest.mark.parametrize("scope", ["[src/**, src/check.sh]", '[\'{{ ["src/model.py", "src/check.sh"] }}\']'])
def test_a_workflow_may_allow_a_file_of_accept_by_its_name(attempt, scope):
    def act(root):
        (root / "src" / "check.sh").write_text("true\n")

    assert attempt(act, scope)[0].verdict == "pass"


def test_a_module_in_front_of_the_one_that_accept_runs_is_guarded(attempt):
    def act(root):
        (root / "json").mkdir()
        (root / "json" / "tool.py").write_text("")

    step, _ = attempt(act, scope="''", accept="[python, -m, json.tool, src/model.py]")

    assert "added json/tool.py" in step.missing[0].message


@pytest.mark.parametrize("accept", [CHECK, "[env, A=b, sh, src/check.sh]", "[bash, -c, 'set -e; sh src/check.sh']"])
def test_another_program_first_on_the_path_is_not_run(attempt, tmp_path, monkeypatch, accept):
    planted = tmp_path.parent / f"{tmp_path.name}-bin"
    planted.mkdir()
    (planted / "sh").write_text("#!/bin/true\n")
    (planted / "sh").chmod(0o755)

    real = shutil.which("sh")

    step, _ = attempt(lambda _: monkeypatch.setenv("PATH", f"{planted}{os.pathsep}{os.environ['PATH']}"), accept=accept)

    assert f"changed program sh ({real} → {planted}/sh)" in step.missing[0].message


def test_a_check_that_was_changed_is_not_accepted_after_another_handover(attempt, project, make_plan):
    """The agent changes the check, then has the step handed over once more."""
    step, outcome = attempt(lambda root: (root / "src" / "check.sh").write_text("true\n"), from_step="fix")
    assert (step.status, step.missing) == (StepStatus.waiting, ())

    steps = STEP.format(scope="[src/**]", accept=CHECK)
    again = Engine(project, LiveEffects(project)).resume(outcome.directory, lambda _: make_plan(steps))

    assert "changed src/check.sh" in again.state.step("fix").missing[0].message


@pytest.mark.parametrize("forge", ["{}", None])
def test_the_list_of_files_at_the_handover_can_t_be_replaced(attempt, forge):
    def act(root):
        (root / "src" / "check.sh").write_text("true\n")
        [listed] = (root / ".zk0" / "runs").glob("*/steps/fix/files-*.json")
        listed.unlink() if forge is None else listed.write_text(forge)

    with pytest.raises(JournalError, match="the list of the files at the handover"):
        attempt(act)


def test_a_check_that_is_changed_while_it_runs_is_not_accepted(attempt):
    accept = "[sh, -c, 'echo true > src/check.sh']"

    step, _ = attempt(repair, accept=accept)

    assert step.missing[0].message == "what accept runs or reads was changed while it ran: changed src/check.sh"


def test_a_workflow_that_asks_only_a_few_times_fails_and_lists_what_changed(run, work, project, make_plan):
    steps = STEP.format(scope="[src/**]", accept=CHECK) + "  retry: {attempts: 1}\n"
    outcome = run(steps)
    (work / "lib.sh").write_text("x\n")

    ended = Engine(project, LiveEffects(project)).resume(outcome.directory, lambda _: make_plan(steps))

    step = ended.state.step("fix")
    assert step.verdict == "fail"
    assert step.receipt.outputs["changed"] == ["changed lib.sh"]


def test_what_other_steps_make_before_the_run_waits_is_not_the_agent_s(run, work, project, make_plan):
    steps = (
        STEP.format(scope="[src/**]", accept=CHECK)
        + "- {id: other, title: O, needs: [], run: [sh, -c, 'echo made > made.txt']}\n"
    )
    outcome = run(steps)
    assert (work / "made.txt").exists()
    repair(work)

    ended = Engine(project, LiveEffects(project)).resume(outcome.directory, lambda _: make_plan(steps))

    assert ended.state.status is RunStatus.done


@pytest.mark.parametrize(
    ("pattern", "path", "is_in"),
    [
        ("src", "src/a/b.py", True),
        ("src/", "src/a.py", True),
        ("./src/a.py", "src/a.py", True),
        ("src/*.py", "src/a.py", True),
        ("src/*.py", "src/a/b.py", False),
        ("**/*.py", "src/a/b.py", True),
        ("src/**", "srcs/a.py", False),
        ("src", "srcs", False),
        ("../src", "src/a.py", False),
        (".", "src/a.py", True),
    ],
)
def test_patterns_of_a_scope(pattern, path, is_in):
    found = AgentScope((pattern,), ()).judge(FileSnapshot({}), FileSnapshot({path: "100644 x"}))

    assert (found[0].verdict == "pass") is is_in


@pytest.mark.parametrize(
    ("scope", "path", "may_change"),
    [
        ("tests/**", "tests/unit/test_a.py", True),
        ("tests", "tests/a/tests/data.csv", True),
        ("tests/unit/test_a.py", "tests/unit/test_a.py", True),
        ("src/test_*.py", "src/test_a.py", True),
        ("src/**", "src/test_a.py", False),
        ("**", "tests/test_a.py", False),
        (".", "tests/test_a.py", False),
        ("*.toml", "pyproject.toml", False),
        ("pyproject.toml", "pyproject.toml", True),
    ],
)
def test_a_pattern_allows_what_accept_reads_only_if_it_means_it(scope, path, may_change):
    found = AgentScope((scope,), (("pytest", "tests"),)).judge(FileSnapshot({}), FileSnapshot({path: "100644 x"}))

    assert (found[0].verdict == "pass") is may_change


def test_what_accept_itself_makes_is_no_work_of_the_agent(run, work, project, make_plan):
    accept = "[sh, -c, 'echo x > report.xml; sh src/check.sh']"
    steps = STEP.format(scope="[src/**]", accept=accept)
    outcome = run(steps)

    def resume():
        return Engine(project, LiveEffects(project)).resume(outcome.directory, lambda _: make_plan(steps))

    [missing] = resume().state.step("fix").missing
    assert missing.check == "run"
    assert (work / "report.xml").exists()
    repair(work)

    ended = resume()

    assert ended.state.status is RunStatus.done
    assert ended.state.step("fix").receipt.outputs["changed"] == ["changed src/model.py"]


def test_the_receipt_of_a_program_names_the_file_that_ran(run):
    receipt = run("- {id: a, title: A, run: [sh, -c, 'true']}\n").state.step("a").receipt

    assert receipt.program == shutil.which("sh")
