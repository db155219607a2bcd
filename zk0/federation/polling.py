"""Ask more often than Flower does, and never longer than a round may take.

Flower's grid on the Deployment Runtime looks for replies every 3 s. Where a message is announced and its arrays still
travel, all of Flower's programs ask again after 1, 2, 4 … s; since a ClientApp begins while its SuperNode still
receives, that is in every round. For a reply whose sender dies while it sends, the grid waits minutes, whatever the
round's limit is.
"""

import time
from collections.abc import Iterable
from functools import partial

from flwr.app import Message
from flwr.serverapp import Grid
from flwr.supercore.inflatable.inflatable_utils import pull_and_inflate_object_from_tree, pull_objects
from flwr.superlink.grid import HttpGrid

from zk0.core.errors import RoundFailedError

BUSY_SECONDS = 0.05  # between two questions after a message
IDLE_SECONDS = 0.5  # and when none has come for long
GROWTH = 1.25  # of the pause, with each question in vain: a question costs the SuperLink 9 ms, and rounds may be long
FIRST_BACKOFF, MOST_BACKOFF = 0.05, 1.0  # seconds between two requests for an array that is announced and not there


class Pauses:
    """Waits between questions: short at first, longer and longer while the same thing is waited for."""

    def __init__(self) -> None:
        self.asked = 0.0
        self.pause = BUSY_SECONDS

    def begin(self) -> None:
        """Ask often again: something came."""
        self.pause = BUSY_SECONDS

    def wait(self) -> None:
        """Wait, a little longer than before."""
        time.sleep(self.pause)
        self.pause = min(self.pause * GROWTH, IDLE_SECONDS)

    def sleep(self, seconds: float) -> None:
        """Wait in the place of `time.sleep`: another number of seconds says that something else is waited for."""
        if seconds != self.asked:
            self.begin()
        self.asked = seconds
        self.wait()


def promptly(grid: Grid) -> Grid:
    """Return the grid; one of the Deployment Runtime looks for replies soon and often."""
    if isinstance(grid, HttpGrid):
        retry_soon()
        grid.send_and_receive = partial(_send_and_receive, grid)  # type: ignore[method-assign]
    return grid


def retry_soon(**limits: float | None) -> None:
    """Make this process ask soon again for arrays that are announced; `max_time` (seconds) limits how long it asks."""
    for function in (pull_objects, pull_and_inflate_object_from_tree):
        function.__kwdefaults__ = {
            **(function.__kwdefaults__ or {}),
            "initial_backoff": FIRST_BACKOFF,
            "backoff_cap": MOST_BACKOFF,
            **limits,
        }


def _send_and_receive(grid: Grid, messages: Iterable[Message], *, timeout: float | None = None) -> Iterable[Message]:
    """Send messages and return the replies that come in time.

    Raises:
        RoundFailedError: the SuperLink took no message.
    """
    wanted = list(messages)
    deadline = None if timeout is None else time.monotonic() + timeout
    waiting = {number for number in grid.push_messages(wanted) if number}
    if wanted and not waiting:
        raise RoundFailedError(
            "the SuperLink takes no message: it is larger than a proxy in between allows, or malformed",
            remedy="raise the proxy's limit to 8 MB (nginx: client_max_body_size 8m), and look at the ServerApp's log",
        )
    replies: list[Message] = []
    pauses = Pauses()
    while waiting:
        left = None if deadline is None else deadline - time.monotonic()
        retry_soon(max_time=left)  # an array that is missing then makes its reply an error
        found = list(grid.pull_messages(waiting))
        replies.extend(found)
        waiting -= {reply.metadata.reply_to_message_id for reply in found}
        if left is not None and left <= 0:  # one look after the limit, for replies that came behind a slow one
            break
        if found:
            pauses.begin()
        if waiting:
            pauses.wait()
    return replies
