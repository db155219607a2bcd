"""The real strategies and ledger around arrays of a few numbers, so that a round takes as long as Flower needs."""

import time
from pathlib import Path

import numpy as np
from flwr.app import Context, Message, MessageType, RecordDict
from flwr.serverapp import Grid, ServerApp

from zk0.federation.configuration import resolve
from zk0.federation.exchange import to_arrays, to_record
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
    deadline = time.monotonic() + 60
    while len(nodes := sorted(grid.get_node_ids())) < config.clients_wanted:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{len(nodes)} clients came")
        time.sleep(0.2)
    questions = [Message(content=RecordDict(), message_type=MessageType.QUERY, dst_node_id=node) for node in nodes]
    names = {
        one.metadata.src_node_id: str(one.content.config_records["name"]["name"])
        for one in promptly(grid).send_and_receive(questions, timeout=60)
        if not one.has_error()
    }
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
