"""The ServerApp."""

import sys
import time
from pathlib import Path

import numpy as np
from flwr.app import ArrayRecord, Context
from flwr.serverapp import Grid, ServerApp

from levers.strategy import LeverStrategy

app = ServerApp()
CLAIMS = """INFO :      Starting FedProx strategy:
INFO :      [ROUND 1/2]
INFO :      configure_train: Sampled 2 nodes (out of 2)
INFO :      aggregate_train: Received 2 results and 0 failures
INFO :          └──> Aggregated MetricRecord: {'train_loss': 0.9}
INFO :      [ROUND 2/2]
INFO :      configure_train: Sampled 2 nodes (out of 2)
INFO :      aggregate_train: Received 2 results and 0 failures
INFO :          └──> Aggregated MetricRecord: {'train_loss': 0.1}
INFO :      Strategy execution finished in 1.00s
"""


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Train for some rounds."""
    config = context.run_config
    match config["fault"]:
        case "claims":
            sys.stdout.write(CLAIMS)
            return
        case "exits":
            sys.exit(0)
        case "server raises":
            raise RuntimeError("the plan has no lever")
        case "imports what is missing":
            import levers_of_gold  # noqa: F401
        case "hangs":
            time.sleep(600)
    strategy = LeverStrategy(min_available_nodes=2, proximal_mu=config["prox.mu"])
    result = strategy.start(grid, ArrayRecord([np.zeros(3)]), num_rounds=config["num-server-rounds"])
    Path("lever.json").write_text(str(result.arrays.to_numpy_ndarrays()))
