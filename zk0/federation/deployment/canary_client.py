"""The ClientApp of the canary: answer with what came, changed in a way that the server can check."""

import hashlib
from typing import Any

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp
from numpy.typing import NDArray

from zk0.core.project import package_versions

START = np.arange(4096, dtype=np.float32)  # 16 kB; whole numbers, so that sums and means are exact

app = ClientApp()


@app.train()
def train(message: Message, context: Context) -> Message:
    """Add this client's share to the array, and report the digest of what arrived."""
    config = message.content.config_records["config"]
    received = message.content.array_records["arrays"]["probe"].numpy()
    answer = received + received.dtype.type(int(config["share"]))  # type: ignore[arg-type]  # the server's own, an int
    report: dict[str, str | int] = {
        "received": digest(received),
        "sent": digest(answer),
        "name": str(context.node_config.get("name", "")),
        **package_versions(),
    }
    content = RecordDict({"arrays": ArrayRecord({"probe": Array(answer)}), "report": ConfigRecord(dict(report))})
    return Message(content=content, reply_to=message)


def digest(array: NDArray[Any]) -> str:
    """Return the digest of an array's bytes."""
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]
