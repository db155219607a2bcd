import json
import subprocess
import sys

import pytest

from zk0.core.errors import AssetMissingError


def totals(**numbers: float) -> str:
    return json.dumps({"totals": numbers})


def test_lines_and_branches_are_compared_with_what_is_wanted(small):
    text = totals(percent_covered=81.2, num_branches=10, covered_branches=6)
    small.write({"small/a.py": ""}).commit().write({".zk0/reports/coverage.json": text})

    assert small.ask("test-coverage.lines")[0].message == "81.2 % of the code is covered, 80 % wanted"
    assert small.verdicts("test-coverage.lines", percent=90) == {"fail"}
    assert small.ask("test-coverage.branches")[0].message == "60.0 % of 10 branches are taken, 75 % wanted"


def test_branches_that_were_not_measured_are_not_available(small):
    small.write({"small/a.py": ""}).commit().write({"coverage.json": totals(percent_covered=90)})

    assert small.verdicts("test-coverage.branches") == {"not-available"}


def test_the_data_of_coverage_itself_is_read(small):
    small.write({"small/a.py": "x = 1\nif x > 1:\n    x = 2\n    x = 3\n"}).commit()
    command = [sys.executable, "-m", "coverage", "run", "--source=.", "small/a.py"]
    subprocess.run(command, cwd=small.root, check=True)

    assert small.ask("test-coverage.lines")[0].message == "50.0 % of the code is covered, 80 % wanted"


@pytest.mark.parametrize("text", ["no json", "[]", '{"totals": 3}'])
def test_what_is_no_report_is_no_evidence(small, text):
    small.write({"small/a.py": ""}).commit().write({"coverage.json": text})

    with pytest.raises(AssetMissingError, match="no report of coverage"):
        small.ask("test-coverage.lines")
