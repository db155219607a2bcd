"""What is wrong is told, and stops a workflow only where it is to."""

import pytest

from zk0.actions.findings import FoundOutputs, summarize_findings
from zk0.core.verdicts import Finding, Verdict, failed, not_available, passed, warned


def outputs(*findings: Finding) -> FoundOutputs:
    return FoundOutputs(**summarize_findings(findings))


BROKEN = failed("it never acts", fault="proximal-inert", workflow="fedprox-debug")


def test_the_first_fault_is_the_root_and_each_is_named_once():
    given = outputs(passed("fine"), BROKEN, BROKEN, warned("hm", fault="loss-spiking"))

    assert given.faults == ["proximal-inert", "loss-spiking"]
    assert given.root == "proximal-inert"
    assert [row[1] for row in given.table] == ["fault", "proximal-inert", "proximal-inert", "loss-spiking"]
    assert outputs(passed("fine")).table == []


@pytest.mark.parametrize(
    ("options", "verdict", "workflow"),
    [
        ({}, "fail", "fedprox-debug"),
        ({"stop": False}, "warn", "fedprox-debug"),
        ({"stop": False, "repaired_by": "fedprox-debug"}, "warn", None),
        ({"repaired_by": "fedprox-debug"}, "fail", None),
        ({"repaired_by": "aggregation-fix"}, "warn", "fedprox-debug"),
    ],
)
def test_what_is_wrong_fails_or_warns_and_proposes_no_workflow_that_runs_already(judge, options, verdict, workflow):
    [finding] = judge("findings.clear", outputs(BROKEN), **options)

    assert (finding.verdict, finding.workflow) == (verdict, workflow)


def test_a_warning_stays_a_warning(judge):
    assert judge("findings.clear", outputs(warned("hm")))[0].verdict is Verdict.warned


def test_nothing_wrong_is_a_pass_and_nothing_seen_is_not(judge):
    assert judge("findings.clear", outputs(passed("fine"), not_available("no loss")))[0].verdict is Verdict.passed
    [silent] = judge("findings.clear", outputs(not_available("no loss")))
    assert (silent.verdict, silent.message) == (Verdict.not_available, "no loss")
    assert judge("findings.clear", outputs())[0].verdict is Verdict.not_available


def test_what_was_not_answered_proves_nothing(judge):
    trend = passed("falling").model_copy(update={"check": "loss.trend"})
    short = not_available("needs 20 steps").model_copy(update={"check": "proximal.acts"})

    given = outputs(trend, short)

    assert [one.verdict for one in judge("findings.passed", given, checks=["loss.trend"])] == ["pass"]
    [finding] = judge("findings.passed", given, checks=["proximal.acts"])
    assert finding.message == "proximal.acts was not answered: needs 20 steps"
    assert judge("findings.passed", given, checks=["evaluation.trend"])[0].verdict is Verdict.failed
