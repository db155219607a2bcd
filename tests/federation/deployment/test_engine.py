"""The engine as a whole, interrupted: a real SuperLink, two SuperNodes, the real strategies."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .conftest import left_of

pytestmark = pytest.mark.slow

ENGINE = """
import json, sys
sys.path.insert(0, {tests!r})
from federation.deployment.conftest import small_app
from zk0.federation.engines import deployment
config = json.loads(sys.argv[1])
deployment.run(config, lambda done, total, note: print(note, flush=True), app=small_app)
"""


def test_an_interruption_leaves_nothing_behind(small_config, temporary):
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
        program.send_signal(signal.SIGINT)
        program.wait(20)
    finally:
        program.kill()
        program.stdout.close()
        program.wait()

    assert left_of(temporary) == []
    assert list(temporary.iterdir()) == []
