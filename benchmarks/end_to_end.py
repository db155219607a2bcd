"""A small federation from the command to its end: `zk0 run train` beside `flwr run` with the same apps.

Both train the same two clients, on recordings that are there already, with the same configuration, and end with the
same tensors. `flwr run` starts Flower's SuperLink and Ray; `zk0 run train` also checks environment, data and results,
and writes receipts, checklist and memory.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import Measured
from zk0.core.project import cache_dir
from zk0.federation.own_app.launching import flower_environment
from zk0.ledger import read_ledger
from zk0.simulator.recorder import cached_recording
from zk0.simulator.tasks import task

ROOT = Path(__file__).parents[1]
TASKS, EPISODES = ("lift-left", "touch-far"), 3
CONFIGURATION = {
    "rounds": 5,
    "local-steps": 20,
    "batch-size": 16,
    "optimizer": "muon",
    "proximal-mu": 0.01,
    "device": "cpu",
}


def measure() -> Iterator[Measured | tuple[str, str]]:
    """Yield the wall time of both, and their ratio."""
    recordings = cache_dir() / "recordings"
    sources = ";".join(str(cached_recording(task(one), episodes=EPISODES, seed=0, cache=recordings)) for one in TASKS)
    with tempfile.TemporaryDirectory() as folder:
        ours, digest = _zk0(Path(folder), sources)
        theirs, other = _flower(Path(folder), sources)
    yield "zk0 run train; flwr run", f"{ours:.0f} s; {theirs:.0f} s"
    yield "both have the same tensors", str(digest == other)
    yield Measured("zk0 run train / flwr run, wall time", ours / theirs, "x", 1.05)


def _zk0(folder: Path, sources: str) -> tuple[float, str | None]:
    project = folder / "project"
    project.mkdir()
    inputs = {key.replace("-", "_"): value for key, value in CONFIGURATION.items()}
    inputs |= {"data": sources, "unseen": "", "rollouts": 0, "server_momentum": 0, "baseline_ratio": 1}
    given = [word for key, value in inputs.items() for word in ("-i", f"{key}={value}")]
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)  # noqa: S607
    taken = _timed([sys.executable, "-m", "zk0", "run", "train", *given], project, {}, statuses=(0, 1))
    [ledger] = project.rglob("federation/ledger.jsonl")
    return taken, read_ledger(ledger).aggregations[-1].digest_out


def _flower(folder: Path, sources: str) -> tuple[float, str | None]:
    app, output = folder / "app", folder / "output"
    app.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, app)
    shutil.copytree(ROOT / "zk0", app / "zk0", ignore=shutil.ignore_patterns("__pycache__"))
    pairs = {"data": sources, "unseen": "", "output": str(output), **CONFIGURATION}
    config = " ".join(f"{key}={json.dumps(value)}" for key, value in pairs.items())
    environment = flower_environment(Path(sys.executable), folder) | {"OMP_NUM_THREADS": "1"}
    command = ["flwr", "run", str(app), "--stream", "--run-config", config]
    try:
        taken = _timed([*command, "--federation-config", f"num-supernodes={len(TASKS)}"], folder, environment)
    finally:
        subprocess.run(["pkill", "-f", str(folder / "flwr")], check=False)  # noqa: S603, S607  the SuperLink runs on
    return taken, read_ledger(output / "ledger.jsonl").aggregations[-1].digest_out


def _timed(command: list[str], folder: Path, more: dict[str, str], statuses: tuple[int, ...] = (0,)) -> float:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    before = time.perf_counter()
    done = subprocess.run(  # noqa: S603  our own program, and Flower's
        command, cwd=folder, env=os.environ | {"PATH": path} | more, capture_output=True, text=True, check=False
    )
    taken = time.perf_counter() - before
    if done.returncode not in statuses:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return taken
