"""`zk0 workflows`, `zk0 actions` and `zk0 checks`: list, show and lint workflows and what they are made of."""

import os
import shlex
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from zk0.cli import output
from zk0.cli.new import new
from zk0.cli.output import JsonOption, columns, print_envelope, print_result, table_of
from zk0.core.errors import ExitStatus
from zk0.core.pages import as_text
from zk0.core.project import Project
from zk0.reports.github import annotate, is_active
from zk0.workflow.document import read_document
from zk0.workflow.names import foreign_workflow_files, workflow_files

if TYPE_CHECKING:
    from zk0.workflow.spec import AnyStep, InputSpec, WorkflowSpec


class GraphFormat(StrEnum):
    """A language for graphs."""

    mermaid = "mermaid"
    dot = "dot"


app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Begin, list, show and lint workflows.",
)
app.command()(new)


@app.command(name="list")
def list_workflows(*, as_json: JsonOption = False) -> None:
    """List the workflows of this project and those that ship with zk0."""
    files = workflow_files(Project.find())
    rows = [{"name": name, "title": _title(path), "path": str(path)} for name, path in files.items()]
    if as_json:
        print_envelope(data=rows)
        return
    output.show(table_of(((row["name"], row["title"]) for row in rows), 2))


def _title(path: Path) -> str:
    """Return the title of a workflow file, which need not be valid: `zk0 workflows lint` says whether it is."""
    try:
        data = read_document(path.read_text(encoding="utf-8")).data
    except (OSError, UnicodeDecodeError):
        data = None
    title = data.get("title") if isinstance(data, dict) else None
    return title if isinstance(title, str) else "has no title that can be read: zk0 workflows lint"


@app.command()
def show(name: str, *, as_json: JsonOption = False) -> None:
    """Show a workflow's inputs and steps."""
    from zk0.workflow.loading import load

    loaded = load(Project.find(), name)
    if as_json:
        print_envelope(data={**loaded.spec.model_dump(mode="json", by_alias=True), "path": str(loaded.path)})
    else:
        _print_spec(loaded.spec)


@app.command(name="lint")
def lint_workflows(
    paths: Annotated[list[Path] | None, typer.Argument()] = None, *, as_json: JsonOption = False
) -> None:
    """Print every error and likely mistake in workflow files, with its place and rule."""
    from zk0.checklists.loading import checklist_problem
    from zk0.workflow.loading import lint

    project = Project.find()
    problems = list(lint(project, paths or (), checklist_problem=partial(checklist_problem, project)))
    if is_active():
        for problem in problems:
            place = f"{problem.file}:{problem.line}"
            annotate("error", problem.message, title=problem.rule, place=place, column=problem.column)
    for path in () if paths else foreign_workflow_files(project).values():
        shown = project.shown(path)
        typer.echo(f"{shown}: passed over as another program's; zk0's have title, purpose and steps", err=True)
    text = "\n".join(f"{problem} [{problem.rule}]" for problem in problems)
    print_result({"problems": [problem.as_json() for problem in problems]}, text, as_json=as_json)
    raise typer.Exit(ExitStatus.wrong_request if problems else ExitStatus.done)


@app.command()
def graph(
    name: str,
    *,
    language: Annotated[GraphFormat, typer.Option("--as", help="The language of the graph.")] = GraphFormat.mermaid,
) -> None:
    """Print a workflow as a Mermaid flowchart or a Graphviz graph."""
    from zk0.workflow.graph import dot, mermaid
    from zk0.workflow.loading import load

    spec = load(Project.find(), name).spec
    typer.echo(mermaid(spec) if language is GraphFormat.mermaid else dot(spec), nl=False)


@app.command()
def schema() -> None:
    """Print the JSON Schema of a workflow file, for editors."""
    from zk0.workflow.spec import schema_text

    typer.echo(schema_text(), nl=False)


def actions(*, as_json: JsonOption = False) -> None:
    """List the actions a step may use."""
    from zk0.workflow.actions import ACTIONS
    from zk0.workflow.fitting import field_names

    listed = [ACTIONS.get(name) for name in ACTIONS.names()]
    if as_json:
        print_envelope(
            data=[
                {
                    "name": action.name,
                    "summary": action.summary,
                    "changes": list(action.changes),
                    "inputs": action.inputs.model_json_schema(),
                    "outputs": sorted(field_names(action.outputs)),
                }
                for action in listed
            ]
        )
        return
    output.show(table_of(((action.name, action.summary) for action in listed), 2))


def checks(*, as_json: JsonOption = False) -> None:
    """List the checks that a step may use."""
    from zk0.core.checks import CHECKS

    listed = [CHECKS.get(name) for name in CHECKS.names()]
    if as_json:
        data = [
            {"id": check.id, "summary": check.summary, "options": check.options.model_json_schema()} for check in listed
        ]
        print_envelope(data=data)
        return
    output.show(table_of(((check.id, check.summary) for check in listed), 2))


def _print_spec(spec: "WorkflowSpec") -> None:
    output.show(Text(spec.title, "bold"), spec.purpose.strip())
    inputs = columns(0, 0, 0)
    for name, declared in spec.inputs.items():
        inputs.add_row(f"  -i {name}=", _bounds(declared), declared.help)
    steps = columns(0, 0, 0)
    for step in spec.steps:
        steps.add_row(f"  {step.id}", step.title, _work(step))
        for use in step.checks:
            steps.add_row("", "", f"  {use.id}")
    if spec.inputs:
        output.show("", "inputs:", inputs)
    if spec.secrets:
        secrets = columns(0, 0, 0)
        for name, secret in spec.secrets.items():
            presence = "is set" if os.environ.get(name) else "is not set"
            secrets.add_row(f"  {name}", f"{'required' if secret.required else 'optional'}, {presence}", secret.help)
        output.show("", "secrets, from the environment:", secrets)
    output.show("", "steps:", steps)
    for note in spec.notes:
        output.show("", f"note: {note}")
    for issue in spec.issues:
        output.show("", f"if {issue.sign}: {issue.remedy}")


def _work(step: "AnyStep") -> str:
    from zk0.workflow.spec import AskStep, RunStep, UsesStep, WorkflowStep

    match step:
        case UsesStep():
            return step.uses
        case RunStep():
            return shlex.join(map(as_text, step.run))
        case AskStep():
            return f"ask {step.ask}"
        case WorkflowStep():
            return f"workflow {step.workflow}"


def _bounds(declared: "InputSpec") -> str:
    parts = [" | ".join(map(as_text, declared.choices)) or declared.type]
    parts += [f"≥ {declared.minimum}"] if declared.minimum is not None else []
    parts += [f"≤ {declared.maximum}"] if declared.maximum is not None else []
    if declared.required:
        parts.append("required")
    elif declared.default is not None:
        default = declared.default
        text = ",".join(map(as_text, default)) if isinstance(default, list) else as_text(default)
        parts.append(f"default {text or 'empty'}")
    return ", ".join(parts)
