import time

from flwr.superlink.grid import HttpGrid

from zk0.federation.polling import promptly


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


def test_other_grids_stay_as_they_are():
    grid = object()

    assert promptly(grid) is grid
