"""A report names every step, every issue with its remedy, and nothing that is not so."""

from datetime import UTC, datetime

from zk0.core.errors import ExitStatus
from zk0.core.git import GitState
from zk0.core.receipts import Failure, Receipt
from zk0.core.verdicts import Verdict, failed, not_available, passed
from zk0.reports.validation import validation_report
from zk0.workflow.state import RunState, RunStatus, StepState, StepStatus

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def receipt(step, verdict, *findings, **more):
    return Receipt(
        run="r", workflow="testing", step=step, title=f"Do {step}", uses="tests.run", inputs={},
        code=GitState(), environment={}, started=NOON, finished=NOON, findings=findings, verdict=verdict, **more,
    )  # fmt: skip


def state(*steps):
    return RunState(
        run="r", workflow="testing", title="Test", status=RunStatus.unfinished, exit_status=ExitStatus.done, seed=3,
        inputs={}, code=GitState(commit="a" * 40, dirty=True), environment={}, started=NOON, finished=None, steps=steps,
    )  # fmt: skip


def done(*arguments, **more):
    found = receipt(*arguments, **more)
    return StepState(id=found.step, status=StepStatus.finished, verdict=found.verdict, receipt=found)


def test_the_worst_comes_first_with_cause_and_remedy():
    bad = failed("2 | 3 failed", cause="a slip", remedy="mend it").model_copy(update={"check": "tests.passed"})
    unknown = not_available("nothing to compare with")

    text = validation_report(
        state(
            done("benchmark", Verdict.not_available, unknown),
            done("unit", Verdict.failed, bad, outputs={"table": [["passed", "failed"], ["1", "2"]]}),
        ),
        title="Report",
    )

    assert text.startswith("# Report\n\n**fail** · run `r`")
    assert "commit `aaaaaaaa` with uncommitted changes" in text
    assert text.index("2 \\| 3 failed Likely cause: a slip. Remedy: mend it.") < text.index("nothing to compare with")
    assert "| passed | failed |\n|---|---|\n| 1 | 2 |" in text


def test_what_failed_without_a_finding_and_what_was_skipped_are_told():
    broken = Failure(code="ZK104", message="pytest ended with exit status 4", remedy="see the log")
    skipped = StepState(
        id="coverage", title="Analyse", status=StepStatus.skipped, verdict=Verdict.not_available, reason="unit failed"
    )

    text = validation_report(state(done("unit", Verdict.failed, failure=broken), skipped), title="Report")

    assert "- **ZK104** in `unit`: pytest ended with exit status 4 Remedy: see the log." in text
    assert "| Analyse (`coverage`) | not-available | unit failed | | |" in text


def test_a_clean_run_has_no_issues():
    text = validation_report(state(done("unit", Verdict.passed, passed("3 tests passed"))), title="Report")

    assert "## Issues\n\nNone.\n" in text
