"""The Typer application: every command, each from its own module."""

from typing import Annotated

import typer

from zk0 import __version__
from zk0.cli import catalogue, diagnose, logs, resume, run, runs, workflows

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
app.command(name="run")(run.run)
app.command(name="resume")(resume.resume)
app.command(name="cancel")(resume.cancel)
app.command(name="runs")(runs.runs)
app.command(name="show")(runs.show)
app.command(name="why")(runs.why)
app.command(name="logs")(logs.logs)
app.command(name="diagnose")(diagnose.diagnose)
app.command(name="actions")(catalogue.actions)
app.command(name="checks")(catalogue.checks)
app.add_typer(workflows.app, name="workflows")


def _version(asked: object) -> None:
    if asked:
        typer.echo(f"zk0 {__version__}")
        raise typer.Exit


@app.callback()
def root(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Run federated robot learning as workflows that judge themselves and remember."""
