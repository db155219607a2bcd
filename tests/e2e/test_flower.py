"""`flwr run .` works as every Flower user expects, with the same two apps."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from zk0.ledger import read_ledger

ROOT = Path(__file__).parents[2]
SECONDS = 300
# Ray gives its own start 30 s, which can't be changed and is too little on a machine with other work.
RAY_TIMED_OUT = "The current node timed out during startup"
RAY_STARTS = 3

pytestmark = pytest.mark.slow


@pytest.fixture
def flower(tmp_path, recordings):
    """Return a copy of this project and an environment in which Flower finds its own programs and no network."""
    app = tmp_path / "app"
    app.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, app)
    shutil.copytree(ROOT / "zk0", app / "zk0", ignore=shutil.ignore_patterns("__pycache__"))
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "FLWR_HOME": str(tmp_path / "flwr"),
        "FLWR_TELEMETRY_ENABLED": "0",
        "FLWR_DISABLE_UPDATE_CHECK": "1",
        "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
        "FLWR_LOCAL_SUPERLINK_HTTP_API_PORT": "39391",
        "FLWR_LOCAL_CONTROL_API_PORT": "39393",
        "OMP_NUM_THREADS": "1",
    }
    yield app, environment
    subprocess.run(["pkill", "-f", str(tmp_path / "flwr")], check=False)


def test_flwr_run_trains_and_overrides_arrive_on_both_sides(flower, recordings, tmp_path):
    app, environment = flower
    output = tmp_path / "output"
    data = ";".join(str(path) for path in recordings.values())
    config = f'data="{data}" unseen="" rounds=1 local-steps=3 warmup-steps=1 proximal-mu=0.05 output="{output}"'

    command = ["flwr", "run", str(app), "--stream", "--run-config", config, "--federation-config", "num-supernodes=2"]
    for _ in range(RAY_STARTS):
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        if RAY_TIMED_OUT not in done.stdout + done.stderr:
            break

    deadline = time.monotonic() + 20
    while not (output / "ledger.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(1)
    assert (output / "ledger.jsonl").exists(), done.stdout + done.stderr
    ledger = read_ledger(output / "ledger.jsonl")
    assert ledger.closed.outcome == "done", done.stdout
    assert ledger.opened.configuration["proximal-mu"].value == 0.05
    assert ledger.opened.configuration["proximal-mu"].source == "run-config"
    assert {training.settings["proximal-mu"] for training in ledger.trainings} == {0.05}
    assert {training.settings["local-steps"] for training in ledger.trainings} == {3}
