"""How a command ends: the one place that turns what is raised into a message and an exit status.

A `Zk0Error` is printed with its remedy, never with a traceback; anything else is a bug of ours and leaves a log. With
`--json` the message is one object on stdout instead.
"""

import os
import platform
import sys
import tempfile
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from zk0 import __version__
from zk0.cli.application import app
from zk0.core.errors import ExitStatus, Zk0Error
from zk0.core.project import Project

USAGE = "ZK210"  # the code of a command line that can't be understood
BUG = "ZK500"


def ended(arguments: Sequence[str]) -> int:
    """Run the application and return the exit status of the process."""
    try:
        status = app(list(arguments), prog_name="zk0", standalone_mode=False)
    except (KeyboardInterrupt, click.Abort):
        return ExitStatus.interrupted
    except BrokenPipeError:
        # Whoever read our output has gone, as in `zk0 runs | head`; Python must not complain again at its exit.
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  it lives as long as the process
        return ExitStatus.failed
    except Exception as error:  # noqa: BLE001  whatever is raised must end in a message and a status, not in a traceback
        return _end_of(error, arguments)
    return status if isinstance(status, int) else ExitStatus.done


def _end_of(error: Exception, arguments: Sequence[str]) -> ExitStatus:
    as_json = "--json" in arguments
    match error:
        case Zk0Error():
            _tell(error.code, error.message, error.remedy, as_json=as_json)
            return error.exit_status
        case click.exceptions.NoArgsIsHelpError():  # it has printed the help already
            return ExitStatus.wrong_request
        case click.ClickException():
            command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "zk0"
            _tell(USAGE, error.format_message(), f"{command} --help", as_json=as_json)
            return ExitStatus.wrong_request
    log = _log(error, arguments)
    _tell(BUG, f"a bug of zk0's: {type(error).__name__}: {error}", f"report it with {log}", as_json=as_json)
    return ExitStatus.bug


def _tell(code: str, message: str, remedy: str | None, *, as_json: bool) -> None:
    if as_json:
        from zk0.cli.output import print_envelope  # it brings Rich, for which a good end has no use

        print_envelope(error={"code": code, "message": message, "remedy": remedy})
        return
    click.echo(f"error {code}: {message}", err=True)
    if remedy:
        click.echo(f"  {remedy}", err=True)


def _log(error: Exception, arguments: Sequence[str]) -> Path:
    """Write down what is needed to find a bug: in the project's state where there is one, else in a temporary file."""
    state = Project.find().root / ".zk0"
    directory = state / "log" if state.is_dir() else Path(tempfile.gettempdir())
    directory.mkdir(exist_ok=True)
    path = directory / f"zk0-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}.log"
    facts = f"zk0 {__version__}\npython {sys.version}\n{platform.platform()}\narguments {list(arguments)}\n\n"
    path.write_text(facts + "".join(traceback.format_exception(error)), encoding="utf-8")
    return path
