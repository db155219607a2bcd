"""A run, written down for people: what was done, what was found, and what is to be done about it."""

from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined

from zk0.receipts import Receipt
from zk0.verdicts import Finding, Verdict, worst
from zk0.workflow.state import RunState, StepStatus

FINE = (Verdict.passed, Verdict.not_applicable)


def validation_report(state: RunState, *, title: str) -> str:
    """Return the steps of a run that have ended as Markdown; pure.

    Args:
        state: of the run, which may still go on.
        title: the report's heading.
    """
    environment = Environment(  # noqa: S701  Markdown, not HTML
        loader=PackageLoader("zk0.reports"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["cell"] = _cell
    receipts = [step.receipt for step in state.steps if step.receipt]
    return environment.get_template("validation.md.j2").render(
        title=title,
        state=state,
        verdict=worst(receipt.verdict for receipt in receipts),
        receipts=receipts,
        skipped=[step for step in state.steps if step.status is StepStatus.skipped],
        issues=issues(receipts),
        tables=[(receipt, receipt.outputs["table"]) for receipt in receipts if receipt.outputs.get("table")],
    )


def issues(receipts: Sequence[Receipt]) -> list[tuple[Receipt, Finding]]:
    """Return what is not as it should be, the worst first, and what could not be judged."""
    found = [(receipt, finding) for receipt in receipts for finding in receipt.findings if finding.verdict not in FINE]
    order = (Verdict.error, Verdict.failed, Verdict.warned, Verdict.not_available)
    return sorted(found, key=lambda pair: order.index(pair[1].verdict))


def _cell(text: object) -> str:
    """Return a text that stays within a table's cell."""
    return " ".join(str(text).split()).replace("|", "\\|")
