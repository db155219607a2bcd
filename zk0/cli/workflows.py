"""`zk0 workflows`: which there are, what one says, and whether they are valid."""

import os
import shlex
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from zk0.cli import output
from zk0.cli.output import JsonOption, columns, print_envelope
from zk0.core.errors import ExitStatus
from zk0.core.project import Project
from zk0.workflow.expressions import as_text
from zk0.workflow.graph import dot, mermaid
from zk0.workflow.loading import Library, examine, lint, load, workflow_files
from zk0.workflow.spec import AnyStep, AskStep, InputSpec, RunStep, UsesStep, WorkflowSpec, WorkflowStep, schema_text


class Language(StrEnum):
    """How a graph is written."""

    mermaid = "mermaid"
    dot = "dot"


app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="List, show and check the workflows.",
)


@app.command(name="list")
def list_workflows(*, as_json: JsonOption = False) -> None:
    """List the workflows of this project and those that come with zk0."""
    rows = []
    files = workflow_files(Project.find())
    for name, path in files.items():
        loaded, problems = examine(path, library=Library(files, (name,)))
        title = loaded.spec.title if loaded else f"not valid: {len(problems)} problems; zk0 workflows lint"
        rows.append({"name": name, "title": title, "path": str(path), "valid": loaded is not None})
    if as_json:
        print_envelope(data=rows)
        return
    table = columns(0, 0)
    for row in rows:
        table.add_row(str(row["name"]), str(row["title"]))
    output.show(table)


@app.command()
def show(name: str, *, as_json: JsonOption = False) -> None:
    """Show what a workflow takes and does."""
    loaded = load(Project.find(), name)
    if as_json:
        print_envelope(data={**loaded.spec.model_dump(mode="json", by_alias=True), "path": str(loaded.path)})
    else:
        _print_spec(loaded.spec)


@app.command(name="lint")
def lint_workflows(
    paths: Annotated[list[Path] | None, typer.Argument()] = None, *, as_json: JsonOption = False
) -> None:
    """Print every problem of workflow files with its place and rule: what is invalid, and what can't be meant."""
    problems = list(lint(Project.find(), paths or ()))
    if as_json:
        print_envelope(data={"problems": [problem.as_json() for problem in problems]})
    else:
        for problem in problems:
            typer.echo(f"{problem} [{problem.rule}]")
    raise typer.Exit(ExitStatus.wrong_request if problems else ExitStatus.done)


@app.command()
def graph(
    name: str, *, language: Annotated[Language, typer.Option("--as", help="What to print.")] = Language.mermaid
) -> None:
    """Print a workflow as a Mermaid flowchart or a Graphviz graph."""
    spec = load(Project.find(), name).spec
    typer.echo(mermaid(spec) if language is Language.mermaid else dot(spec), nl=False)


@app.command()
def schema() -> None:
    """Print the JSON Schema of a workflow file, for editors."""
    typer.echo(schema_text(), nl=False)


def _print_spec(spec: WorkflowSpec) -> None:
    output.show(Text(spec.title, "bold"), spec.purpose.strip())
    inputs = columns(0, 0, 0)
    for name, declared in spec.inputs.items():
        inputs.add_row(f"  -i {name}=", _bounds(declared), declared.help)
    steps = columns(0, 0, 0)
    for step in spec.steps:
        what = _deed(step)
        steps.add_row(f"  {step.id}", step.title, what)
        for use in step.checks:
            steps.add_row("", "", f"  {use.id}")
    if spec.inputs:
        output.show("", "inputs:", inputs)
    if spec.secrets:
        secrets = columns(0, 0, 0)
        for name, secret in spec.secrets.items():
            stands = "is set" if os.environ.get(name) else "is not set"
            secrets.add_row(f"  {name}", f"{'required' if secret.required else 'optional'}, {stands}", secret.help)
        output.show("", "secrets, from the environment:", secrets)
    output.show("", "steps:", steps)
    for note in spec.notes:
        output.show("", f"note: {note}")
    for issue in spec.issues:
        output.show("", f"if {issue.sign}: {issue.remedy}")


def _deed(step: AnyStep) -> str:
    match step:
        case UsesStep():
            return step.uses
        case RunStep():
            return shlex.join(map(as_text, step.run))
        case AskStep():
            return f"ask {step.ask}"
        case WorkflowStep():
            return f"workflow {step.workflow}"


def _bounds(declared: InputSpec) -> str:
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
