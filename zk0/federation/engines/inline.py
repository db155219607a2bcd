"""A federation in this process: the default on one machine and in tests.

Flower's strategies use a `Grid`. This one calls the ClientApp itself, one client after the other: no Ray, no start-up
cost, always the same order. A message takes its sender from the process's identity; in Flower's own runtimes each
process is one node, here the identity is set around each call.
"""

import logging
from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any

from flwr.app import Context, Error, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid
from flwr.supercore.task_identity import TaskIdentity

from zk0.core.errors import Zk0Error
from zk0.federation import client_app, server_app
from zk0.federation.configuration import Observe, Value, resolve

SERVER_NODE = 1
CLIENT_ERROR = 2  # Flower's code for "the ClientApp raised an exception"

log = logging.getLogger(__name__)


class InlineGrid(Grid):
    """Calls one ClientApp for each of `nodes` nodes, in this process; node i has partition-id i."""

    def __init__(self, client_app: ClientApp, nodes: int) -> None:
        self._app = client_app
        self._numbers = count(1)
        self._contexts = {
            partition + SERVER_NODE + 1: Context(
                run_id=1,
                node_id=partition + SERVER_NODE + 1,
                node_config={"partition-id": partition, "num-partitions": nodes},
                state=RecordDict(),
                run_config={},
            )
            for partition in range(nodes)
        }

    def get_node_ids(self) -> Iterable[int]:
        """Return the nodes' ids, in the order of partitions."""
        return list(self._contexts)

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> Iterable[Message]:  # noqa: ARG002
        """Call the ClientApp for each message and return the replies; no reply can be late."""
        return [self._call(message) for message in messages]

    def _call(self, message: Message) -> Message:
        node = message.metadata.dst_node_id
        message.metadata.__dict__["_message_id"] = f"inline-{next(self._numbers)}"
        TaskIdentity.node_id = node
        try:
            return self._app(message, self._contexts[node])
        except Zk0Error as error:
            reply = Error(code=CLIENT_ERROR, reason=error.message)
        except Exception as error:  # a client's failure is a reply, as it is over a network
            log.exception("the client at node %d failed", node)
            reply = Error(code=CLIENT_ERROR, reason=f"{type(error).__name__}: {error}")
        finally:
            TaskIdentity.node_id = SERVER_NODE
        return Message(reply, reply_to=message)

    @property
    def run(self) -> Any:
        """There is no run record."""
        return None

    def _unsupported(self, *_: Any, **__: Any) -> Any:
        """Flower's strategies create messages themselves, and `send_and_receive` answers at once."""
        raise NotImplementedError

    set_run = create_message = push_messages = pull_messages = _unsupported


def run(run_config: Mapping[str, Value], observe: Observe) -> None:
    """Run a federation in this process."""
    nodes = len(resolve(run_config).clients)
    TaskIdentity.run_id = TaskIdentity.task_id = 1
    TaskIdentity.node_id = SERVER_NODE
    context = Context(run_id=1, node_id=SERVER_NODE, node_config={}, state=RecordDict(), run_config=dict(run_config))
    grid = InlineGrid(client_app.build(run_config), nodes)
    server_app.build(run_config, observe=observe)(grid, context)
