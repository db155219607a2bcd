"""A federation on this machine without Flower's runtimes: the default, and that of tests.

No Ray, no start-up cost. Clients of a small policy train side by side in worker processes, others one after the other
in this process, which is also the server.
"""

from collections.abc import Mapping
from contextlib import ExitStack

from flwr.app import Context, RecordDict

from zk0.core.worker_pool import pool_of
from zk0.federation import client_app, server_app
from zk0.federation.configuration import Observe, Value, resolve
from zk0.federation.engines.grid import SERVER_NODE, InlineGrid, identity_of
from zk0.federation.engines.side_by_side import PRELOAD, SideBySideGrid, workers_for


def run(run_config: Mapping[str, Value], observe: Observe, *, workers: int | None = None) -> None:
    """Run a federation on this machine: the server in this process.

    `workers` is the number of processes that train clients, 0 for none; by default it is found out.
    """
    config = resolve(run_config)
    with identity_of(SERVER_NODE), ExitStack() as stack:
        context = Context(
            run_id=1, node_id=SERVER_NODE, node_config={}, state=RecordDict(), run_config=dict(run_config)
        )
        nodes = len(config.clients)
        grid = InlineGrid(client_app.build(run_config), nodes)
        if workers := workers_for(config) if workers is None else workers:
            grid = SideBySideGrid(stack.enter_context(pool_of(workers, PRELOAD)), run_config, nodes)
        server_app.build(run_config, observe=observe)(grid, context)
