"""A ClientApp for workers: it counts what each node was asked, and fails as a message says."""

import os
import signal
from collections.abc import Mapping

from flwr.app import Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from zk0.core.errors import DatasetError
from zk0.federation.configuration import Value


def build(run_config: Mapping[str, Value]) -> ClientApp:
    """Return the app; the run configuration says in which partition what goes wrong, the first time."""
    app = ClientApp()

    @app.query()
    def query(message: Message, context: Context) -> Message:
        partition = context.node_config["partition-id"]
        seen = int(context.state.metric_records.get("seen", MetricRecord({"times": 0}))["times"]) + 1  # type: ignore[arg-type]
        context.state["seen"] = MetricRecord({"times": seen})
        if partition == run_config.get("raises"):
            raise DatasetError("the data set is gone")
        if partition == run_config.get("dies") and "once" in message.content:
            os.kill(os.getpid(), signal.SIGKILL)
        return Message(
            content=RecordDict({"seen": MetricRecord({"times": seen, "process": os.getpid()})}), reply_to=message
        )

    return app
