"""`zk0 task`: keep a task and its critical facts from one agent or person to the next."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from zk0.cli.options import ByOption, resolve_author
from zk0.cli.output import JsonOption, columns, print_envelope, print_result, show, table_of, verdict_text
from zk0.core.errors import ExitStatus
from zk0.core.project import Project
from zk0.core.references import KnownNames
from zk0.core.verdicts import Finding
from zk0.memory.adding import cite, save_entry
from zk0.memory.bank import Bank
from zk0.memory.entries import Entry
from zk0.memory.evidence import EvidenceReader
from zk0.memory.snapshot import BankSnapshot
from zk0.memory.tasks import (
    check_task,
    closing_entry,
    compose_task,
    context_of,
    extend_context,
    fill_context,
    open_tasks,
    render_task_page,
    subtasks,
    task_of,
    versions,
)
from zk0.memory.unfinished_runs import open_runs
from zk0.workflow.names import workflow_files
from zk0.workflow.task_context import TaskContext

Lines = list[str] | None
ScopeOption = Annotated[str, typer.Option(help="What is in scope, and what is not.")]
CriterionOption = Annotated[Lines, typer.Option("--criterion", help="A measurable outcome that defines success.")]
ConstraintOption = Annotated[Lines, typer.Option("--constraint", help="A constraint to respect.")]
CriticalOption = Annotated[Lines, typer.Option("--critical", help="What must not get lost.")]
NoteOption = Annotated[Lines, typer.Option("--note", help="A note for the next agent or person.")]
TestsOption = Annotated[str, typer.Option(help="The command that runs its tests.")]
SourceOption = Annotated[Lines, typer.Option("--source", "-s", help="A validation point: file:…, commit:…, config:….")]
ModeOption = Annotated[str, typer.Option(help="Who works on it, and how: agent, person, debug, …")]
SetOption = Annotated[
    Lines, typer.Option("--set", metavar="FIELD=TEXT", help="Any other field of the template, such as risks=TEXT.")
]
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
    fields: SetOption = None,
    file: FileOption = None,
    parent: Annotated[str | None, typer.Option(help="The parent task; its critical facts are inherited.")] = None,
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a task; git state, runs, decisions and findings are filled in."""
    given = {"scope": scope, "criteria": criterion, "constraints": constraint, "critical": critical, "notes": note}
    context = _context(file, fields, given | {"tests": tests, "mode": mode})
    project, now = Project.find(), datetime.now(UTC)
    evidence, reading = EvidenceReader(project), Bank.of(project).read()
    entry = compose_task(
        title,
        fill_context(context, reading, evidence, open_runs(project), now),
        by=resolve_author(by),
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
    fields: SetOption = None,
    file: FileOption = None,
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a new version of a task: lists are extended, single values replaced."""
    given = {"scope": scope, "criteria": criterion, "constraints": constraint, "critical": critical, "notes": note}
    more = _context(file, fields, given | {"tests": tests, "mode": mode})
    project, now = Project.find(), datetime.now(UTC)
    evidence, reading = EvidenceReader(project), Bank.of(project).read()
    before = task_of(reading, task)
    entry = compose_task(
        before.title,
        extend_context(context_of(before), more),
        by=resolve_author(by),
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
    check: Annotated[bool, typer.Option("--check", help="Check that it can be handed over; fail if not.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show a task as a page; with --check, check that its critical facts survive a handover."""
    project = Project.find()
    reading = Bank.of(project).read()
    entry = task_of(reading, task)
    findings = _findings(project, reading, entry) if check else []
    if as_json:
        print_envelope(data=_as_json(reading, entry) | {"findings": [one.model_dump(mode="json") for one in findings]})
    elif check:
        show(table_of(((verdict_text(finding.verdict), finding.at, finding.message) for finding in findings), 3))
    else:
        typer.echo(render_task_page(reading, entry), nl=False)
    wrong = any(finding.verdict.stops for finding in findings)
    raise typer.Exit(ExitStatus.failed if wrong else ExitStatus.done)


@app.command(name="list")
def list_tasks(*, as_json: JsonOption = False) -> None:
    """List the open tasks, each above its subtasks."""
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
        context = context_of(task)
        table.add_row(task.id, Text(context.priority, "dim"), f"{'  ' * depth}{task.title}")
        waiting += [(child, depth + 1) for child in reversed(subtasks(reading, task))]
    show(table)


@app.command()
def close(
    task: TaskArgument,
    *,
    outcome: Annotated[str, typer.Option(help="The outcome.")] = "",
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Close a task that lost no critical fact and has no open subtask."""
    project, now = Project.find(), datetime.now(UTC)
    reading = Bank.of(project).read()
    entry = task_of(reading, task)
    findings = _findings(project, reading, entry)
    closed = closing_entry(entry, by=resolve_author(by), at=now, outcome=outcome, findings=findings, reading=reading)
    _print_id(save_entry(project, closed, EvidenceReader(project), now=now), as_json=as_json)


def _context(file: Path | None, fields: Lines, given: dict[str, Any]) -> TaskContext:
    from zk0.memory.tasks import context_of_fields, read_context

    context = extend_context(
        context_of_fields(fields or ()),
        TaskContext.model_validate({name: value for name, value in given.items() if value}),
    )
    return extend_context(read_context(file), context) if file else context


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
    print_result({"id": entry.id}, entry.id, as_json=as_json)
