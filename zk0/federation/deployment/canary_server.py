"""The ServerApp of the canary: send every client one array, and write down what becomes of it, line by line."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, MessageType, RecordDict
from flwr.serverapp import Grid, ServerApp

from zk0.core.project import package_versions
from zk0.federation.deployment.canary_client import START, digest

POLL_SECONDS = 0.2

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Send to all clients at once, and aggregate when all have answered or the time is over."""
    config = context.run_config
    report, expected = Path(str(config["report"])), int(config["clients"])
    deadline = time.monotonic() + float(config["seconds"])
    _write(report, event="started", **package_versions())
    while len(nodes := sorted(grid.get_node_ids())) < expected and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    shares = {node: 2 * place + 2 for place, node in enumerate(nodes)}  # even, so that their mean is exact
    _write(report, event="sent", nodes=nodes, digest=digest(START))
    waiting = set(grid.push_messages([_question(node, share) for node, share in shares.items()]))
    answers: list[Any] = []
    while waiting and time.monotonic() < deadline:
        for reply in grid.pull_messages(waiting):
            waiting.discard(reply.metadata.reply_to_message_id)
            node = reply.metadata.src_node_id
            if reply.has_error():
                _write(report, event="reply", node=node, error=reply.error.reason)
                continue
            array = reply.content.array_records["arrays"]["probe"].numpy()
            answers.append(array)
            wanted = digest(np.asarray(START + np.float32(shares[node])))
            found = dict(reply.content.config_records["report"].items())
            _write(report, event="reply", node=node, arrived=digest(array), wanted=wanted, **found)
        time.sleep(POLL_SECONDS if waiting else 0)
    if answers:
        mean = np.asarray(np.mean(answers, axis=0, dtype=np.float32))
        wanted = digest(np.asarray(START + np.float32(sum(shares.values()) / len(shares))))
        _write(report, event="aggregated", digest=digest(mean), wanted=wanted)


def _question(node: int, share: int) -> Message:
    content = RecordDict({"arrays": ArrayRecord({"probe": Array(START)}), "config": ConfigRecord({"share": share})})
    return Message(content=content, message_type=MessageType.TRAIN, dst_node_id=node)


def _write(path: Path, **event: object) -> None:
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(event) + "\n")
