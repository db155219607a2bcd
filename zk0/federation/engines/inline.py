"""A federation in this process: the default on one machine and in tests.

Flower's strategies talk to a `Grid`. This one calls the ClientApp itself, client after client: no Ray, no start-up
cost, the same order every time. Flower's message needs to know who it is from; in its own runtimes each process is
one node, here the identity is set around each call.
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
from zk0.federation.configuration import Value, resolve
from zk0.federation.engines import Observe

SERVER_NODE = 1
CLIENT_ERROR = 2  # Flower's code for "the ClientApp raised an exception"

log = logging.getLogger(__name__)


class InlineGrid(Grid):
    """Calls one ClientApp for every node, in this process.

    Args:
        client_app: Flower's ClientApp.
        nodes: how many nodes there are; node i has partition-id i.
    """

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
        """Call the ClientApp for each message and return the replies; nothing here can be late."""
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

    def set_run(self, run: Any) -> None:
        """Do nothing: there is one run."""

    @property
    def run(self) -> Any:
        """There is no run record."""
        return None

    def create_message(self, *args: Any, **kwargs: Any) -> Message:
        """Not offered: Flower's strategies make messages themselves."""
        raise NotImplementedError

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Not offered: a call is answered at once."""
        raise NotImplementedError

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Not offered: a call is answered at once."""
        raise NotImplementedError


def run(given: Mapping[str, Value], observe: Observe) -> None:
    """Run a federation with this configuration here."""
    nodes = len(resolve(given).clients)
    TaskIdentity.run_id = TaskIdentity.task_id = 1
    TaskIdentity.node_id = SERVER_NODE
    context = Context(run_id=1, node_id=SERVER_NODE, node_config={}, state=RecordDict(), run_config=dict(given))
    grid = InlineGrid(client_app.build(given), nodes)
    server_app.build(given, observe=observe)(grid, context)
