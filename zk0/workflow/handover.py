"""What an agent or a person is handed when a run waits for them: the notes' task context template, filled from the run.

Pure: the run's state in, Markdown out. What the run does not know is said to be unknown and not made up.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from zk0.verdicts import Finding, Verdict
from zk0.workflow.planned import PlannedStep
from zk0.workflow.spec import WorkflowSpec
from zk0.workflow.state import RunState

TEMPLATE = """\
# {title}

## Task information
**Task ID**: {step} of run {run}
**Parent task**: workflow {workflow}: {workflow_title}
**Created**: {created:%Y-%m-%d %H:%M:%S} UTC
**Mode**: {ask}
**Priority**: high; the run waits for this

## Task description
**Objective**: {objective}

**Scope**: {scope}

**Success criteria**:
{criteria}

## Technical context
**Current state**:
{state}

**Dependencies**: {dependencies}

**Constraints**:
{constraints}

## Context to preserve
**Critical information**:
{critical}

**Key decisions**:
{decisions}

**Assumptions**: the code is {code}; the workflow is the one in the run's `spec.yaml`, not the file as it is now.

## Subtask requirements
**Context inheritance**: every subtask inherits the objective, the constraints and the success criteria above.
**Handover information**: what was changed and why, in the commit message; the run records the rest.
**Validation points**:
{validation}

## Risk mitigation
**Risks**:
{risks}

**Potential context loss points**: this session's end; a change of the inputs above, which would need a new run.
**Recovery procedures**: `zk0 show {run}` tells all that is known; this file is `steps/{step}/handover.md` of the run.
**Prevention measures**: leave `.zk0/` alone; only what the success criteria measure counts as done.
"""


def handover(
    step: PlannedStep, arguments: Mapping[str, Any], spec: WorkflowSpec, state: RunState, now: datetime
) -> str:
    """Return the text of `handover.md`.

    Args:
        step: the step that asks.
        arguments: its instruction, scope and constraints, filled in.
        spec: the workflow the step belongs to.
        state: the run as it stands.
        now: the time, in UTC.
    """
    return TEMPLATE.format(
        title=step.title,
        step=step.path,
        run=state.run,
        workflow=spec.name,
        workflow_title=spec.title,
        created=now,
        ask=arguments["ask"],
        objective=str(arguments["instruction"]).strip(),
        scope=arguments["scope"] or "what the objective names, inside the project's directory, and nothing else",
        criteria=_list(criterion(planned.check.id, planned.check.summary, planned.options) for planned in step.checks),
        state=_list(_state_lines(state)),
        dependencies=", ".join(f"{name} {version}" for name, version in state.environment.items()) or "not recorded",
        constraints=_list(map(str, arguments["constraints"])),
        critical=_list(f"input {name} = {value!r}" for name, value in state.inputs.items()),
        decisions=_list(_decisions(step, spec)),
        code=f"commit {state.code.commit}" if state.code.commit else "not in a git repository",
        validation=_list([*_validation(step), f"`zk0 resume {state.run}` judges, says what is missing, and goes on"]),
        risks=_list(f"{issue.sign} Remedy: {issue.remedy}" for issue in spec.issues),
    )


def criterion(name: str, summary: str, options: Mapping[str, Any]) -> str:
    """Return a success criterion in words."""
    if name == "run":
        return f"`{' '.join(map(str, options['argv']))}` ends with exit status 0"
    details = ", ".join(f"{key}={value}" for key, value in options.items())
    return f"`{name}`{f' ({details})' if details else ''}: {summary}"


def _state_lines(state: RunState) -> Iterable[str]:
    for step in state.steps:
        if step.verdict is None:
            continue
        yield f"{step.id} ({step.title}): {step.verdict}{f', {step.reason}' if step.reason else ''}"
        if step.receipt and step.receipt.failure:
            failure = step.receipt.failure
            yield f"  {step.id} failed: {failure.message}; {failure.remedy or 'no remedy known'}"
        for finding in step.receipt.findings if step.receipt else ():
            if finding.verdict not in (Verdict.passed, Verdict.not_applicable):
                yield f"  {said(finding)}"


def said(finding: Finding) -> str:
    """Return a finding in one line."""
    parts = [f"{finding.check} {finding.verdict}: {finding.message}"]
    parts += [f"because {finding.cause}"] if finding.cause else []
    parts += [f"remedy: {finding.remedy}"] if finding.remedy else []
    return "; ".join(parts)


def _decisions(step: PlannedStep, spec: WorkflowSpec) -> Iterable[str]:
    if not isinstance(step.when, bool):
        yield f"this step runs since {step.when.source.removeprefix('{{').removesuffix('}}').strip()}"
    yield from spec.notes


def _validation(step: PlannedStep) -> Iterable[str]:
    return (f"`{planned.check.id}`" for planned in step.checks)


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" if not line.startswith("  ") else f"  - {line.strip()}" for line in lines) or "- none"
