import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pydantic import BaseModel

from zk0.core.checks import CHECKS, CheckContext
from zk0.core.errors import AssetMissingError

CASE = '<testcase classname="{place}" name="{name}">{told}</testcase>'
FAILURE = '<failure message="assert 1 == 2">trace</failure>'


def report(*cases: tuple[str, str, str]) -> str:
    inner = "".join(CASE.format(place=place, name=name, told=told) for place, name, told in cases)
    return f'<?xml version="1.0"?><testsuites><testsuite>{inner}</testsuite></testsuites>'


@pytest.fixture
def tested(small):
    return small.write(
        {
            "small/a.py": "class OwnError(Exception): ...\n\ndef f():\n    raise OwnError('no')\n",
            "tests/test_a.py": "from small import a\n\ndef test_f(): ...\n",
            "tests/e2e/test_b.py": "def test_whole(): ...\n",
        }
    ).commit()


def test_without_a_report_nothing_is_known(tested):
    with pytest.raises(AssetMissingError, match="no report of a test run"):
        tested.ask("test-suite.passed")


def test_all_tests_of_the_report_passed(tested):
    cases = [("tests.test_a", "test_f", ""), ("tests.e2e.test_b", "test_whole", "<skipped message='slow'/>")]
    tested.write({".zk0/reports/tests.xml": report(*cases)})

    [finding] = tested.ask("test-suite.passed")

    assert (finding.verdict, finding.message) == ("pass", "1 tests passed, 1 were skipped")


def test_reports_of_several_runs_count_together_and_the_last_of_a_test(tested):
    tested.write({"junit.xml": report(("tests.test_a", "test_f", FAILURE))})
    os.utime(tested.root / "junit.xml", (time.time() + 1, time.time() + 1))
    tested.write({".zk0/runs/r/steps/unit/junit.xml": report(("tests.test_a", "test_f", ""))})
    tested.write({".zk0/runs/r/steps/whole/junit.xml": report(("tests.e2e.test_b", "test_whole", ""))})
    later = time.time() + 2
    os.utime(tested.root / ".zk0/runs/r/steps/unit/junit.xml", (later, later))

    assert tested.verdicts("test-suite.passed") == {"pass"}
    assert tested.verdicts("test-suite.together") == {"pass"}


def test_a_test_that_failed_is_named_with_its_reason(tested):
    cases = [("tests.test_a", "test_f", FAILURE), ("tests.e2e.test_b", "test_whole", "")]
    tested.write({"junit.xml": report(*cases)})

    [finding] = tested.ask("test-suite.passed")

    assert (finding.verdict, finding.at, finding.message) == ("fail", "tests.test_a::test_f", "assert 1 == 2")


def test_a_report_of_some_files_tells_nothing_of_the_others(tested):
    tested.write({"junit.xml": report(("tests.test_a", "test_f", ""))})

    findings = tested.ask("test-suite.passed")

    assert "not-available" in {str(finding.verdict) for finding in findings}
    assert findings[0].message == "the reports cover 1 of 2 test files, not tests/e2e/test_b.py"
    assert tested.verdicts("test-suite.together") == {"not-available"}


def test_a_report_older_than_the_code_tells_nothing_of_it(tested):
    tested.write({"junit.xml": report(("tests.test_a", "test_f", ""))})
    later = time.time() + 5
    os.utime(tested.root / "small" / "a.py", (later, later))

    with pytest.raises(AssetMissingError, match=r"small/a\.py was changed after the last test run"):
        tested.ask("test-suite.passed")


def test_documents_do_not_make_a_report_old(tested):
    tested.write({"junit.xml": report(("tests.test_a", "test_f", ""), ("tests.e2e.test_b", "test_whole", ""))})
    tested.write({"README.md": "# New\n"})
    later = time.time() + 5
    os.utime(tested.root / "README.md", (later, later))

    assert tested.verdicts("test-suite.passed") == {"pass"}


