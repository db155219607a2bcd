"""The command line. `main` is the program; `app` is its Typer application, for completion and documentation.

Nothing is imported here that `zk0 --version` does not need: it answers in the time Python needs to start.
"""

from zk0.cli.main import main

__all__ = ["app", "main"]


def __getattr__(name: str) -> object:
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from zk0.cli.application import app

    return app
