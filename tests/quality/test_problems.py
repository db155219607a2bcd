from zk0.quality.problems import MOST, Problem, found
from zk0.verdicts import Verdict


def test_no_problem_is_one_pass():
    [finding] = found([], good="clean")

    assert (finding.verdict, finding.message) == (Verdict.passed, "clean")


def test_many_problems_are_cut_and_counted():
    findings = list(found([Problem(f"a.py:{number}", "bad") for number in range(MOST + 5)], good="", doubtful=True))

    assert len(findings) == MOST + 1
    assert findings[-1].message == "5 more of the same kind"
    assert {finding.verdict for finding in findings} == {Verdict.warned}
