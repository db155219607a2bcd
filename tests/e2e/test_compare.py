"""The workflow `compare` as a user has it, on a small scale: every arm is trained, driven and compared."""

import json

import pytest

pytestmark = pytest.mark.slow

SMALL = {
    "tasks": "lift-left,touch-far",
    "arms": "expert,blind-replay,local-only,centralised,fedavg,fedprox,fedavgm",
    "training_seeds": 1,
    "rollouts": 1,
    "episodes": 3,
    "rounds": 1,
    "local_steps": 2,
    "batch_size": 4,
}


def test_all_arms_are_compared_on_the_same_episodes(zk0, project):
    inputs = [part for name, value in SMALL.items() for part in ("-i", f"{name}={value}")]

    ended = zk0("run", "compare", "--json", *inputs, timeout=900)

    assert ended.returncode == 0, ended.stderr
    run = json.loads(ended.stdout)["data"]
    assert "not about the ways to train" in run["outputs"]["sentence"]
    [report] = project.glob(".zk0/runs/*/steps/comparison/comparison.md")
    text = report.read_text()
    assert "| expert | lift-left | 1 of 1" in text
    assert "| local-only elsewhere | touch-far |" in text
    assert "| fedavgm - fedavg |" in text
    numbers = json.loads(report.with_name("comparison.json").read_text())
    assert {len(row) for one in numbers["arms"] for row in one["successes"]} == {1}
    assert {one["arm"] for one in numbers["arms"]} == {*SMALL["arms"].split(","), "local-only elsewhere"}
