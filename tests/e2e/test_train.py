"""The workflow `train`, as a user runs it: a real process, real recordings, a real federation."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from zk0.checklists.loading import load_checklist
from zk0.core.project import Project
from zk0.core.receipts import ReceiptStore
from zk0.federation.configuration import resolve
from zk0.ledger import read_ledger

SMALL = [
    *("-i", "rounds=2", "-i", "local_steps=30", "-i", "batch_size=8", "-i", "episodes=6"),
    *("-i", "learning_rate=0.001", "-i", "server_momentum=0", "-i", "rollouts=0"),
]
# Six demonstrations and sixty steps are enough to learn something of one task, surely not of two.
TWO = ["-i", "data=one=sim:lift-left;two=sim:lift-left", "-i", "unseen=sim:lift-right"]
BETTER = ["-i", "baseline_ratio=1"]
STEPS = [
    "app",
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
    done = zk0("run", "train", "--json", *SMALL[:-1], "rollouts=2", *TWO, *BETTER)

    data = json.loads(done.stdout)["data"]
    assert done.returncode == 0, done.stderr
    [directory] = (project / ".zk0" / "runs").glob("*-train-*")
    receipts = ReceiptStore(project / ".zk0" / "runs").of_run(directory.name)
    ledger = read_ledger(next(directory.rglob("federation/ledger.jsonl")))
    assert data["run"] == directory.name
    assert [(one.dataset, one.episodes) for one in ledger.rollouts] == [("one", 2), ("two", 2), ("lift-right", 2)]
    _all_steps_were_judged(receipts)
    _the_memory_bank_names_run_and_numbers(project, directory.name, ledger)
    _every_item_of_the_checklist_is_ticked(project, directory)
    _the_configuration_can_be_given_to_flower(directory)
    shown = zk0("show", "latest").stdout
    assert all(step in shown for step in STEPS)
    assert directory.name in zk0("runs").stdout


def _all_steps_were_judged(receipts):
    assert [receipt.step for receipt in receipts] == STEPS
    assert all(receipt.findings and receipt.verdict == "pass" for receipt in receipts)


def _the_memory_bank_names_run_and_numbers(project, run, ledger):
    context = (project / "memory-bank" / "context.md").read_text()
    assert run in context
    assert str(project) not in context
    assert len(context.encode()) <= 8192
    for one in ledger.evaluations:
        if one.round == 2:
            assert f"{one.loss:.6g}"[:5] in context, one.dataset
    assert "Train a federated SmolVLA policy" in (project / "memory-bank" / "tasks.md").read_text()


def _every_item_of_the_checklist_is_ticked(project, directory):
    lines = (directory / "checklist.md").read_text().splitlines()
    items = {item.id: item.sentence for _, item in load_checklist(Project(project), "training").items()}
    ticked = [name for name, sentence in items.items() if any(line.startswith(f"- [x] {sentence}") for line in lines)]
    assert "train-proximal-acts" in ticked
    assert ticked == list(items)


def _the_configuration_can_be_given_to_flower(directory):
    text = next(directory.rglob("run-config.toml")).read_text()
    config = resolve(tomllib.loads(text))
    assert (config.rounds, config.local_steps, config.episodes) == (2, 30, 6)
    assert "rounds = 2  # run-config" in text
    assert "measure-every = 10  # default" in text


def test_a_users_own_data_sets_are_trained_on_and_a_missed_goal_fails_the_run(zk0, project, recordings):
    for name, path in recordings.items():
        shutil.copytree(path, project / "data" / name)
    own = ["-i", "data=left=data/lift-left;data/touch-far", "-i", "unseen=", "-i", "baseline_ratio=0.01"]

    done = zk0("run", "train", "--json", *SMALL, *own)

    ledger = read_ledger(next(project.rglob("federation/ledger.jsonl")))
    assert [data.client for data in ledger.opened.clients] == ["left", "touch-far"]
    assert {one.role for one in ledger.evaluations} == {"held-out"}
    assert done.returncode == 1, done.stdout + done.stderr
    steps = json.loads(done.stdout)["data"]["steps"]
    assert [step["verdict"] for step in steps][-1] == "fail"
    assert "evaluation.beats-baseline" in (project / "memory-bank" / "context.md").read_text()


def test_a_killed_run_goes_on_from_its_last_checkpoint(zk0, project, cache):
    inputs = [*SMALL[2:], *TWO, *BETTER, "-i", "rounds=4"]
    process = subprocess.Popen(
        [sys.executable, "-m", "zk0", "run", "train", *inputs],
        cwd=project,
        env=os.environ | {"ZK0_CACHE": str(cache), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _wait_for(project, "round-001", process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    [directory] = project.rglob("federation")
    assert read_ledger(directory / "ledger.jsonl").closed is None

    done = zk0("run", "train", "--json", *inputs, "-i", f"resume_from={directory.relative_to(project)}")

    assert done.returncode == 0, done.stdout + done.stderr
    ledger = read_ledger(directory / "ledger.jsonl")
    assert [one.round for one in ledger.aggregations] == [1, 2, 3, 4]
    assert ledger.closed.outcome == "done"


def _wait_for(project: Path, checkpoint: str, process: subprocess.Popen[bytes], seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not list(project.rglob(checkpoint)):
        assert process.poll() is None, "the run ended before it was killed"
        assert time.monotonic() < deadline
        time.sleep(0.1)
