"""Findings as outputs of a step: of a diagnosis or a probe, with their faults."""

from collections.abc import Iterator, Sequence

from pydantic import Field

from zk0.core.checks import check
from zk0.core.verdicts import SEVERITY, Finding, Verdict, failed, not_available, passed
from zk0.workflow.actions import Outputs

WRONG = (Verdict.warned, Verdict.failed, Verdict.error)


class FoundOutputs(Outputs):
    """Findings, what is wrong first; `faults` are the ones they name, `root` the first of them."""

    findings: list[Finding]
    faults: list[str]
    root: str | None = Field(description="the fault to begin with; null where none is named")
    table: list[list[str]]


@check("findings.clear")
def clear(outputs: FoundOutputs, *, stop: bool = True, repaired_by: str = "") -> Iterator[Finding]:
    """Nothing is wrong; without `stop`, problems are warnings and the workflow goes on.

    With `repaired_by`, only what that workflow repairs can fail it, and that workflow is not proposed again.
    """
    wrong = [finding for finding in outputs.findings if finding.verdict in WRONG]
    judged = [finding for finding in outputs.findings if finding.verdict is not Verdict.not_available]
    if not judged:
        reasons = "; ".join(dict.fromkeys(finding.message for finding in outputs.findings))
        yield not_available(reasons or "no findings")
        return
    alike = {(finding.at, finding.message): finding for finding in reversed(wrong)}  # a cause may break several points
    for finding in (one for one in wrong if one is alike[one.at, one.message]):
        mild = not stop or (repaired_by and finding.workflow != repaired_by)
        verdict = min(finding.verdict, Verdict.warned, key=SEVERITY.index) if mild else finding.verdict
        workflow = None if finding.workflow == repaired_by else finding.workflow
        yield finding.model_copy(update={"verdict": verdict, "workflow": workflow})
    if not wrong:
        yield passed(f"nothing is wrong: {len(judged)} questions answered")


@check("findings.passed")
def shown(outputs: FoundOutputs, *, checks: list[str]) -> Iterator[Finding]:
    """Each of these diagnostics has an answer, and a good one."""
    for name in checks:
        own = [finding for finding in outputs.findings if finding.check == name]
        judged = [finding for finding in own if finding.verdict is not Verdict.not_available]
        if not judged:
            why = own[0].message if own else "it did not run"
            yield failed(f"{name} was not answered: {why}", remedy="let the training be longer, or log what it lacks")
        yield from judged


def summarize_findings(findings: Sequence[Finding]) -> dict[str, object]:
    """Return the fields of `FoundOutputs` that findings, in their order, make."""
    wrong = [one for one in findings if one.verdict in WRONG]
    faults = list(dict.fromkeys(one.fault for one in wrong if one.fault))
    rows = [[one.verdict.value, one.fault or "", one.check, one.at, one.message] for one in wrong]
    return {
        "findings": list(findings),
        "faults": faults,
        "root": next(iter(faults), None),
        "table": [["verdict", "fault", "check", "at", "message"], *rows] if rows else [],
    }
