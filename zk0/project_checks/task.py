"""The current task: what the memory bank has of it (`task.*`)."""

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from zk0.core.checks import Part, check
from zk0.core.errors import AssetMissingError
from zk0.core.project import Project
from zk0.core.verdicts import Finding, failed, passed, warned
from zk0.memory.bank import Bank
from zk0.memory.entries import Kind
from zk0.memory.tasks import open_tasks
from zk0.project_checks.examples import command_problem
from zk0.project_checks.wording import says_something

NUMBER = re.compile(r"\d+(?:[.,]\d+)?\s*(?:%|[^\W\d_]{1,})")  # with its unit, or what is counted
VERSION = re.compile(r"[\w.-]+ v?\d[\w.+]*")  # of a package, as `zk0 task new` fills in by itself
BACKTICKS = re.compile(r"`([^`]+)`")
MEMORY = (Part.memory,)
HOW = "zk0 task new"


@check("task.context", reads=MEMORY)
def context(project: Project) -> Iterator[Finding]:
    """The current task has an objective, a scope and critical information, in words."""
    return _report_lines(project, {"objective": "objective", "scope": "scope", "critical": "critical information"})


@check("task.criteria", reads=MEMORY)
def criteria(project: Project) -> Iterator[Finding]:
    """Each success criterion of the task has a number with what it counts, or a command that can be looked up."""
    lines = _lines(_task(project), "criteria")
    if not lines:
        yield failed("no success criterion is written down", remedy=HOW)
        return
    for line in lines:
        if says_something(line) and (NUMBER.search(line) or _names_command(line, project)):
            yield passed(line)
        else:
            yield warned(f"not measurable: {line}", remedy="name a number, or a command between backticks")


@check("task.constraints", reads=MEMORY)
def constraints(project: Project) -> Iterator[Finding]:
    """The task's constraints are written down, in words."""
    return _report_lines(project, {"constraints": "constraint"})


@check("task.dependencies", reads=MEMORY)
def dependencies(project: Project) -> Iterator[Finding]:
    """The task's dependencies are written down, in words."""
    return _report_lines(project, {"dependencies": "dependency"})


@check("task.risks", reads=MEMORY)
def risks(project: Project) -> Iterator[Finding]:
    """The task's risks are written down, with a way to recover, in words."""
    return _report_lines(project, {"risks": "risk", "recovery": "way to recover"})


@check("task.plan", reads=MEMORY)
def plan(project: Project) -> Finding:
    """There is a plan: next steps, or validation points of the current task."""
    bank = Bank.of(project).read()
    steps = [entry.title for entry in bank.counting(Kind.next)]
    steps += _lines(_task(project), "validation") if not steps else []
    if mute := [step for step in steps if not says_something(step)]:
        return failed(f"the step {mute[0]!r} says nothing", remedy=HOW)
    if steps:
        return passed(f"{len(steps)} steps, the first: {steps[0]}")
    return failed("no next step and no validation point is written down", remedy=HOW)


def _report_lines(project: Project, wanted: Mapping[str, str]) -> Iterator[Finding]:
    task = _task(project)
    for name, what in wanted.items():
        lines = [line for line in _lines(task, name) if not VERSION.fullmatch(line)]
        if mute := [line for line in lines if not says_something(line)]:
            yield failed(f"the {what} {mute[0]!r} says nothing", remedy=HOW)
        elif lines:
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


def _names_command(line: str, project: Project) -> bool:
    return any(command_problem(shlex.split(text), project) == "" for text in BACKTICKS.findall(line))


def _lines(task: Mapping[str, Any], name: str) -> list[str]:
    value = task.get(name) or ()
    return [value] if isinstance(value, str) else [str(line) for line in value]
