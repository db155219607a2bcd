"""Flower's ServerApp: read the run configuration and pass the grid to `zk0.federation.server`."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from zk0.core.project import cache_dir
from zk0.federation.configuration import Observe, RunConfig, resolve

log = logging.getLogger("flwr")  # the log that `flwr run --stream` and `flwr log` show


def build(run_config: Mapping[str, object] | None = None, *, observe: Observe | None = None) -> ServerApp:
    """Return the app; `run_config` is for engines that do not pass one, and progress is logged by default."""
    server_app = ServerApp()

    @server_app.main()
    def main(grid: Grid, context: Context) -> None:
        from zk0.federation.polling import promptly
        from zk0.federation.server import serve

        config = resolve({**context.run_config, **(run_config or {})})
        directory = output_directory(config, context.run_id)
        log.info("zk0: ledger and checkpoints go to %s", directory)
        serve(promptly(grid), config, directory=directory, observe=observe or _log_progress)

    return server_app


def output_directory(config: RunConfig, run: int) -> Path:
    """Return the run's folder: its `output`, else a new folder in the cache."""
    if config.output:
        return Path(config.output).expanduser()
    return cache_dir() / "federated" / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{run % 16**8:08x}"


def _log_progress(done: int, total: int, note: str) -> None:
    log.info("zk0: %s (%d of %d)", note, done, total)


app = build()
