"""The repair workflows on somebody else's project: find the fault, wait for the agent, prove the repair, commit it."""

import json
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TRAIN = ["-i", "files=fleet", "-i", "train_command=python,-m,fleet.main"]
STRATEGY = HERE / "foreign" / "fleet" / "strategy.py"

pytestmark = pytest.mark.slow


def step(done, name):
    [found] = [one for one in json.loads(done.stdout)["data"]["steps"] if one["id"] == name]
    return found


def test_a_term_after_the_step_is_found_repaired_and_proven(zk0, fleet, project):
    learner = project / "fleet" / "learner.py"
    before = learner.read_text()

    found = zk0("run", "fedprox-debug", "--json", "-i", "target=fleet/learner.py:fit_locally", *TRAIN)

    assert found.returncode == 3, found.stdout + found.stderr
    run = json.loads(found.stdout)["data"]["run"]
    handover = (project / ".zk0" / "runs" / run / "steps" / "timing" / "handover.md").read_text()
    assert "proximal-inert, at fleet/learner.py:7" in handover
    assert "so do not move it there" in handover

    # A wrong repair: the half is there now, the term is still computed after the step.
    learner.write_text(before.replace("proximal = mu * proximal", "proximal = mu / 2 * proximal"))
    refused = zk0("resume", run, "--json")

    assert refused.returncode == 3, refused.stdout + refused.stderr
    missing = [one["message"] for one in step(refused, "timing")["missing"]]
    assert any("the weights are those of mu = 0 to the last bit" in message for message in missing)
    assert fleet.heads.main.commit.message == "The fleet as it was\n"

    learner.write_text((HERE / "repairs" / "learner.py").read_text())
    split = zk0("resume", run, "--json")
    repaired = zk0("resume", run, "--json")

    assert (step(split, "timing")["verdict"], step(split, "refactoring")["status"]) == ("pass", "waiting")

    assert repaired.returncode == 0, repaired.stdout + repaired.stderr
    assert step(repaired, "validation")["verdict"] == "pass"
    tip = fleet.heads[f"zk0/{run}"].commit
    assert tip.message.startswith("Make the proximal term act\n\nproximal-inert, at fleet/learner.py:7:")
    assert f"Proven by run {run} of zk0." in tip.message
    assert list(tip.stats.files) == ["fleet/learner.py"]
    assert fleet.heads.main.commit == tip.parents[0]
    assert (
        "Repaired proximal-inert in fleet/learner.py:fit_locally"
        in (project / "memory-bank" / "context.md").read_text()
    )
    assert zk0("memory", "verify").returncode == 0


def test_a_repair_that_does_not_pass_is_undone_and_kept_as_a_patch(zk0, fleet, project):
    strategy = project / "fleet" / "strategy.py"
    strategy.write_text(strategy.read_text().replace("return parameters, metrics", "return None, metrics"))
    fleet.git.commit("--all", "--message", "Lose what was aggregated")
    broken = strategy.read_text()
    own = ["-i", "target=fleet/strategy.py:LoggingFedAvg", "-i", "files=fleet", "-i", "train_command=python,-m,nowhere"]

    found = zk0("run", "aggregation-fix", "--json", *own)
    run = json.loads(found.stdout)["data"]["run"]
    strategy.write_text(STRATEGY.read_text())  # right, and the training that is to prove it does not run
    undone = zk0("resume", run, "--json")

    assert undone.returncode == 1, undone.stdout + undone.stderr
    assert step(undone, "fix")["verdict"] in ("pass", "warn")
    assert step(undone, "keep")["verdict"] == "fail"
    assert strategy.read_text() == broken
    assert fleet.active_branch.name == "main"
    patch = project / ".zk0" / "runs" / run / "steps" / "keep" / "rejected.patch"
    fleet.git.apply(str(patch))
    assert strategy.read_text() == STRATEGY.read_text()


def test_rounds_that_start_alike_are_traced_to_the_strategy_that_returns_nothing(zk0, fleet, project):
    strategy = project / "fleet" / "strategy.py"
    strategy.write_text(strategy.read_text().replace("return parameters, metrics", "return None, metrics"))
    fleet.git.commit("--all", "--message", "Lose what was aggregated")
    log = project / "rounds.csv"
    log.write_text("".join(_alike()))
    fleet.git.add("rounds.csv")
    fleet.git.commit("--message", "A log")
    own = [
        "-i",
        "target=fleet/strategy.py:LoggingFedAvg",
        "-i",
        "files=fleet",
        "-i",
        "train_command=python,-m,fleet.main",
    ]

    found = zk0("run", "aggregation-fix", "--json", "-i", "logs=rounds.csv", *own)

    assert found.returncode == 3, found.stdout + found.stderr
    run = json.loads(found.stdout)["data"]["run"]
    assert "aggregate-not-returned" in step(found, "detection")["receipt"]["outputs"]["faults"]
    assert (
        "aggregate-not-returned, at fleet/strategy.py"
        in (project / ".zk0" / "runs" / run / "steps" / "fix" / "handover.md").read_text()
    )

    strategy.write_text(STRATEGY.read_text())
    repaired = zk0("resume", run, "--json")

    assert repaired.returncode == 0, repaired.stdout + repaired.stderr
    tip = fleet.heads[f"zk0/{run}"].commit
    assert tip.message.startswith("Return what was aggregated\n\naggregate-not-returned, at fleet/strategy.py")


def test_nothing_is_asked_where_nothing_is_wrong(zk0, fleet, project):
    (project / "fleet" / "learner.py").write_text((HERE / "repairs" / "learner.py").read_text())
    fleet.git.commit("--all", "--message", "Right")
    right = {"fedprox-debug": "fleet/learner.py:fit_locally", "aggregation-fix": "fleet/strategy.py:LoggingFedAvg"}
    for workflow, target in right.items():
        done = zk0("run", workflow, "--json", "-i", f"target={target}")

        assert done.returncode == 0, done.stdout + done.stderr
        cause = step(done, "cause")
        assert cause["verdict"] == "pass"
        assert "nothing is wrong" in cause["receipt"]["findings"][0]["message"]
        assert fleet.active_branch.name == "main"


def test_a_project_with_code_of_its_own_is_not_called_right_by_zk0s(zk0, fleet):
    done = zk0("run", "fedprox-debug", "--json")

    assert done.returncode == 1, done.stdout + done.stderr
    assert step(done, "probe")["verdict"] == "not-available"


def _alike():
    """Yield the log of three rounds that each begin with the same loss, though clients learn within them."""
    yield "round,client,step,loss,mu\n"
    for number in (1, 2, 3):
        for client in ("a", "b"):
            for index in range(25):
                start = 1.75 if client == "a" else 2.25
                yield f"{number},{client},{index},{start * 0.93**index:.6f},0\n"
