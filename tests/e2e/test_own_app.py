"""A project with a Flower app of its own: the bundled workflows run that app, and prove a repair by it."""

import json
from pathlib import Path

import git
import pytest

RETURNED = "return arrays, metrics"
LOST = "return None, metrics"

pytestmark = pytest.mark.slow


@pytest.fixture
def app(project, levers):
    """Give a project of somebody else's with an app, committed."""
    levers(project)
    with git.Repo(project) as repository:
        repository.git.add("--all")
        repository.git.commit("--message", "An app")
        yield repository


def steps_of(done):
    return {one["id"]: one for one in json.loads(done.stdout)["data"]["steps"]}


def outputs(step):
    return step["receipt"]["outputs"]


def break_strategy(repository, name="strategy.py"):
    file = Path(repository.working_dir) / "levers" / name
    text = (file.parent / "strategy.py").read_text()
    file.write_text(text.replace(RETURNED, LOST))
    repository.git.add("--all")
    repository.git.commit("--message", "Lose what was aggregated")
    return file, text


def repair(zk0, target, file, text):
    found = zk0("run", "aggregation-fix", "--json", "-i", f"target={target}", "-i", "files=levers")
    assert found.returncode == 3, found.stdout + found.stderr
    file.write_text(text)
    run = json.loads(found.stdout)["data"]["run"]
    return run, zk0("resume", run, "--json")


def test_flower_s_own_run_and_one_process_come_to_the_same_parameters(zk0, app, project):
    inline = zk0("run", "train", "--json", "-i", "rounds=2")
    simulated = zk0("run", "train", "--json", "-i", "rounds=2", "-i", "engine=simulation")

    assert inline.returncode == 0, inline.stdout + inline.stderr
    assert simulated.returncode == 0, simulated.stdout + simulated.stderr
    tables = [outputs(steps_of(done)["own_training"])["table"] for done in (inline, simulated)]
    assert tables[0] == tables[1]
    assert [row[0] for row in tables[0]] == ["round", "1", "2"]
    steps = steps_of(simulated)
    assert {steps[name]["verdict"] for name in ("own_training", "own_diagnosis", "own_validation")} == {"pass"}
    assert {steps[name]["verdict"] for name in ("model", "data", "server_communication")} == {"not-applicable"}
    assert app.is_dirty(untracked_files=False) is False
    assert not (project / "lever.json").exists()
    assert not _left_running()


def test_a_repair_is_proven_by_a_run_of_the_app_that_executes_it(zk0, app, project):
    file, text = break_strategy(app)

    run, repaired = repair(zk0, "levers/strategy.py:LeverStrategy", file, text)

    assert repaired.returncode == 0, repaired.stdout + repaired.stderr
    steps = steps_of(repaired)
    assert (steps["own_flow"]["verdict"], steps["probed"]["verdict"]) == ("pass", "not-applicable")
    tip = app.heads[f"zk0/{run}"].commit
    assert f"Proven by run {run} of zk0." in tip.message
    assert list(tip.stats.files) == ["levers/strategy.py"]
    assert "Repaired aggregate-not-returned" in (project / "memory-bank" / "context.md").read_text()


def test_a_repair_of_code_that_the_app_does_not_execute_is_probed_and_not_proven(zk0, app, project):
    file, text = break_strategy(app, "unused.py")

    run, repaired = repair(zk0, "levers/unused.py:LeverStrategy", file, text)

    assert repaired.returncode == 0, repaired.stdout + repaired.stderr
    steps = steps_of(repaired)
    assert (steps["own_rounds"]["verdict"], steps["own_flow"]["verdict"]) == ("pass", "not-available")
    assert steps["keep"]["verdict"] == "warn"
    message = app.heads[f"zk0/{run}"].commit.message
    assert f"Probed by run {run} of zk0, not proven" in message
    assert "Proven" not in message
    context = (project / "memory-bank" / "context.md").read_text()
    assert "Probed, not proven: a repair of aggregate-not-returned" in context
    assert "Repaired aggregate-not-returned" not in context


def test_without_an_app_and_a_program_a_repair_is_probed_and_zk0_s_own_training_does_not_run(zk0, app, project):
    (project / "pyproject.toml").write_text('[project]\nname = "levers"\nversion = "0"\n')
    file, text = break_strategy(app)

    run, repaired = repair(zk0, "levers/strategy.py:LeverStrategy", file, text)

    assert repaired.returncode == 0, repaired.stdout + repaired.stderr
    steps = steps_of(repaired)
    assert {steps[name]["verdict"] for name in ("rounds", "rounds_of_train", "own_rounds")} == {"not-applicable"}
    assert "not proven" in app.heads[f"zk0/{run}"].commit.message


def test_a_project_with_another_app_is_asked_which_code_to_test(zk0, app):
    done = zk0("run", "fedprox-debug", "--json")

    assert done.returncode == 1, done.stdout + done.stderr
    steps = steps_of(done)
    [finding] = steps["probe"]["receipt"]["findings"]
    assert finding["verdict"] != "pass"  # zk0's own term is right, and says nothing about this project
    assert "-i target=" in finding["message"]
    assert steps["cause"]["verdict"] == "fail"


def _left_running() -> list[str]:
    """Return the command lines of programs whose FLWR_HOME is in a temporary copy of a project."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            environment = (entry / "environ").read_bytes().decode(errors="replace").split("\0")
            command = (entry / "cmdline").read_bytes().decode(errors="replace")
        except OSError:  # another user's, or gone meanwhile
            continue
        if any(one.startswith("FLWR_HOME=") and "zk0-app-" in one for one in environment):
            found.append(command)
    return found
