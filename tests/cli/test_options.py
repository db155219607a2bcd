"""Authors and times as options give them."""

import getpass
from datetime import UTC, datetime

import pytest

from zk0.cli.options import parse_time, resolve_author
from zk0.core.errors import InputError

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_an_author_is_the_agent_of_the_environment_or_the_person_at_the_keyboard():
    assert resolve_author(None, {"CODEX_SANDBOX": "1"}) == "agent:codex_sandbox"
    assert resolve_author(None, {}) == f"person:{getpass.getuser()}"
    assert resolve_author("agent:mine/2", {}) == "agent:mine/2"


@pytest.mark.parametrize("given", ["", "ada", "agent:", "king:ada"])
def test_an_invalid_author_is_refused(given):
    with pytest.raises(InputError, match="is not an author"):
        resolve_author(given, {})


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
    assert parse_time(text, NOON) == expected


def test_a_span_may_lie_behind():
    assert parse_time("1d", NOON, past=True) == datetime(2026, 2, 28, 12, tzinfo=UTC)


def test_an_invalid_time_is_refused():
    with pytest.raises(InputError, match="is not a time"):
        parse_time("soon", NOON)
