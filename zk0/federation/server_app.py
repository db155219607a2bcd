"""Flower's ServerApp: reads the run configuration and hands the grid to `zk0.federation.server`."""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from zk0.core.project import cache_dir
from zk0.federation.configuration import RunConfig, resolve

log = logging.getLogger("flwr")  # the log that `flwr run --stream` and `flwr log` show


def build(
    given: Mapping[str, object] | None = None, *, observe: Callable[[int, int, str], None] | None = None
) -> ServerApp:
    """Return the app.

    Args:
        given: a run configuration for engines that carry none themselves.
        observe: called with (rounds done, rounds wanted, a note); the log is told otherwise.
    """
    server_app = ServerApp()

    @server_app.main()
    def main(grid: Grid, context: Context) -> None:
        from zk0.federation.server import serve

        config = resolve({**context.run_config, **(given or {})})
        directory = output_directory(config, context.run_id)
        log.info("zk0: ledger and checkpoints go to %s", directory)
        serve(grid, config, directory=directory, observe=observe or _tell)

    return server_app


def output_directory(config: RunConfig, run: int) -> Path:
    """Return where the run writes: its `output`, else a new folder in the cache."""
    if config.output:
        return Path(config.output).expanduser()
    return cache_dir() / "federated" / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{run % 16**8:08x}"


def _tell(done: int, total: int, note: str) -> None:
    log.info("zk0: %s (%d of %d)", note, done, total)


app = build()
