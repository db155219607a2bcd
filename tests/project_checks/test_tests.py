import json
from pathlib import Path

import pytest
from pydantic import BaseModel

from zk0.core.checks import CHECKS, CheckContext
from zk0.core.errors import AssetMissingError

from .conftest import Small

CASE = '<testcase classname="{place}" name="{name}">{told}</testcase>'
FAILURE = '<failure message="assert 1 == 2">trace</failure>'


def report(*cases: tuple[str, str, str]) -> str:
    inner = "".join(CASE.format(place=place, name=name, told=told) for place, name, told in cases)
    return f'<?xml version="1.0"?><testsuites><testsuite>{inner}</testsuite></testsuites>'


BOTH = [("tests.test_a", "test_f", ""), ("tests.e2e.test_b", "test_whole", "")]


class WithRuns(Small):
    """A project whose test runs are receipts alone; that zk0 made them is what the twins of checklists test."""

    def ran(self, *cases: tuple[str, str, str], step: str = "unit") -> "WithRuns":
        return self.reported("tests.run", "junit", f"{step}/junit.xml", report(*cases))

    def reported(self, uses: str, output: str, name: str, text: str) -> "WithRuns":
        path = self.root / ".zk0" / "runs" / "r" / "steps" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self.store(self, uses=uses, run="r", step=name.replace("/", "-"), outputs={output: str(path)})
        return self


@pytest.fixture
def empty(tmp_path, receipt, monkeypatch) -> WithRuns:
    monkeypatch.setattr("zk0.project_checks.test_suite._distrust", lambda _receipt, _project, _records: None)
    root = tmp_path / "small"
    root.mkdir()
    made = WithRuns(root)
    made.store = receipt
    return made


@pytest.fixture
def tested(empty) -> WithRuns:
    return empty.write(
        {
            "small/a.py": "class OwnError(Exception): ...\n\ndef f():\n    raise OwnError('no')\n",
            "tests/test_a.py": "from small import a\n\ndef test_f():\n    assert a\n",
            "tests/e2e/test_b.py": "def test_whole():\n    assert [1]\n",
        }
    ).commit()


def test_without_a_run_nothing_is_known(tested):
    tested.write({"junit.xml": report(*BOTH), ".zk0/reports/tests.xml": report(*BOTH)})

    with pytest.raises(AssetMissingError, match="zk0 has not run the tests yet"):
        tested.ask("test-suite.passed")


def test_tests_that_were_skipped_are_counted_and_named(tested):
    tested.ran(BOTH[0], ("tests.e2e.test_b", "test_whole", "<skipped message='slow'/>"))

    warned, passed = tested.ask("test-suite.passed")

    assert (warned.verdict, passed.verdict) == ("warn", "pass")
    assert "skipped: tests.e2e.test_b::test_whole" in warned.message
    assert passed.message.startswith("1 tests passed, 1 were skipped")


def test_tests_that_were_expected_to_fail_are_not_called_skipped(tested):
    tested.ran(BOTH[0], ("tests.e2e.test_b", "test_whole", '<skipped type="pytest.xfail" message="later"/>'))

    assert "expected to fail: tests.e2e.test_b::test_whole" in tested.ask("test-suite.passed")[0].message


def test_steps_count_together_and_the_last_result_of_a_test(tested):
    tested.ran(("tests.test_a", "test_f", FAILURE), step="first").ran(BOTH[0], step="unit").ran(BOTH[1], step="whole")

    assert tested.verdicts("test-suite.passed") == {"pass"}
    assert tested.verdicts("test-suite.together") == {"pass"}


def test_a_test_that_failed_is_named_with_its_reason(tested):
    tested.ran(("tests.test_a", "test_f", FAILURE), BOTH[1])

    [finding] = tested.ask("test-suite.passed")

    assert (finding.verdict, finding.at, finding.message) == ("fail", "tests.test_a::test_f", "assert 1 == 2")


def test_a_test_that_was_deselected_has_no_result(tested):
    tested.ran(BOTH[0])

    findings = tested.ask("test-suite.passed")

    assert findings[0].verdict == "not-available"
    assert "1 of 2 tests have a result of this code, not tests/e2e/test_b.py:1 test_whole" in findings[0].message
    assert tested.verdicts("test-suite.together") == {"not-available"}


