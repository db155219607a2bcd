import os
import time

import pytest

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
    assert findings[0].message == "the reports are of 1 of 2 test files, and not of tests/e2e/test_b.py"
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

    assert modules.message == "50 % of 2 modules have a test, 80 % wanted; the first of the others is small/c.py"
    assert (errors.verdict, errors.message.rpartition("; ")[2]) == ("fail", "not OwnError")


def test_a_project_without_tests_of_parts_together_fails(small):
    small.write({"small/a.py": "", "tests/test_a.py": "def test_f(): ...\n"})

    assert small.verdicts("test-suite.together") == {"fail"}


def test_what_is_no_report_is_no_evidence(tested):
    tested.write({"junit.xml": "<broken"})

    with pytest.raises(AssetMissingError, match="no JUnit report"):
        tested.ask("test-suite.passed")
