"""The workflow `serve` as a user has it: a real training, LeRobot's own server and client, and nothing left running."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from serving.fake_hub import fake_hub

pytestmark = pytest.mark.slow

TOKEN = "hf_" + "0123456789abcdef" * 2
SHORT = ("-i", "tasks=touch-far", "-i", "episodes=1")


@pytest.fixture
def arms(trained, tmp_path):
    """Return a copy of the project that has trained."""
    return Path(shutil.copytree(trained, tmp_path / "arms", symlinks=True))


def begin(arms, cache, *arguments, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "zk0", *arguments],
        cwd=arms,
        env=os.environ | {"ZK0_CACHE": str(cache), "OMP_NUM_THREADS": "1"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def zk0(arms, cache, *arguments, **environment):
    program = begin(arms, cache, *arguments, **environment)
    out, err = program.communicate(timeout=400)
    return program.returncode, out, err


def serving():
    """Return the policy servers and robot clients that run on this machine."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd", "status"]):
        line = " ".join(process.info["cmdline"] or ())
        if "zk0.serving" in line and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append((process.info["cwd"], line))
    return found


def of(arms):
    return [line for cwd, line in serving() if str(arms) in f"{cwd} {line}"]


def test_a_policy_is_served_compared_and_described_and_stays_here_until_a_person_agrees(arms, cache):
    with fake_hub(TOKEN) as hub:
        online = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", "HF_TOKEN": TOKEN}
        status, out, err = zk0(
            arms, cache, "run", "serve", *SHORT, "-i", "rate=50", "-i", "publish=alice/arm", "--json", **online
        )

        assert status == 3, out + err
        assert hub.files == {}
    steps = {step["id"]: step for step in json.loads(out)["data"]["steps"]}
    for name in ("endpoint", "checkpoint", "comparison", "card"):
        assert steps[name]["verdict"] == "pass", (name, steps[name])
    assert steps["permission"]["status"] == "waiting"
    assert of(arms) == []
    [run] = arms.glob(".zk0/runs/*-serve-*")
    receipt = json.loads((run / "receipts" / "comparison.json").read_text())
    assert receipt["outputs"]["compared"] >= 4
    assert receipt["outputs"]["largest"] <= 1e-4
    driven = json.loads((run / "receipts" / "through_server.json").read_text())["outputs"]
    assert {address.rpartition(":")[0] for address in driven["listens"]} <= {"127.0.0.1", "::ffff:127.0.0.1"}
    assert driven["latency"]["p50"] > 0
    card = (run / "steps" / "card" / "README.md").read_text()
    for name in ("closed_loop", "through_server", "comparison"):
        assert json.loads((run / "receipts" / f"{name}.json").read_text())["digest"] in card
    assert TOKEN not in "".join(path.read_text(errors="replace") for path in run.rglob("*") if path.is_file())
    status, out, err = zk0(arms, cache, "runs", "verify", run.name)
    assert status == 0, out + err


def test_ctrl_c_while_the_arm_is_driven_leaves_nothing_running(arms, cache):
    program = begin(arms, cache, "run", "serve", *SHORT)
    try:
        deadline = time.monotonic() + 300
        while not any("zk0.serving.client" in line for line in of(arms)):
            assert program.poll() is None, program.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert any("zk0.serving.server" in line for line in of(arms))
        program.send_signal(signal.SIGINT)
        program.communicate(timeout=60)
    finally:
        program.kill()
        program.wait()

    assert program.returncode == 130
    assert of(arms) == []


def test_an_exposed_server_and_an_altered_checkpoint_are_refused_before_anything_runs(arms, cache):
    status, _, err = zk0(arms, cache, "run", "serve", "-i", "host=0.0.0.0")
    assert (status, "executes what it is sent" in err) == (2, True), err
    [weights] = arms.rglob("round-002/model.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")

    status, _, err = zk0(arms, cache, "run", "serve")

    assert (status, "altered" in err) == (2, True), err
    assert list(arms.glob(".zk0/runs/*-serve-*")) == []
