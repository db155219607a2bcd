"""Times as lines print them."""

from datetime import UTC, datetime

import pytest

from zk0.ledger.importers.times import parse_time

NOON = datetime(2025, 11, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-11-28T12:00:00Z", NOON),
        ("2025-11-28 12:00:00,000", NOON),
        ("2025/11/28 12:00:00", NOON),
        ("2025-11-28T13:00:00+01:00", NOON),
        ("Fri Nov 28 12:00:00 2025", NOON),
        ("1764331200", NOON),
        ("12:00:00", None),
        ("no time", None),
    ],
)
def test_a_time_with_a_date_is_read(text, expected):
    assert parse_time(text) == expected