def test_a_test_that_asserts_nothing_fails(tested):
    tested.write({"tests/test_a.py": "def test_f():\n    assert True\n"}).ran(*BOTH)

    assert [(one.verdict, one.message) for one in tested.ask("test-suite.passed")] == [("fail", "asserts nothing")]


def test_a_run_on_other_code_tells_nothing_of_this_code(tested):
    tested.ran(*BOTH)
    tested.write({"README.md": "# New\n"})
    assert tested.verdicts("test-suite.passed") == {"pass"}

    tested.write({"small/a.py": "x = 1\n"})
    with pytest.raises(AssetMissingError, match="not what it was"):
        tested.ask("test-suite.passed")


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
    tested.reported("tests.run", "junit", "unit/junit.xml", "<broken")

    with pytest.raises(AssetMissingError, match="not a JUnit report"):
        tested.ask("test-suite.passed")


def test_tests_that_were_all_skipped_are_no_pass(tested):
    tested.ran(*((place, name, "<skipped/>") for place, name, _ in BOTH))

    assert tested.verdicts("test-suite.passed") == {"not-available"}


class Reported(BaseModel):
    junit: Path | None = None
    report: Path | None = None


def test_as_a_step_s_check_it_judges_the_reports_of_that_step(tested):
    tested.ran(*BOTH)
    tested.write({".zk0/step/junit.xml": report(("tests.test_a", "test_f", FAILURE))})
    tested.write({".zk0/step/coverage.json": totals(percent_covered=20)})
    folder = tested.root / ".zk0" / "step"
    step = CheckContext(tested.project, Reported(junit=folder / "junit.xml", report=folder / "coverage.json"))

    for check in ("test-suite.passed", "tests.passed", "test-coverage.lines", "tests.coverage"):
        assert [finding.verdict for finding in CHECKS.get(check).run(step, {})] == ["fail"], check
    assert tested.verdicts("test-suite.passed") == {"pass"}
    assert CHECKS.get("tests.coverage").run(step, {"minimum": 10})[0].verdict == "pass"
    assert CHECKS.get("tests.coverage").run(CheckContext(tested.project, Reported()), {})[0].verdict == "not-available"


def totals(**numbers: float) -> str:
    return json.dumps({"totals": numbers})


def covered(**files: dict[str, int]) -> str:
    named = {f"small/{name}.py": {"summary": {"excluded_lines": 0, **one}} for name, one in files.items()}
    return json.dumps({"totals": {"percent_covered": 100.0}, "files": named})


def test_the_coverage_is_that_of_the_whole_library(empty):
    whole = covered(a={"num_statements": 4, "covered_lines": 4, "num_branches": 2, "covered_branches": 1})
    empty.write({"small/a.py": "x = 1\n"}).commit().reported("tests.coverage", "report", "c/coverage.json", whole)
    assert empty.ask("test-coverage.lines")[0].message == "100.0 % of the code is covered, 80 % wanted"
    assert empty.ask("test-coverage.branches")[0].message == "50.0 % of the branches are taken, 75 % wanted"

    empty.write({"small/b.py": "x = 1\ny = 2\nz = 3\nw = 4\n"}).commit()
    empty.reported("tests.coverage", "report", "d/coverage.json", whole)
    assert empty.ask("test-coverage.lines")[0].message == "50.0 % of the code is covered, 80 % wanted"


def test_excluded_lines_are_not_covered_and_branches_may_be_unmeasured(empty):
    text = covered(a={"num_statements": 4, "covered_lines": 4, "excluded_lines": 4})
    empty.write({"small/a.py": "x = 1\n"}).commit().reported("tests.coverage", "report", "c/coverage.json", text)

    assert empty.ask("test-coverage.lines")[0].message == "50.0 % of the code is covered, 80 % wanted"
    assert empty.verdicts("test-coverage.branches") == {"not-available"}


@pytest.mark.parametrize("text", ["no json", "[]", '{"totals": 3}'])
def test_what_is_not_a_coverage_report_is_no_evidence(empty, text):
    empty.write({"small/a.py": ""}).commit().reported("tests.coverage", "report", "c/coverage.json", text)

    with pytest.raises(AssetMissingError, match="not a coverage report"):
        empty.ask("test-coverage.lines")