def test_modules_and_errors_without_a_test_are_counted(tested):
    tested.write({"small/c.py": "def g(): ...\n"})

    [modules] = tested.ask("test-suite.every-module")
    [errors] = tested.ask("test-suite.errors")

    assert modules.message == "50.0 % of 2 modules have a test, 80 % wanted; the first without: small/c.py"
    assert (errors.verdict, errors.message.rpartition(": ")[2]) == ("fail", "OwnError")


def test_a_project_without_tests_of_parts_together_fails(small):
    small.write({"small/a.py": "", "tests/test_a.py": "def test_f(): ...\n"})

    assert small.verdicts("test-suite.together") == {"fail"}


def test_what_is_no_report_is_no_evidence(tested):
    tested.write({"junit.xml": "<broken"})

    with pytest.raises(AssetMissingError, match="not a JUnit report"):
        tested.ask("test-suite.passed")


def test_tests_that_were_all_skipped_are_no_pass(tested):
    cases = [(place, "test", "<skipped/>") for place in ("tests.test_a", "tests.e2e.test_b")]
    tested.write({"junit.xml": report(*cases)})

    assert tested.verdicts("test-suite.passed") == {"not-available"}


class Reported(BaseModel):
    junit: Path | None = None
    report: Path | None = None


def test_as_a_step_s_check_it_judges_the_reports_of_that_step(tested):
    tested.write({"junit.xml": report(("tests.test_a", "test_f", ""), ("tests.e2e.test_b", "test_whole", ""))})
    tested.write({".zk0/reports/coverage.json": totals(percent_covered=90)})
    tested.write({".zk0/step/junit.xml": report(("tests.test_a", "test_f", FAILURE))})
    tested.write({".zk0/step/coverage.json": totals(percent_covered=20)})
    outputs = Reported(
        junit=tested.root / ".zk0" / "step" / "junit.xml", report=tested.root / ".zk0" / "step" / "coverage.json"
    )
    step = CheckContext(tested.project, outputs)

    for check in ("test-suite.passed", "tests.passed", "test-coverage.lines", "tests.coverage"):
        assert [finding.verdict for finding in CHECKS.get(check).run(step, {})] == ["fail"], check
        assert tested.verdicts(check) == {"pass"}, check
    assert CHECKS.get("tests.coverage").run(step, {"minimum": 10})[0].verdict == "pass"
    assert CHECKS.get("tests.coverage").run(CheckContext(tested.project, Reported()), {})[0].verdict == "not-available"


def totals(**numbers: float) -> str:
    return json.dumps({"totals": numbers})


def test_lines_and_branches_are_compared_with_what_is_wanted(small):
    text = totals(percent_covered=81.2, num_branches=10, covered_branches=6)
    small.write({"small/a.py": ""}).commit().write({".zk0/reports/coverage.json": text})

    assert small.ask("test-coverage.lines")[0].message == "81.2 % of the code is covered, 80 % wanted"
    assert small.verdicts("test-coverage.lines", percent=90) == {"fail"}
    assert small.ask("test-coverage.branches")[0].message == "60.0 % of the branches are taken, 75 % wanted"


def test_branches_that_were_not_measured_are_not_available(small):
    small.write({"small/a.py": ""}).commit().write({"coverage.json": totals(percent_covered=90)})

    assert small.verdicts("test-coverage.branches") == {"not-available"}


def test_the_data_of_coverage_itself_is_read(small):
    small.write({"small/a.py": "x = 1\nif x > 1:\n    x = 2\n    x = 3\n"}).commit()
    command = [sys.executable, "-m", "coverage", "run", "--source=.", "small/a.py"]
    subprocess.run(command, cwd=small.root, check=True)

    assert small.ask("test-coverage.lines")[0].message == "50.0 % of the code is covered, 80 % wanted"


@pytest.mark.parametrize("text", ["no json", "[]", '{"totals": 3}'])
def test_what_is_not_a_coverage_report_is_no_evidence(small, text):
    small.write({"small/a.py": ""}).commit().write({"coverage.json": text})

    with pytest.raises(AssetMissingError, match="not a coverage report"):
        small.ask("test-coverage.lines")
