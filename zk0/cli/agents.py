"""`zk0 agents`: the files by which coding agents know this project's workflows."""

from collections.abc import Iterable
from typing import Annotated

import typer

from zk0.agents.hooks import HOOK_FILES, add_hooks, hook_files
from zk0.agents.sync import AgentFile, FileStatus, agent_files, named_layouts, problems, remove, sync
from zk0.cli.output import JsonOption, print_result
from zk0.core.errors import ExitStatus, InputError
from zk0.core.project import Project

ForOption = Annotated[
    list[str] | None, typer.Option("--for", metavar="AGENT", help="An agent, or all; default: those found here.")
]
HooksOption = Annotated[
    bool, typer.Option("--hooks", help="Also add session hooks: the brief at the start, a draft at the end.")
]
KEPT = (FileStatus.edited, FileStatus.foreign)

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Write skills and commands for coding agents.",
)


@app.command(name="sync")
def sync_files(*, agents: ForOption = None, hooks: HooksOption = False, as_json: JsonOption = False) -> None:
    """Write the files from the workflows; what was edited by hand is left, and exits with 1."""
    project = Project.find()
    if hooks:
        _add_hooks(project, agents or ())
    files = sync(project, named_layouts(agents or ()))
    written = sum(file.status in (FileStatus.missing, FileStatus.stale) for file in files)
    _report(
        files,
        [file for file in files if file.status in KEPT],
        f"{written} written, {len(files)} in all",
        as_json=as_json,
    )


def _add_hooks(project: Project, agents: Iterable[str]) -> None:
    files = hook_files(project.root, agents)
    if not files:
        known = ", ".join(HOOK_FILES)
        raise InputError(f"hooks are there for {known}", remedy="zk0 agents sync --hooks --for claude")
    for file in files:
        add_hooks(project.root, file)


@app.command()
def check(*, agents: ForOption = None, as_json: JsonOption = False) -> None:
    """Compare the files with the workflows; exits with 1 if one is missing, stale or edited."""
    files = agent_files(Project.find(), named_layouts(agents or ()))
    _report(
        files,
        [file for file in files if file.status is not FileStatus.current],
        f"{len(files)} files are as the workflows say",
        as_json=as_json,
    )


@app.command(name="remove")
def remove_files(*, as_json: JsonOption = False) -> None:
    """Remove what zk0 wrote for agents; what was edited by hand is left, and exits with 1."""
    files = remove(Project.find())
    kept = [file for file in files if file.status in KEPT]
    _report(files, kept, f"{len(files) - len(kept)} removed", as_json=as_json)


def _report(files: list[AgentFile], wrong: list[AgentFile], summary: str, *, as_json: bool) -> None:
    data = {"files": [{"path": file.path, "status": file.status.value} for file in files]}
    print_result(data, "\n".join(problems(wrong) if wrong else [summary]), as_json=as_json)
    raise typer.Exit(ExitStatus.failed if wrong else ExitStatus.done)
