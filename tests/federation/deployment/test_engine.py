"""The engine as a whole: a real SuperLink, two SuperNodes, the real strategies."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from zk0.federation.deployment.programs import MARK
from zk0.federation.engines import deployment as engine
from zk0.ledger import read_ledger

from .conftest import small_app

pytestmark = pytest.mark.slow

ENGINE = """
import json, sys
sys.path.insert(0, {tests!r})
from federation.deployment.conftest import small_app
from zk0.federation.engines import deployment
config = json.loads(sys.argv[1])
deployment.run(config, lambda done, total, note: print(note, flush=True), app=small_app)
"""


def left_of(folder: Path) -> list[list[str]]:
    """Return the commands of processes that belong to deployments in a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK, "").startswith(str(folder)) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.cmdline())
        except psutil.Error:
            continue
    return found


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Make deployments in a folder that can be looked at."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    return folder


def test_two_clients_train_over_tls_and_nothing_is_left(small_config, temporary):
    config = small_config()
    notes = []

    engine.run(config, lambda done, total, note: notes.append(note), app=small_app)

    output = Path(config["output"])
    first, second = read_ledger(output / "ledger.jsonl").aggregations
    assert [len(one.accepted) for one in (first, second)] == [2, 2]
    assert second.digest_in == first.digest_out
    assert notes[-2:] == ["round 1: 2 of 2 replies", "round 2: 2 of 2 replies"]
    assert {path.name for path in (output / "logs").iterdir()} == {"superlink.log", "arm-a.log", "arm-b.log"}
    assert not [path for path in output.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]
    assert left_of(temporary) == []
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("request_to_end", [signal.SIGINT])
def test_an_interruption_leaves_nothing_behind(small_config, temporary, request_to_end, tmp_path):
    import json

    code = ENGINE.format(tests=str(Path(__file__).parents[2]))
    program = subprocess.Popen(
        [sys.executable, "-c", code, json.dumps(small_config(data="arm-a=slow@1;arm-b=well"))],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        for line in program.stdout:
            if "canary" in line:
                break
        deadline = time.monotonic() + 60
        while len(left_of(temporary)) < 8 and time.monotonic() < deadline:  # a canary's ClientApp runs
            time.sleep(0.2)
        assert len(left_of(temporary)) >= 6
        program.send_signal(request_to_end)
        program.wait(20)
    finally:
        program.kill()
        program.stdout.close()
        program.wait()

    assert left_of(temporary) == []
    assert list(temporary.iterdir()) == []
