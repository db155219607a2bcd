"""Times as people give them: a date, or how long from now."""

import re
from datetime import UTC, datetime, timedelta

from zk0.core.errors import InputError

SPAN = re.compile(r"(\d{1,4})([hdw])", re.ASCII)
HOURS = {"h": 1, "d": 24, "w": 7 * 24}


def instant(text: str, now: datetime, *, past: bool = False) -> datetime:
    """Return the time that `30d`, `12h`, `2w` or a date names, in UTC; a span lies ahead, or behind.

    Raises:
        InputError: it is neither.
    """
    if found := SPAN.fullmatch(text):
        span = timedelta(hours=int(found[1]) * HOURS[found[2]])
        return now - span if past else now + span
    try:
        given = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{text!r} is no time", remedy="30d, 12h, 2w, or a date such as 2027-01-31") from error
    return given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)
