"""Times as people give them."""

from datetime import UTC, datetime

import pytest

from zk0.cli.durations import instant
from zk0.core.errors import InputError

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30d", datetime(2026, 3, 31, 12, tzinfo=UTC)),
        ("12h", datetime(2026, 3, 2, tzinfo=UTC)),
        ("2w", datetime(2026, 3, 15, 12, tzinfo=UTC)),
        ("2027-01-31", datetime(2027, 1, 31, tzinfo=UTC)),
        ("2027-01-31T01:00+01:00", datetime(2027, 1, 31, tzinfo=UTC)),
    ],
)
def test_a_span_or_a_date_is_a_time(text, expected):
    assert instant(text, NOON) == expected


def test_a_span_may_lie_behind():
    assert instant("1d", NOON, past=True) == datetime(2026, 2, 28, 12, tzinfo=UTC)


def test_what_is_no_time_is_refused():
    with pytest.raises(InputError, match="is no time"):
        instant("soon", NOON)
