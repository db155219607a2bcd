"""`zk0 workflows new`: write a small, complete workflow file to begin with."""

import json
from typing import Annotated

import typer

from zk0.cli.output import JsonOption, print_result
from zk0.core.errors import InputError, RequestError
from zk0.core.project import Project
from zk0.workflow.names import SUFFIX, unread_files, why_reserved, workflow_files

# Also the first example of docs/workflows.md.
TEMPLATE = """\
# zk0 run NAME                run it; -i greeting=Hi sets the input
# zk0 run NAME --dry-run      print what it would do
# zk0 workflows lint          find mistakes, each with its line and column
name: NAME
title: TITLE
purpose: Say in one sentence what this workflow is good for.
inputs:
  greeting: {type: string, default: Hello, help: the text to write}
steps:
  - id: write
    title: Write a file
    # A program and its arguments; no shell reads them. An expression fills a whole argument.
    run: [sh, -c, 'echo "$0" > "$1"', "{{ inputs.greeting }}", "{{ run.directory ~ '/greeting.txt' }}"]
    checks:
      # What must hold afterwards. Each of these programs must end with exit status 0.
      - run: [test, -s, "{{ run.directory ~ '/greeting.txt' }}"]
  - id: show
    title: Show the file
    run: [cat, "{{ run.directory ~ '/greeting.txt' }}"]    # zk0 logs latest show
"""

NameArgument = Annotated[str, typer.Argument(help="The workflow's name, such as nightly-check.")]
TitleOption = Annotated[str | None, typer.Option("--title", help="Its title; by default made from the name.")]


def new(name: NameArgument, *, title: TitleOption = None, as_json: JsonOption = False) -> None:
    """Write a workflow file that runs as it is, to change into your own; an existing file stays as it is."""
    project = Project.find()
    refuse_name(name, project)
    path = project.workflows_dir / f"{name}{SUFFIX}"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8") as stream:
        stream.write(template(name, title or name.replace("-", " ").capitalize()))
    shown = project.shown(path)
    print_result({"path": shown}, f"{shown}\nnext: zk0 run {name}", as_json=as_json)


def template(name: str, title: str) -> str:
    """Return the text of a new workflow file."""
    return TEMPLATE.replace("NAME", name).replace("TITLE", json.dumps(title, ensure_ascii=False))


def refuse_name(name: str, project: Project) -> None:
    """Refuse what can't be the name of a new workflow of a project.

    Raises:
        InputError: it is spelled wrong.
        RequestError: it is taken.
    """
    from zk0.workflow.spec import KEBAB

    if not KEBAB.fullmatch(name):
        raise InputError(
            f"{name!r} can't be the name of a workflow", remedy="use lower-case words with hyphens: nightly-check"
        )
    if reason := why_reserved(name, project):
        raise RequestError(reason, remedy="choose another name")
    there = {**unread_files(project), **workflow_files(project)}.get(name)
    if there:
        raise RequestError(f"there is a workflow {name} already: {project.shown(there)}", remedy="choose another name")
