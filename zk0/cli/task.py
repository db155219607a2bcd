"""`zk0 task`: what a task is and what must not get lost of it, from one agent or person to the next."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from zk0.cli.authors import ByOption, author
from zk0.cli.output import JsonOption, columns, print_envelope, show, verdict_text
from zk0.core.errors import ExitStatus
from zk0.core.project import Project
from zk0.core.references import KnownNames
from zk0.core.verdicts import Finding
from zk0.memory.adding import cite, save_entry
from zk0.memory.bank import Bank, BankSnapshot
from zk0.memory.entries import Entry
from zk0.memory.evidence import EvidenceReader
from zk0.memory.tasks import (
    check_task,
    closing_entry,
    compose_task,
    extend_context,
    fill_context,
    open_tasks,
    render_task_page,
    subtasks,
    task_of,
    versions,
)
from zk0.memory.unfinished_runs import open_runs
from zk0.workflow.loading import workflow_files
from zk0.workflow.task_context import TaskContext

Lines = list[str] | None
ScopeOption = Annotated[str, typer.Option(help="What is included, and what is not.")]
CriterionOption = Annotated[Lines, typer.Option("--criterion", help="A measurable outcome that defines success.")]
ConstraintOption = Annotated[Lines, typer.Option("--constraint", help="What must be respected.")]
CriticalOption = Annotated[Lines, typer.Option("--critical", help="What must not get lost.")]
NoteOption = Annotated[Lines, typer.Option("--note", help="A note for whoever goes on, in whatever mode.")]
TestsOption = Annotated[str, typer.Option(help="The command that tests it.")]
SourceOption = Annotated[Lines, typer.Option("--source", "-s", help="A validation point: file:…, commit:…, config:….")]
ModeOption = Annotated[str, typer.Option(help="Who works on it, and how: agent, person, debug, …")]
FileOption = Annotated[Path | None, typer.Option("--from", help="A YAML file with any of the template's fields.")]
TaskArgument = Annotated[str, typer.Argument(help="Any of the task's ids, or the beginning or end of one.")]

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Keep a task's context, so that it survives a handover."
)


@app.command()
def new(  # noqa: PLR0913  each is an option of the command
    title: str,
    *,
    scope: ScopeOption = "",
    criterion: CriterionOption = None,
    constraint: ConstraintOption = None,
    critical: CriticalOption = None,
    note: NoteOption = None,
    tests: TestsOption = "",
    source: SourceOption = None,
    mode: ModeOption = "",
    file: FileOption = None,
    parent: Annotated[str | None, typer.Option(help="The task it is part of; what is critical is inherited.")] = None,
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Begin a task; the state of git, runs, decisions and findings is filled in."""
    given = {"scope": scope, "criteria": criterion, "constraints": constraint, "critical": critical, "notes": note}
    context = _context(file, given | {"tests": tests, "mode": mode})
    project, now = Project.find(), datetime.now(UTC)
    evidence, reading = EvidenceReader(project), Bank.of(project).read()
    entry = compose_task(
        title,
        fill_context(context, reading, evidence, open_runs(project)),
        by=author(by),
        at=now,
        evidence=evidence,
        sources=[cite(one, evidence) for one in source or ()],
        parent=task_of(reading, parent) if parent else None,
    )
    _print_id(save_entry(project, entry, evidence, now=now), as_json=as_json)


