"""Six outcomes: can't tell is never no, and the worst of several stands for all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zk0.core.verdicts import SEVERITY, Evidence, Verdict, failed, not_applicable, not_available, passed, warned, worst

verdicts = st.lists(st.sampled_from(list(Verdict)))


def test_every_verdict_has_a_severity():
    assert sorted(SEVERITY) == sorted(Verdict)


@given(verdicts, verdicts)
def test_more_findings_never_make_it_better(some, more):
    assert SEVERITY.index(worst(some + more)) >= SEVERITY.index(worst(some))
    assert worst(some + more) == worst(more + some)


def test_nothing_found_is_not_applicable():
    assert worst([]) is Verdict.not_applicable


def test_only_a_failure_or_an_error_stops():
    assert {verdict for verdict in Verdict if verdict.stops} == {Verdict.failed, Verdict.error}


@pytest.mark.parametrize(
    ("say", "verdict"),
    [
        (passed, "pass"),
        (warned, "warn"),
        (failed, "fail"),
        (not_applicable, "not-applicable"),
        (not_available, "not-available"),
    ],
)
def test_a_finding_says_its_verdict_its_sentence_and_its_place(say, verdict):
    finding = say("the loss rises", at="client 2")

    assert (finding.verdict, finding.message, finding.at) == (verdict, "the loss rises", "client 2")


def test_a_failure_tells_its_cause_its_numbers_and_what_repairs_it():
    evidence = [Evidence(name="loss", value=0.5, at="step 3")]

    finding = failed("inert", cause="after the step", remedy="move it", workflow="fedprox-debug", evidence=evidence)

    assert finding.evidence == tuple(evidence)
    assert (finding.cause, finding.remedy, finding.workflow) == ("after the step", "move it", "fedprox-debug")


@pytest.mark.parametrize(
    ("value", "unit", "told"),
    [(0.123456789, "s", "0.123457 s"), (12, "", "12"), ("left", "", "left"), (None, "ms", "None ms")],
)
def test_an_amount_is_told_with_its_unit_and_six_digits(value, unit, told):
    assert Evidence(name="x", value=value, unit=unit).amount == told
