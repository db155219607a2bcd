"""The real strategies and ledger around arrays of a few numbers, so that a round takes as long as Flower needs."""

from pathlib import Path

import numpy as np
from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from zk0.federation.configuration import resolve
from zk0.federation.exchange import to_arrays, to_record
from zk0.federation.introductions import meet_clients, require_same_frozen
from zk0.federation.polling import promptly
from zk0.federation.strategy import Federation, strategy_of
from zk0.ledger import LedgerWriter, read_ledger

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    config = resolve(context.run_config)
    directory = Path(config.output)
    checkpoints = directory / "checkpoints"
    if "never" in config.unseen:
        raise RuntimeError("the server has no policy")
    ledger = LedgerWriter(directory / "ledger.jsonl")
    start = {"a": np.zeros((2, 3), dtype=np.float32), "b": np.ones(4, dtype=np.float32)}
    completed = 0
    if config.resume:
        completed = max(int(path.name.removeprefix("round-")) for path in checkpoints.glob("round-*"))
        start = dict(np.load(checkpoints / f"round-{completed:03d}" / "arrays.npz"))
        kept = read_ledger(ledger.path).until(completed)
        ledger.path.write_text("".join(event.model_dump_json() + "\n" for event in kept))
    met = meet_clients(promptly(grid), config)
    require_same_frozen(met.values(), "frozen")
    names = {node: one.data.client for node, one in met.items()}
    federation = Federation(names, config, ledger, statistics={}, completed=completed)

    def after_round(number, record):
        if number:
            folder = checkpoints / f"round-{completed + number:03d}"
            folder.mkdir(parents=True)
            np.savez(folder / "arrays.npz", **to_arrays(record))

    strategy_of(federation).start(
        promptly(grid),
        to_record(start),
        num_rounds=config.rounds - completed,
        timeout=config.round_seconds,
        evaluate_fn=after_round,
    )
