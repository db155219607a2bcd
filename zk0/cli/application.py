"""The Typer application: a table of commands, each imported when it is used."""

from difflib import get_close_matches
from importlib import import_module
from typing import Annotated, override

import click
import typer
from typer.core import TyperGroup

from zk0 import __version__

# A command is a function, a group of commands a Typer application. Each module imports what it needs, so `zk0 prime`
# does not wait for the engine.
COMMANDS = {
    "init": "zk0.cli.init:init",
    "uninit": "zk0.cli.init:uninit",
    "run": "zk0.cli.run:run",
    "next": "zk0.cli.next:next_command",
    "resume": "zk0.cli.run:resume",
    "cancel": "zk0.cli.run:cancel",
    "runs": "zk0.cli.runs:app",
    "show": "zk0.cli.runs:show",
    "why": "zk0.cli.runs:why",
    "logs": "zk0.cli.runs:logs",
    "diagnose": "zk0.cli.diagnose:diagnose",
    "probe": "zk0.cli.probe:app",
    "evaluate": "zk0.cli.evaluate:evaluate",
    "config": "zk0.cli.config:app",
    "doctor": "zk0.cli.doctor:doctor",
    "actions": "zk0.cli.workflows:actions",
    "checks": "zk0.cli.workflows:checks",
    "workflows": "zk0.cli.workflows:app",
    "checklist": "zk0.cli.checklist:app",
    "memory": "zk0.cli.memory:app",
    "task": "zk0.cli.task:app",
    "prime": "zk0.cli.prime:prime",
    "deploy": "zk0.cli.deploy:app",
    "agents": "zk0.cli.agents:app",
    "mcp": "zk0.cli.mcp:mcp",
}


type Resolved = tuple[str | None, click.Command | None, list[str]]

# What other tools call it.
INSTEAD = {
    "clean": "runs prune",
    "lint": "workflows lint",
    "list": "workflows list",
    "new": "workflows new NAME",
    "status": "runs, or show latest",
}


class LazyGroup(TyperGroup):
    """A group that knows its commands by name and imports only the one used."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    @override
    def resolve_command(self, ctx: click.Context, args: list[str]) -> Resolved:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = INSTEAD.get(args[0]) or ", ".join(get_close_matches(args[0], COMMANDS, 2))
            raise click.UsageError(f"{error.message}{f' Did you mean {near}?' if near else ''}", ctx) from error

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        group = getattr(import_module(module), name)
        if not isinstance(group, typer.Typer):
            function, group = group, typer.Typer(add_completion=False)
            group.command(name=cmd_name)(function)
        command = typer.main.get_command(group)
        command.name = cmd_name
        return command


app = typer.Typer(cls=LazyGroup, no_args_is_help=True, pretty_exceptions_enable=False)


def _print_version(requested: object) -> None:
    if requested:
        typer.echo(f"zk0 {__version__}")
        raise typer.Exit


@app.callback()
def root(
    *,
    version: Annotated[  # noqa: ARG001  its callback prints it
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Run federated robot learning as workflows with checks, diagnostics and a memory."""
    from zk0.core.project import Project
    from zk0.core.registry import extend
    from zk0.workflow.plugins import ProjectPlugins

    extend(ProjectPlugins(Project.find()))
