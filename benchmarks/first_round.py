"""A round of clients that do almost nothing: what the engines themselves cost.

`python -m benchmarks.first_round ENGINE CLIENTS ROUNDS` runs one federation and prints as JSON the seconds since the
program began, those of the rounds, and the peak memory; each measurement is a process of its own.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

from benchmarks import Measured, ratio
from zk0.core.memory_use import peak_memory

CLIENTS, MANY, ROUNDS, TURNS = 4, 1_000, 3, 2
client_app, found = ClientApp(), {}


@client_app.train()
def train(message: Message, context: Context) -> Message:
    """Add the number of the client to ten values."""
    value = message.content["arrays"]["w"].numpy() + context.node_config["partition-id"]
    content = {"arrays": ArrayRecord({"w": Array(value)}), "metrics": MetricRecord({"num-examples": 1})}
    return Message(content=RecordDict(content), reply_to=message)


def _server(clients: int, rounds: int) -> ServerApp:
    app = ServerApp()

    @app.main()
    def main(grid: Grid, _: Context) -> None:
        strategy = FedAvg(fraction_evaluate=0.0, min_train_nodes=clients, min_available_nodes=clients)
        before = time.perf_counter()
        result = strategy.start(grid, ArrayRecord({"w": Array(np.zeros(10))}), num_rounds=rounds)
        found.update(rounds=time.perf_counter() - before, w=result.arrays["w"].numpy().tolist())

    return app


def _run(engine: str, clients: int, rounds: int) -> None:
    if engine == "inline":
        from zk0.federation.engines.grid import SERVER_NODE, InlineGrid, identity_of

        with identity_of(SERVER_NODE):
            context = Context(run_id=1, node_id=SERVER_NODE, node_config={}, state=RecordDict(), run_config={})
            _server(clients, rounds)(InlineGrid(client_app, clients), context)
    else:
        from flwr.simulation import run_simulation

        run_simulation(_server(clients, rounds), client_app, clients)


def measure() -> Iterator[Measured | tuple[str, str]]:
    """Yield the start of both engines, and the pace and memory of a thousand clients on ours."""
    inline, ray = [], []
    for _ in range(TURNS):
        inline.append(_in_process("inline", CLIENTS, 1))
        ray.append(_in_process("ray", CLIENTS, 1))
    starts = [[one["seconds"] for one in runs] for runs in (ray, inline)]
    yield (
        "start to the end of a first round of 4 clients, inline; Ray",
        " s; ".join(f"{min(times):.1f}" for times in reversed(starts)) + " s",
    )
    yield ratio("Flower on Ray / inline, start to the end of the first round", *starts, 5, at_least=True)
    yield "both have the same result", str(inline[0]["w"] == ray[0]["w"])
    many = _in_process("inline", MANY, ROUNDS)
    yield Measured(
        f"{MANY} clients, {ROUNDS} rounds", MANY * ROUNDS / many["processor"], "updates/s", 1000, at_least=True
    )
    yield Measured("memory of these", many["memory"] / 2**30, "GiB", 2)
    fewer = _in_process("inline", MANY // 4, ROUNDS)
    yield "time of a client of 1,000 / of 250", f"{many['processor'] / fewer['processor'] / 4:.2f} x"


def _in_process(engine: str, clients: int, rounds: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.first_round", engine, str(clients), str(rounds)]
    before = time.time()
    result = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)  # noqa: S603  our own program
    made = json.loads(result.stdout.splitlines()[-1])
    return {**made, "seconds": made["ended"] - before}


if __name__ == "__main__":
    before = time.process_time()
    _run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    found.update(
        ended=time.time(),
        processor=time.process_time() - before,
        memory=peak_memory(),
    )
    sys.stdout.write(json.dumps(found) + "\n")
