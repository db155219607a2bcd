import time

import pytest
from flwr.supercore.inflatable.inflatable_utils import pull_and_inflate_object_from_tree, pull_objects
from flwr.superlink.grid import HttpGrid

from zk0.core.errors import RoundFailedError
from zk0.federation import polling
from zk0.federation.polling import promptly


@pytest.fixture(autouse=True)
def defaults(monkeypatch):
    """Leave Flower's own limits as they were."""
    for function in (pull_objects, pull_and_inflate_object_from_tree):
        monkeypatch.setattr(function, "__kwdefaults__", function.__kwdefaults__)


class Reply:
    def __init__(self, number):
        self.metadata = type("Metadata", (), {"reply_to_message_id": number})


def grid_with(monkeypatch, *batches):
    """Return a grid of Flower's that has no connection, whose replies come in batches."""
    grid = object.__new__(HttpGrid)
    waiting = list(batches)
    monkeypatch.setattr(HttpGrid, "push_messages", lambda self, messages: [*messages, None])
    monkeypatch.setattr(HttpGrid, "pull_messages", lambda self, numbers: waiting.pop(0) if waiting else [])
    return promptly(grid)


def test_replies_are_there_long_before_flower_would_look_again(monkeypatch):
    one, two = Reply("1"), Reply("2")
    grid = grid_with(monkeypatch, [], [one], [two])
    before = time.monotonic()

    assert list(grid.send_and_receive(["1", "2"], timeout=30)) == [one, two]
    assert time.monotonic() - before < 2


def test_a_reply_that_does_not_come_is_waited_for_to_the_limit_alone(monkeypatch):
    grid = grid_with(monkeypatch, [Reply("1")])
    before = time.monotonic()

    assert len(list(grid.send_and_receive(["1", "2"], timeout=0.5))) == 1
    assert 0.4 < time.monotonic() - before < 2


def test_a_reply_behind_one_that_never_arrives_whole_is_still_taken(monkeypatch):
    monkeypatch.setattr(polling, "BUSY_SECONDS", 0.6)
    grid = grid_with(monkeypatch, [], [Reply("1")])  # nothing in time, then what was ready meanwhile

    assert len(list(grid.send_and_receive(["1", "2"], timeout=0.5))) == 1
    assert pull_objects.__kwdefaults__["max_time"] <= 0


def test_a_message_that_nobody_takes_is_an_error_and_not_a_round_without_replies(monkeypatch):
    monkeypatch.setattr(HttpGrid, "push_messages", lambda self, messages: [])

    with pytest.raises(RoundFailedError, match="larger than a proxy") as caught:
        promptly(object.__new__(HttpGrid)).send_and_receive(["1"], timeout=5)
    assert "client_max_body_size" in caught.value.remedy


def test_other_grids_stay_as_they_are():
    grid = object()

    assert promptly(grid) is grid


def test_pauses_are_short_after_a_message_and_grow_while_none_comes(monkeypatch):
    waited = []
    monkeypatch.setattr("time.sleep", waited.append)
    pauses = polling.Pauses()

    for _ in range(30):
        pauses.sleep(3)  # no message
    pauses.sleep(0.5)  # a message came, and its ClientApp runs
    pauses.sleep(3)  # its reply went

    assert waited[0] == waited[30] == waited[31] == polling.BUSY_SECONDS
    assert waited[29] == polling.IDLE_SECONDS
    assert sorted(waited[:30]) == waited[:30]
