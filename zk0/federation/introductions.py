"""Before the first round: wait for the clients, ask each who it is, and refuse clients that do not fit together."""

import time
from collections.abc import Iterable

from flwr.app import Message, MessageType, RecordDict
from flwr.serverapp import Grid
from flwr.superlink.grid import HttpGrid
from pydantic import ValidationError

from zk0.core.errors import ConfigurationError, RoundFailedError
from zk0.federation.configuration import RunConfig
from zk0.federation.messages import Introduction, answerer, unpack

POLL_SECONDS = 0.25


def meet_clients(grid: Grid, config: RunConfig) -> dict[int, Introduction]:
    """Wait for the clients, ask each for its data, and return their introductions by node id.

    Raises:
        RoundFailedError: too few came in time, or one can't take part.
        ConfigurationError: two have one name.
    """
    deadline = time.monotonic() + config.wait_seconds
    while len(nodes := sorted(grid.get_node_ids())) < config.clients_wanted:
        if time.monotonic() > deadline:
            raise RoundFailedError(
                f"{len(nodes)} of at least {config.clients_wanted} clients came within {config.wait_seconds:g} s",
                remedy="start more clients, or lower min-clients",
            )
        time.sleep(POLL_SECONDS)
    questions = [Message(content=RecordDict(), message_type=MessageType.QUERY, dst_node_id=node) for node in nodes]
    met: dict[int, Introduction] = {}
    for answer in grid.send_and_receive(questions, timeout=config.wait_seconds):
        node = answerer(answer, [question.metadata for question in questions])
        if answer.has_error():
            raise RoundFailedError(f"client {_name_of(node, grid)} can't take part: {answer.error.reason}")
        try:
            met[node] = unpack(Introduction, answer.content)
        except (KeyError, ValidationError) as error:
            raise RoundFailedError(f"client {_name_of(node, grid)} sent an invalid introduction: {error}") from error
    if silent := [_name_of(node, grid) for node in nodes if node not in met]:
        raise RoundFailedError(
            f"no introduction in {config.wait_seconds:g} s from {', '.join(silent)}", remedy="look at the client's log"
        )
    names = [one.data.client for one in met.values()]
    if len(set(names)) < len(names):
        raise ConfigurationError(f"two clients have one name: {', '.join(sorted(names))}", remedy="name them apart")
    return met


def require_same_frozen(met: Iterable[Introduction], digest: str) -> None:
    """Refuse clients whose frozen tensors (the backbone) are not the server's, whose digest this is.

    Raises:
        ConfigurationError: one has others; the message names it.
    """
    for one in met:
        if one.frozen_digest != digest:
            raise ConfigurationError(
                f"client {one.data.client} has other frozen weights than the server",
                remedy="give both the same policy, backbone and seed",
            )


def _name_of(node: int, grid: Grid) -> str:
    """Return the name under which a node is registered, where the grid knows names, else its number."""
    if not isinstance(grid, HttpGrid):
        return f"at node {node}"
    return next((one.name for one in grid.get_nodes() if one.node_id == node and one.name), f"at node {node}")