@app.command()
def update(  # noqa: PLR0913  each is an option of the command
    task: TaskArgument,
    *,
    scope: ScopeOption = "",
    criterion: CriterionOption = None,
    constraint: ConstraintOption = None,
    critical: CriticalOption = None,
    note: NoteOption = None,
    tests: TestsOption = "",
    source: SourceOption = None,
    mode: ModeOption = "",
    file: FileOption = None,
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a task's next version: lines are added to its own, single values replaced."""
    given = {"scope": scope, "criteria": criterion, "constraints": constraint, "critical": critical, "notes": note}
    more = _context(file, given | {"tests": tests, "mode": mode})
    project, now = Project.find(), datetime.now(UTC)
    evidence, reading = EvidenceReader(project), Bank.of(project).read()
    before = task_of(reading, task)
    entry = compose_task(
        before.title,
        extend_context(before.task or TaskContext(), more),
        by=author(by),
        at=now,
        evidence=evidence,
        sources=[*before.sources, *(cite(one, evidence) for one in source or ())],
        before=before,
    )
    _print_id(save_entry(project, entry, evidence, now=now), as_json=as_json)


@app.command(name="show")
def show_task(
    task: TaskArgument,
    *,
    check: Annotated[bool, typer.Option("--check", help="Say whether it can be handed over; fail if not.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show a task in the template's nine blocks; with --check, whether what is critical survives a handover."""
    project = Project.find()
    reading = Bank.of(project).read()
    entry = task_of(reading, task)
    findings = _findings(project, reading, entry) if check else []
    if as_json:
        print_envelope(data=_as_json(reading, entry) | {"findings": [one.model_dump(mode="json") for one in findings]})
    elif check:
        table = columns(0, 0, 0)
        for finding in findings:
            table.add_row(verdict_text(finding.verdict), finding.at, finding.message)
        show(table)
    else:
        typer.echo(render_task_page(reading, entry), nl=False)
    wrong = any(finding.verdict.stops for finding in findings)
    raise typer.Exit(ExitStatus.failed if wrong else ExitStatus.done)


@app.command(name="list")
def list_tasks(*, as_json: JsonOption = False) -> None:
    """List the open tasks, subtasks below theirs."""
    reading = Bank.of(Project.find()).read()
    tasks = open_tasks(reading)
    if as_json:
        print_envelope(data=[_as_json(reading, task) for task in tasks])
        return
    table = columns(0, 0, 0)
    children = {child.id for task in tasks for child in subtasks(reading, task)}
    waiting = [(task, 0) for task in reversed(tasks) if task.id not in children]
    while waiting:
        task, depth = waiting.pop()
        context = task.task or TaskContext()
        table.add_row(task.id, Text(context.priority, "dim"), f"{'  ' * depth}{task.title}")
        waiting += [(child, depth + 1) for child in reversed(subtasks(reading, task))]
    show(table)


@app.command()
def close(
    task: TaskArgument,
    *,
    outcome: Annotated[str, typer.Option(help="What came out.")] = "",
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Close a task that lost nothing on its way and has no open subtask."""
    project, now = Project.find(), datetime.now(UTC)
    reading = Bank.of(project).read()
    entry = task_of(reading, task)
    findings = _findings(project, reading, entry)
    closed = closing_entry(entry, by=author(by), at=now, outcome=outcome, findings=findings, reading=reading)
    _print_id(save_entry(project, closed, EvidenceReader(project), now=now), as_json=as_json)


def _context(file: Path | None, given: dict[str, Any]) -> TaskContext:
    from zk0.memory.tasks import read_context

    said = {name: value for name, value in given.items() if value}
    return (
        extend_context(read_context(file), TaskContext.model_validate(said))
        if file
        else TaskContext.model_validate(said)
    )


def _findings(project: Project, reading: BankSnapshot, task: Entry) -> list[Finding]:
    from zk0.cli.application import COMMANDS

    ids = [entry.id for entry in reading.entries]
    known = KnownNames(project.root, project.settings.state, ids, workflow_files(project), COMMANDS)
    return list(check_task(reading, task, EvidenceReader(project), known, datetime.now(UTC)))


def _as_json(reading: BankSnapshot, task: Entry) -> dict[str, Any]:
    chain = versions(reading, task)
    return {
        "task": chain[0].id,
        "id": task.id,
        "title": task.title,
        "status": task.status.value,
        "version": len(chain),
        "context": task.task.model_dump(mode="json") if task.task else None,
        "sources": [source.model_dump(mode="json", exclude_defaults=True) for source in task.sources],
        "subtasks": [child.id for child in subtasks(reading, task)],
    }


def _print_id(entry: Entry, *, as_json: bool) -> None:
    if as_json:
        print_envelope(data={"id": entry.id})
    else:
        typer.echo(entry.id)
