"""The workflow `testing`, as a user runs it on a project of their own: real tests, a real federation within it."""

import json

import pytest

from zk0.core.receipts import ReceiptStore

pytestmark = pytest.mark.slow

CODE = "def clamp(angle):\n    return min(angle, 90)\n\n\ndef never():\n    return 1\n"
TESTS = """
import pytest
from arm import clamp

def test_a_large_angle_is_clamped():
    assert clamp(200) == 90

@pytest.mark.slow
def test_a_small_angle_stays():
    assert clamp(10) == 10
"""
SMALL = ["-i", "data=one=sim:lift-left;two=sim:lift-left", "-i", "source=arm"]


def test_a_project_is_tested_from_unit_to_federation_and_its_low_coverage_stops_it(zk0, project):
    (project / "arm.py").write_text(CODE)
    (project / "tests").mkdir()
    (project / "tests" / "test_arm.py").write_text(TESTS)
    (project / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\nmarkers = ["slow"]\n')

    done = zk0("run", "testing", "--json", *SMALL)

    data = json.loads(done.stdout)["data"]
    verdicts = {step["id"]: step["verdict"] for step in data["steps"]}
    [directory] = (project / ".zk0" / "runs").glob("*-testing-*")
    report = (directory / "steps" / "report" / "report.md").read_text()
    assert done.returncode == 1, done.stdout + done.stderr
    assert verdicts["unit_tests"] == verdicts["integration_tests"] == verdicts["simulation"] == "pass", done.stderr
    assert verdicts["simulation/server_communication"] == "pass"
    assert verdicts["benchmark"] == "not-available"
    assert (verdicts["coverage"], verdicts["report"]) == ("fail", "pass")
    assert "75.0 % of the code is covered, 80 % wanted Remedy: test the least covered files: arm.py" in report
    assert all(receipt.digest in report for receipt in ReceiptStore(directory.parent).of_run(directory.name)[:-1])

    gate = zk0("resume", data["run"], "--from", "coverage", "--json")

    assert gate.returncode == 1  # the same gate on the same code says the same
