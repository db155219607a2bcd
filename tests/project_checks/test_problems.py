from zk0.core.verdicts import Verdict
from zk0.project_checks.problems import MOST, Problem, report_problems


def test_no_problem_is_one_pass():
    [finding] = report_problems([], "clean")

    assert (finding.verdict, finding.message) == (Verdict.passed, "clean")


def test_many_problems_are_cut_and_counted():
    findings = list(
        report_problems([Problem(f"a.py:{number}", "bad") for number in range(MOST + 5)], "", doubtful=True)
    )

    assert len(findings) == MOST + 1
    assert findings[-1].message == "5 more of the same kind"
    assert {finding.verdict for finding in findings} == {Verdict.warned}
