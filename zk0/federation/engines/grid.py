"""Flower's `Grid` without Flower's runtimes: it calls the ClientApp itself, one client after the other.

Replies come in the order asked. A message takes its sender from the process's identity; in Flower's own runtimes each
process is one node, here the identity is set around each call.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from flwr.app import Context, Error, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid
from flwr.supercore.task_identity import TaskIdentity

from zk0.core.errors import Zk0Error

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
        self._number(message)
        return answer(self._app, message, self._contexts[message.metadata.dst_node_id])

    def _number(self, message: Message) -> None:
        message.metadata.__dict__["_message_id"] = f"inline-{next(self._numbers)}"

    @property
    def run(self) -> Any:
        """There is no run record."""
        return None

    def _unsupported(self, *_: Any, **__: Any) -> Any:
        """Flower's strategies create messages themselves, and `send_and_receive` answers at once."""
        raise NotImplementedError

    set_run = create_message = push_messages = pull_messages = _unsupported


def answer(app: ClientApp, message: Message, context: Context) -> Message:
    """Return a node's reply to a message; a client's failure is a reply, as it is over a network."""
    try:
        with identity_of(context.node_id):
            return app(message, context)
    except Zk0Error as error:
        return failure(message, error.message)
    except Exception as error:
        log.exception("the client at node %d failed", context.node_id)
        return failure(message, f"{type(error).__name__}: {error}")


def failure(message: Message, reason: str) -> Message:
    """Return the reply of a node that could not do what a message asks."""
    with identity_of(message.metadata.dst_node_id):
        return Message(Error(code=CLIENT_ERROR, reason=reason), reply_to=message)


@contextmanager
def identity_of(node: int) -> Iterator[None]:
    """Make this process a node in the block, for Flower, and the server afterwards."""
    TaskIdentity.run_id = TaskIdentity.task_id = 1
    TaskIdentity.node_id = node
    try:
        yield
    finally:
        TaskIdentity.node_id = SERVER_NODE
