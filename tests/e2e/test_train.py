"""The workflow `train`, as a user runs it: a real process, real recordings, a real federation."""

import json
import shutil

import pytest

from zk0.federation.configuration import resolve
from zk0.ledger import read_ledger
from zk0.receipts import ReceiptStore

SMALL = ["-i", "rounds=2", "-i", "local_steps=6", "-i", "batch_size=8", "-i", "episodes=3", "-i", "baseline_ratio=1"]
TWO = ["-i", "data=sim:lift-left;sim:touch-far", "-i", "unseen=sim:lift-right"]
STEPS = [
    "environment",
    "model",
    "data",
    "configuration",
    "local_training",
    "parameter_extraction",
    "server_communication",
    "model_update",
    "validation",
]

pytestmark = pytest.mark.slow


def test_a_run_trains_judges_itself_and_remembers(zk0, project):
    done = zk0("run", "train", "--json", *SMALL, *TWO)

    data = json.loads(done.stdout)["data"]
    assert done.returncode == 0, done.stderr
    [directory] = (project / ".zk0" / "runs").glob("*-train-*")
    receipts = ReceiptStore(project / ".zk0" / "runs").of_run(directory.name)
    assert [receipt.step for receipt in receipts] == STEPS
    assert all(receipt.findings for receipt in receipts if receipt.step != "validation")
    assert data["run"] == directory.name
    # memory
    context = (project / "memory-bank" / "context.md").read_text()
    assert directory.name in context
    ledger = read_ledger(next(directory.rglob("federation/ledger.jsonl")))
    for one in (one for one in ledger.evaluations if one.round == 2):
        assert f"{one.loss:.6g}"[:5] in context, one.dataset
    assert len(context.encode()) <= 8192
    assert str(project) not in context
    # checklist
    checklist = (directory / "checklist.md").read_text()
    assert checklist.count("[x]") >= 16
    # what the next command shows
    shown = zk0("show", "latest")
    assert all(step in shown.stdout for step in STEPS)
    assert shown.stdout.count("pass") >= 9
    listed = json.loads(zk0("runs", "--json").stdout)["data"]
    assert [run["run"] for run in (listed if isinstance(listed, list) else listed["runs"])] == [directory.name]


def test_a_users_own_data_sets_are_trained_on_by_path(zk0, project, recordings):
    for name, path in recordings.items():
        shutil.copytree(path, project / "data" / name)

    done = zk0("run", "train", "--json", *SMALL, "-i", "data=left=data/lift-left;data/touch-far", "-i", "unseen=")

    assert done.returncode == 0, done.stdout + done.stderr
    ledger = read_ledger(next(project.rglob("federation/ledger.jsonl")))
    assert [data.client for data in ledger.opened.clients] == ["left", "touch-far"]
    assert {one.role for one in ledger.evaluations} == {"held-out"}


def test_the_written_configuration_is_one_that_flower_takes(zk0, project):
    import tomllib

    zk0("run", "train", *SMALL, *TWO)

    text = next(project.rglob("run-config.toml")).read_text()
    config = resolve(tomllib.loads(text))
    assert (config.rounds, config.local_steps, config.episodes) == (2, 6, 3)
    assert "rounds = 2  # run-config" in text
    assert "measure-every = 10  # default" in text


def test_a_run_that_misses_its_goal_fails_and_says_which(zk0):
    done = zk0("run", "train", "--json", *SMALL, *TWO, "-i", "baseline_ratio=0.01")

    assert done.returncode == 1
    steps = json.loads(done.stdout)["data"]["steps"]
    assert [step["verdict"] for step in steps][-1] == "fail"
    assert "evaluation.beats-baseline" in done.stdout
