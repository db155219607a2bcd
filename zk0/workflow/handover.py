"""The handover to an agent or a person that a run waits for: a task context, filled from the run's state. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from textwrap import indent
from typing import Any

from zk0.core.git import GitState
from zk0.core.pages import one_line
from zk0.core.verdicts import Finding, Verdict
from zk0.workflow.events import HandedTask
from zk0.workflow.patterns import argument_texts
from zk0.workflow.plan import PlannedStep
from zk0.workflow.spec import WorkflowSpec
from zk0.workflow.state import RunState
from zk0.workflow.task_context import TaskContext, render_task


def handover(
    step: PlannedStep,
    arguments: Mapping[str, Any],
    spec: WorkflowSpec,
    state: RunState,
    now: datetime,
    statement: str = "",
) -> str:
    """Return the text of `handover.md`.

    Args:
        step: the step that asks.
        arguments: its instruction, scope and constraints, filled in.
        spec: the workflow of the step.
        state: the state of the run.
        now: the time, in UTC.
        statement: what a person is asked to approve.
    """
    task = render_task(
        _context(step, arguments, spec, state),
        title=step.title,
        task=f"{step.path} of run {state.run}",
        created=now,
        captured=f"zk0, from run {state.run}",
    )
    return f"{task}\n## What is approved\n\n{indent(statement, '    ')}" if statement else task


def _context(step: PlannedStep, arguments: Mapping[str, Any], spec: WorkflowSpec, state: RunState) -> TaskContext:
    task = handed_task(step, arguments)
    return TaskContext(
        parent=f"workflow {spec.name}: {spec.title}",
        mode=f"{arguments['ask']}; the run waits for this",
        priority="high",
        objective=task.instruction,
        scope=task.scope if isinstance(task.scope, str) else ", ".join(task.scope),
        criteria=task.criteria,
        state=tuple(_state_lines(state)),
        dependencies=tuple(f"{name} {version}" for name, version in state.environment.items()),
        constraints=task.constraints,
        critical=tuple(f"input {name} = {value!r}" for name, value in state.inputs.items()),
        decisions=tuple(_decisions(step, spec)),
        assumptions=(
            f"the code is {_place(state.code)}",
            "the workflow is the one in the run's `spec.yaml`, not the file as it is now",
        ),
        handover=("what was changed and why, in the commit message; the run records the rest",),
        validation=(
            *(f"`{planned.check.id}`" for planned in step.checks),
            f"`zk0 resume {state.run}` judges, says what is missing, and goes on",
        ),
        risks=tuple(f"{issue.sign} Remedy: {issue.remedy}" for issue in spec.issues),
        losses=("this session's end", "a change of the inputs above, which would need a new run"),
        recovery=(f"`zk0 show {state.run}` shows everything known; this is the run's `steps/{step.path}/handover.md`",),
        prevention=(
            "leave `.zk0/` alone; only what the success criteria measure counts as done",
            "tests, scripts and settings that the criteria run or read stay as they are, unless the scope names them",
        ),
    )


def handed_task(step: PlannedStep, arguments: Mapping[str, Any]) -> HandedTask:
    """Return what is asked for, as `zk0 next` and the MCP server give it."""
    scope = arguments["scope"]
    return HandedTask(
        instruction=str(arguments["instruction"]).strip(),
        scope=scope if isinstance(scope, str) else tuple(argument_texts(scope)),
        criteria=tuple(criterion(planned.check.id, planned.check.summary, planned.options) for planned in step.checks),
        constraints=tuple(map(str, arguments["constraints"])),
    )


def _place(code: GitState) -> str:
    if code.commit:
        return f"commit {code.commit}{', with changes that are not committed' if code.dirty else ''}"
    return "not in a git repository" if code.dirty is None else "in a git repository without a commit"


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
                yield f"  {format_finding(finding)}"


def format_finding(finding: Finding) -> str:
    """Return a finding in one line."""
    parts = [f"{finding.check} {finding.verdict}: {finding.message}"]
    parts += [f"because {finding.cause}"] if finding.cause else []
    parts += [f"remedy: {finding.remedy}"] if finding.remedy else []
    return one_line("; ".join(parts))


def _decisions(step: PlannedStep, spec: WorkflowSpec) -> Iterable[str]:
    if not isinstance(step.when, bool):
        yield f"this step runs since {step.when.source.removeprefix('{{').removesuffix('}}').strip()}"
    yield from spec.notes
