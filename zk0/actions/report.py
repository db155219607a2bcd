"""Write a report of a run."""

from pathlib import Path

from pydantic import Field

from zk0.core.checks import check
from zk0.core.receipts import write_atomically
from zk0.core.verdicts import Evidence, Finding, passed_if
from zk0.workflow.actions import Context, Inputs, Outputs, action
from zk0.workflow.run import RunDirectory


class ReportInputs(Inputs):
    """What the report is called."""

    title: str = Field(min_length=1)


class ReportOutputs(Outputs):
    """The report, the receipts it must name, and its number of issues."""

    report: Path
    receipts: list[str]
    issues: int


@action("report.validation", changes=("artifacts",))
def validation(inputs: ReportInputs, context: Context) -> ReportOutputs:
    """Document this run's steps so far: verdicts, numbers, issues and their remedies."""
    from zk0.reports.validation import issues, validation_report

    state = RunDirectory(context.project.runs_dir / context.run).state()
    path = context.directory / "report.md"
    write_atomically(path, validation_report(state, title=inputs.title))
    digests = [receipt.digest for receipt in state.receipts]
    return ReportOutputs(report=path, receipts=digests, issues=len(issues(state.receipts)))


@check("report.complete")
def complete(outputs: ReportOutputs) -> Finding:
    """The report on the disk names the receipt of every step that has ended."""
    text = outputs.report.read_text(encoding="utf-8")
    lost = [digest for digest in outputs.receipts if digest not in text]
    counts = {"receipts": len(outputs.receipts), "issues": outputs.issues}
    evidence = [Evidence(name=name, value=count) for name, count in counts.items()]
    good, bad = f"{len(outputs.receipts)} receipts, {outputs.issues} issues", f"it lacks receipts: {', '.join(lost)}"
    return passed_if(not lost, good, bad, evidence=evidence)
