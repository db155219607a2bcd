from datetime import UTC, datetime, timedelta

import pytest

from zk0.federation.deployment.control import clock_trouble

HERE = datetime(2026, 5, 1, 12, 0, 0, 900_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("server", "message"),
    [
        (0, ""),
        (-4, ""),  # the header may be a second old: 3.9 to 4.9 s
        (290, ""),
        (-6, "7 s ahead of the server's"),
        (400, "399 s behind the server's"),
    ],
)
def test_a_clock_is_wrong_where_flower_refuses_its_signatures(server, message):
    date = (HERE + timedelta(seconds=server)).strftime("%a, %d %b %Y %H:%M:%S GMT")

    assert message in clock_trouble(date, HERE)
    assert bool(clock_trouble(date, HERE)) == bool(message)


def test_a_server_that_gives_no_date_is_not_judged():
    assert clock_trouble(None, HERE) == ""
