"""Counts of rounds, epochs and steps: the highest, and what begins again after its end."""

import pytest

from zk0.ledger.importers.progress_counts import ProgressCounts


def counted(*reached: float, planned: float = 100) -> tuple[float | None, bool]:
    counts = ProgressCounts()
    again = [counts.add("step", value, planned, None) for value in reached]
    [event] = counts.events()
    return event.reached, any(again)


@pytest.mark.parametrize(
    ("reached", "last", "again"),
    [
        ((1, 50, 100), 100, False),
        ((1, 50, 40, 60), 60, False),  # lines of two processes
        ((1, 100, 99, 100), 100, False),
        ((1, 100, 3, 63), 63, True),  # the next client's
        ((1, 100, 3, 100), 100, True),
    ],
)
def test_the_highest_counts_until_a_count_begins_again(reached, last, again):
    assert counted(*reached) == (last, again)


def test_a_bar_of_another_length_does_not_begin_it_again():
    counts = ProgressCounts()
    for reached, planned in ((100, 100), (2, 10)):
        counts.add("step", reached, planned, None)

    [event] = counts.events()
    assert (event.reached, event.planned, event.begins) == (100, 100, 100)
