"""The program: run a command line and turn every exception into a message and an exit status.

A `Zk0Error` is printed with its remedy, never with a traceback; any other exception is a bug of zk0 and leaves a log.
With `--json` the message is one object on stdout instead.
"""

import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from zk0 import __version__

USAGE = "ZK210"  # the code of a command line that cannot be parsed
BUG = "ZK500"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return the exit status of the process."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments == ["--version"]:
        sys.stdout.write(f"zk0 {__version__}\n")
        return 0
    return run_cli(arguments)


def run_cli(arguments: list[str]) -> int:
    """Run the Typer application and return the exit status; in GitHub Actions, no text it prints is a command."""
    from zk0.reports.github import inert_output, is_active

    with inert_output() if is_active() else nullcontext():
        return _run_application(arguments)


def _run_application(arguments: list[str]) -> int:
    import click

    from zk0.cli.application import app
    from zk0.core.errors import ExitStatus

    if "_ZK0_COMPLETE" in os.environ:
        from zk0.cli.completion import mend_command_line

        mend_command_line(os.environ)
    try:
        status = app(list(arguments), prog_name="zk0", standalone_mode=False)
    except (KeyboardInterrupt, click.Abort):
        return ExitStatus.interrupted
    except BrokenPipeError:
        # The reader of our output has gone, as in `zk0 runs | head`; Python must not complain again at exit.
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  it lives as long as the process
        return ExitStatus.failed
    except Exception as error:  # noqa: BLE001  every exception must end in a message and a status, not in a traceback
        return _report(error, arguments)
    return status if isinstance(status, int) else ExitStatus.done


def _report(error: Exception, arguments: list[str]) -> int:
    """Print an error and return its exit status."""
    import click

    from zk0.core.errors import ExitStatus, Zk0Error
    from zk0.core.extras import missing_extra

    as_json = "--json" in arguments
    error = missing_extra(error) or error
    match error:
        case Zk0Error():
            _print_error(error.code, error.message, error.remedy, as_json=as_json)
            return error.exit_status
        case click.exceptions.NoArgsIsHelpError():  # it has printed the help already
            return ExitStatus.wrong_request
        case click.ClickException():
            command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "zk0"
            _print_error(USAGE, error.format_message(), f"{command} --help", as_json=as_json)
            return ExitStatus.wrong_request
    log = _write_log(error, arguments)
    message = f"a bug in zk0: {type(error).__name__}: {error}"
    _print_error(BUG, message, f"report it with {log}", as_json=as_json)
    return ExitStatus.bug


def _print_error(code: str, message: str, remedy: str | None, *, as_json: bool) -> None:
    from zk0.core.pages import visible_lines
    from zk0.reports.github import annotate_error, is_active

    if is_active():
        annotate_error(message, title=code)
    if as_json:
        from zk0.cli.output import print_envelope  # it imports Rich, which a successful command may not need

        print_envelope(error={"code": code, "message": message, "remedy": remedy})
        return
    sys.stderr.write(f"error {code}: {visible_lines(message)}\n")
    if remedy:
        sys.stderr.write(f"  {visible_lines(remedy)}\n")


def _write_log(error: Exception, arguments: list[str]) -> Path:
    """Write what is needed to find a bug into the project's state directory if it exists, else a temporary file."""
    import platform
    import tempfile
    import traceback
    from datetime import UTC, datetime

    from zk0.core.project import Project

    state = Project.find().root / ".zk0"
    directory = state / "log" if state.is_dir() else Path(tempfile.gettempdir())
    directory.mkdir(exist_ok=True)
    path = directory / f"zk0-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}.log"
    facts = f"zk0 {__version__}\npython {sys.version}\n{platform.platform()}\narguments {arguments}\n\n"
    path.write_text(facts + "".join(traceback.format_exception(error)), encoding="utf-8")
    return path
