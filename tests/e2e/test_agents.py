"""A scripted agent on somebody else's project: it knows how to repair code, and of zk0 only what `zk0 next` prints."""

import json
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
TARGET = ["-i", "target=fleet/learner.py:fit_locally", "-i", "files=fleet"]
TRAIN = ["-i", "train_command=python,-m,fleet.main"]
MOST_STEPS = 6


def repair(project, told):
    """Do what is asked in the file that is named, if it is in what may change."""
    path = re.search(r"(\w[\w/]*\.py):\w+", told)[1]
    [allowed] = re.findall(r"^Change: only (.+);", told, re.MULTILINE)
    assert path.startswith(allowed)
    assert "proximal term" in told or "Split the training" in told
    (project / path).write_text((HERE / "repairs" / "learner.py").read_text())


def test_a_scripted_agent_completes_fedprox_debug_by_what_is_printed(zk0, fleet, project):
    began = zk0("run", "fedprox-debug", *TARGET, *TRAIN)
    assert began.returncode == 3, began.stdout + began.stderr
    claimed = zk0(*hand_in(zk0("next").stdout))
    assert claimed.returncode == 3  # it had done nothing
    (project / "README.md").write_text("All is repaired.\n")
    told = zk0("next").stdout
    assert "Missing so far" in told
    assert "README.md" in told.partition("Refused as it is")[2]
    fleet.git.checkout("README.md")

    for _ in range(MOST_STEPS):
        told = zk0("next").stdout
        if told.startswith("Nothing waits"):
            break
        repair(project, told)
        handed = zk0(*hand_in(told))

    assert handed.returncode == 0, handed.stdout + handed.stderr
    [run] = json.loads(zk0("runs", "--json").stdout)["data"]
    assert run["status"] == "done"
    assert "Proven by run" in fleet.heads[f"zk0/{run['run']}"].commit.message


def hand_in(told):
    return told.splitlines()[-1].removeprefix("Hand in: zk0 ").split()
