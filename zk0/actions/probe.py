"""Probe code in a workflow: as a step, whose findings later steps read, and as a check that accepts a repair.

    - id: fix
      ask: agent
      accept:
        - proximal.conforms: {target: "client.py:train"}

Points that can't be tested do not prevent acceptance if the main point of the contract holds: a term without a
parameter mu can conform.
"""

from collections.abc import Iterator

from zk0.actions.findings import FoundOutputs, summarize_findings
from zk0.core.app_subject import PACKAGE, complaint, declares_own
from zk0.core.checks import check
from zk0.core.project import Project
from zk0.core.verdicts import Finding, Verdict, not_available, passed
from zk0.probes import Probe, probe
from zk0.probes.running import MAIN_POINTS
from zk0.workflow.actions import Context, Inputs, Outputs, action

HOLDS = (Verdict.passed, Verdict.warned, Verdict.not_applicable)


class ProbeInputs(Inputs):
    """The code to probe; `strict` makes failures of warnings."""

    target: str
    strict: bool = False


class ProbeOutputs(FoundOutputs):
    """The findings in the order of the contract, the root cause first."""

    probe: Probe
    target: str


@action("probe.proximal")
def proximal(inputs: ProbeInputs, context: Context) -> ProbeOutputs:
    """Test a proximal term, a training step or a client against FedProx's contract."""
    return _probed(Probe.proximal, inputs, context)


@action("probe.aggregation")
def aggregation(inputs: ProbeInputs, context: Context) -> ProbeOutputs:
    """Test a strategy or an aggregating function against the contract of a weighted mean."""
    return _probed(Probe.aggregation, inputs, context)


@action("probe.exchange")
def exchange(inputs: ProbeInputs, context: Context) -> ProbeOutputs:
    """Test that what leaves one model arrives in another, bit for bit."""
    return _probed(Probe.exchange, inputs, context)


@check("proximal.conforms")
def proximal_conforms(
    outputs: Outputs, project: Project, *, target: str | None = None, strict: bool = False
) -> Iterator[Finding]:
    """The proximal term of `target`, or of the step's probe, keeps FedProx's contract."""
    return _conforms(Probe.proximal, outputs, project, target, strict=strict)


@check("aggregation.conforms")
def aggregation_conforms(
    outputs: Outputs, project: Project, *, target: str | None = None, strict: bool = False
) -> Iterator[Finding]:
    """The aggregation of `target`, or of the step's probe, is the mean by number of examples."""
    return _conforms(Probe.aggregation, outputs, project, target, strict=strict)


@check("exchange.conforms")
def exchange_conforms(
    outputs: Outputs, project: Project, *, target: str | None = None, strict: bool = False
) -> Iterator[Finding]:
    """What the get and set of `target`, or of the step's probe, send is what arrives."""
    return _conforms(Probe.exchange, outputs, project, target, strict=strict)


def _probed(kind: Probe, inputs: ProbeInputs, context: Context) -> ProbeOutputs:
    if inputs.target.startswith(f"{PACKAGE.name}.") and _has_other_code(context.project):
        message = f"which code of {context.project.name} to test was not given: -i target=file.py:name"
        findings = [not_available(f"{message}; zk0 init --dry-run lists proximal terms and strategies")]
    else:
        findings = probe(kind, inputs.target, context.project, strict=inputs.strict)
    return ProbeOutputs(**summarize_findings(findings), probe=kind, target=inputs.target)


def _has_other_code(project: Project) -> bool:
    """Return whether what zk0's own code does says nothing about a project, as it would of one without any code."""
    return complaint(project) is not None and (declares_own(project) or bool(project.tree().named(".py")))


def _conforms(
    kind: Probe, outputs: Outputs, project: Project, target: str | None, *, strict: bool
) -> Iterator[Finding]:
    if target is not None:
        findings = probe(kind, target, project, strict=strict)
    elif isinstance(outputs, ProbeOutputs):
        findings = outputs.findings
    else:
        yield not_available(f"says nothing without a target: {kind}.conforms: {{target: file.py:name}}")
        return
    for finding in findings:
        if finding.verdict.stops or finding.verdict is Verdict.warned:
            point = finding.check.rpartition(".")[2]
            yield finding.model_copy(update={"message": f"{point}: {finding.message}"})
    held = [finding for finding in findings if finding.verdict is Verdict.passed]
    main = [finding for finding in findings if finding.check.endswith(f".{MAIN_POINTS[kind]}")]
    if not any(finding.verdict in HOLDS for finding in main) and not any(each.verdict.stops for each in findings):
        reason = main[0].message if main else "its main point was not reached"
        yield not_available(f"unknown: {reason}", at=findings[0].at if findings else target or "")
    elif held and not any(each.verdict.stops for each in findings):
        yield passed(f"{len(held)} of {len(findings)} points hold", at=held[0].at)
