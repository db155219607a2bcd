"""Look for replies more often than Flower does: its grid on the Deployment Runtime looks every 3 s.

A round of a small policy takes less than that, and most of a deployment's rounds would be waiting.
"""

import time
from collections.abc import Iterable
from functools import partial

from flwr.app import Message
from flwr.serverapp import Grid
from flwr.superlink.grid import HttpGrid

POLL_SECONDS = 0.25


def promptly(grid: Grid) -> Grid:
    """Return the grid; one of the Deployment Runtime looks for replies every quarter of a second."""
    if isinstance(grid, HttpGrid):
        grid.send_and_receive = partial(_send_and_receive, grid)  # type: ignore[method-assign]
    return grid


def _send_and_receive(grid: Grid, messages: Iterable[Message], *, timeout: float | None = None) -> Iterable[Message]:
    waiting = {number for number in grid.push_messages(messages) if number}
    deadline = None if timeout is None else time.monotonic() + timeout
    replies: list[Message] = []
    while waiting and (deadline is None or time.monotonic() < deadline):
        found = list(grid.pull_messages(waiting))
        replies.extend(found)
        waiting -= {reply.metadata.reply_to_message_id for reply in found}
        if waiting:
            time.sleep(POLL_SECONDS)
    return replies
