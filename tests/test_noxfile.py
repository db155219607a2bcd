import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("arguments", "sessions"),
    [
        (["-t", "workflow"], {path.stem for path in (ROOT / "workflows").glob("*.yaml")}),
        ([], {"lint", "types", "tests"}),
    ],
)
def test_nox_lists_a_session_for_each_workflow_and_the_checks_it_runs_by_default(arguments, sessions):
    command = [sys.executable, "-m", "nox", "--json", "-l", *arguments]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)

    names = {session["name"] for session in json.loads(done.stdout)}
    assert names - {"environment"} == sessions  # which all others require
