"""The Typer application: every command, each from its own module, which is imported when the command is asked for."""

from importlib import import_module
from typing import Annotated, override

import click
import typer
from typer.core import TyperGroup

from zk0 import __version__

# A command is a function, a group of commands a Typer application. The modules import what their work needs: an agent
# that asks for `zk0 prime` does not wait for the engine.
COMMANDS = {
    "run": "zk0.cli.run:run",
    "resume": "zk0.cli.resume:resume",
    "cancel": "zk0.cli.resume:cancel",
    "runs": "zk0.cli.runs:runs",
    "show": "zk0.cli.runs:show",
    "why": "zk0.cli.runs:why",
    "logs": "zk0.cli.logs:logs",
    "diagnose": "zk0.cli.diagnose:diagnose",
    "probe": "zk0.cli.probe:app",
    "actions": "zk0.cli.catalogue:actions",
    "checks": "zk0.cli.catalogue:checks",
    "workflows": "zk0.cli.workflows:app",
    "checklist": "zk0.cli.checklist:app",
    "memory": "zk0.cli.memory:app",
    "task": "zk0.cli.task:app",
    "prime": "zk0.cli.prime:prime",
}


class LazyGroup(TyperGroup):
    """Knows its commands by name, and imports the one that is asked for."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        found = getattr(import_module(module), name)
        if not isinstance(found, typer.Typer):
            function, found = found, typer.Typer(add_completion=False)
            found.command(name=cmd_name)(function)
        command = typer.main.get_command(found)
        command.name = cmd_name
        return command


app = typer.Typer(cls=LazyGroup, no_args_is_help=True, pretty_exceptions_enable=False)


def _version(asked: object) -> None:
    if asked:
        typer.echo(f"zk0 {__version__}")
        raise typer.Exit


@app.callback()
def root(
    *,
    version: Annotated[  # noqa: ARG001  its callback answers
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Run federated robot learning as workflows that judge themselves and remember."""
    from zk0.core.project import Project
    from zk0.core.registry import extend
    from zk0.workflow.plugins import ProjectPlugins

    extend(ProjectPlugins(Project.find()))
