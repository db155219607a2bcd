"""A run, written down for people: what was done, what was found, and what is to be done about it."""

from collections.abc import Sequence

from zk0.core.pages import cell, markdown
from zk0.core.receipts import Receipt
from zk0.core.verdicts import Finding, Verdict, worst
from zk0.workflow.state import RunState, StepStatus

FINE = (Verdict.passed, Verdict.not_applicable)


def validation_report(state: RunState, *, title: str) -> str:
    """Return the steps of a run that have ended as Markdown; pure.

    Args:
        state: of the run, which may still go on.
        title: the report's heading.
    """
    receipts = [step.receipt for step in state.steps if step.receipt]
    return (
        markdown("zk0.reports", cell=cell)
        .get_template("validation.md.j2")
        .render(
            title=title,
            state=state,
            verdict=worst(receipt.verdict for receipt in receipts),
            receipts=receipts,
            skipped=[step for step in state.steps if step.status is StepStatus.skipped],
            issues=issues(receipts),
            tables=[(receipt, receipt.outputs["table"]) for receipt in receipts if receipt.outputs.get("table")],
        )
    )


def issues(receipts: Sequence[Receipt]) -> list[tuple[Receipt, Finding]]:
    """Return what is not as it should be, the worst first, and what could not be judged."""
    found = [(receipt, finding) for receipt in receipts for finding in receipt.findings if finding.verdict not in FINE]
    order = (Verdict.error, Verdict.failed, Verdict.warned, Verdict.not_available)
    return sorted(found, key=lambda pair: order.index(pair[1].verdict))
