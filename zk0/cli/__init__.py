"""The command line. `main` is the program; `app` is its Typer application, for completion and documentation.

Nothing is imported here that `zk0 --version` does not need: it answers in the time Python takes to start.
"""

import sys
from collections.abc import Sequence

from zk0 import __version__

__all__ = ["app", "main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return the exit status of the process."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given == ["--version"]:
        sys.stdout.write(f"zk0 {__version__}\n")
        return 0
    from zk0.cli.main import ended

    return ended(given)


def __getattr__(name: str) -> object:
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from zk0.cli.application import app

    return app
