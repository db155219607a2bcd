"""`zk0 mcp`: serve a project's workflows to a coding agent over the Model Context Protocol."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zk0.core.project import Project

if TYPE_CHECKING:
    from zk0.workflow.approval import ApprovalAnswer
    from zk0.workflow.run import RunDirectory

ProjectOption = Annotated[Path | None, typer.Option("--project", metavar="DIR", help="The project; default: this one.")]


HttpOption = Annotated[
    int | None, typer.Option("--http", metavar="PORT", min=1, max=65535, help="Serve on this loopback port instead.")
]


def mcp(*, project: ProjectOption = None, http: HttpOption = None) -> None:
    """Serve workflows, diagnosis, probes and memory as MCP tools on stdin and stdout."""
    from zk0.agents.server import build_server

    found = Project.find(project)
    server = build_server(found.root, _resume)
    if http is None:
        server.run("stdio")
        return
    from zk0.agents.http import HOST, serve_http, token_of

    token, path = token_of(found.state_dir)
    typer.echo(f"http://{HOST}:{http}/mcp; the token is in {path or 'the environment'}", err=True)
    serve_http(server, http, token)


def _resume(project: Project, run: "RunDirectory", answers: Mapping[str, "ApprovalAnswer"]) -> object:
    from zk0.cli import wiring  # the engine: half of the time that the server would take to start

    return wiring.resume(project, run, quiet=True, answers=answers)
