"""The current task: what the memory bank has of it (`task.*`)."""

from collections.abc import Iterator, Mapping
from typing import Any

from zk0.core.checks import Part, check
from zk0.core.errors import AssetMissingError
from zk0.core.project import Project
from zk0.core.verdicts import Finding, failed, passed, warned
from zk0.memory.bank import Bank
from zk0.memory.entries import Kind
from zk0.memory.tasks import open_tasks

MEMORY = (Part.memory,)
HOW = "zk0 task new"


@check("task.context", reads=MEMORY)
def context(project: Project) -> Iterator[Finding]:
    """The current task is written down: objective, scope, critical information."""
    return _report_lines(project, {"objective": "objective", "scope": "scope", "critical": "critical information"})


@check("task.criteria", reads=MEMORY)
def criteria(project: Project) -> Iterator[Finding]:
    """The task's success criteria are stated, and each names a number or a command that decides it."""
    task = _task(project)
    lines = _lines(task, "criteria")
    if not lines:
        yield failed("no success criterion is written down", remedy=HOW)
        return
    for line in lines:
        if any(character.isdigit() for character in line) or "`" in line or task.get("tests"):
            yield passed(line)
        else:
            yield warned(f"not measurable: {line}", remedy="name a number, or a command between backticks")


@check("task.constraints", reads=MEMORY)
def constraints(project: Project) -> Iterator[Finding]:
    """The task's constraints are written down."""
    return _report_lines(project, {"constraints": "constraint"})


@check("task.dependencies", reads=MEMORY)
def dependencies(project: Project) -> Iterator[Finding]:
    """The task's dependencies are written down."""
    return _report_lines(project, {"dependencies": "dependency"})


@check("task.risks", reads=MEMORY)
def risks(project: Project) -> Iterator[Finding]:
    """The task's risks are written down, with a way to recover."""
    return _report_lines(project, {"risks": "risk", "recovery": "way to recover"})


@check("task.plan", reads=MEMORY)
def plan(project: Project) -> Finding:
    """There is a plan: next steps, or validation points of the current task."""
    bank = Bank.of(project).read()
    steps = [entry.title for entry in bank.counting(Kind.next)]
    steps += _lines(_task(project), "validation") if not steps else []
    if steps:
        return passed(f"{len(steps)} steps, the first: {steps[0]}")
    return failed("no next step and no validation point is written down", remedy=HOW)


def _report_lines(project: Project, wanted: Mapping[str, str]) -> Iterator[Finding]:
    task = _task(project)
    for name, what in wanted.items():
        lines = _lines(task, name)
        if lines:
            yield passed(lines[0] if len(lines) == 1 else f"{len(lines)} lines, the first: {lines[0]}")
        else:
            yield failed(f"no {what} of the task is written down", remedy=HOW)


def _task(project: Project) -> dict[str, Any]:
    """Return the context of the task begun last.

    Raises:
        AssetMissingError: no task is open.
    """
    tasks = open_tasks(Bank.of(project).read())
    if tasks and (task := tasks[-1].task):
        return task.model_dump()
    raise AssetMissingError("the memory bank has no open task", remedy=HOW)


def _lines(task: Mapping[str, Any], name: str) -> list[str]:
    value = task.get(name) or ()
    return [value] if isinstance(value, str) else [str(line) for line in value]
