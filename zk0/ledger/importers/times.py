"""The time in a line of a log, in whatever form it stands there."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from zk0.ledger.importers.wrappers import TIME

_TIME = re.compile(TIME)
_LOOKED_AT = 50  # lines from either end
_FORMS = (
    *("%Y-%m-%d %H:%M:%S", "%Y-%m-%d", "%a %b %d %H:%M:%S %Y", "%b %d %Y %H:%M:%S", "%b %d %H:%M:%S %Y"),
    *("%d-%m-%Y %H:%M:%S", "%m-%d-%Y %H:%M:%S", "%b %d %H:%M:%S"),
)
THIS_CENTURY = 2000  # a time without a year, or of an earlier one, is no time of a training


def parse_time(text: str) -> datetime | None:
    """Return a time of day with its date; None where the text has no date. Without a zone it is taken as UTC."""
    try:
        if re.fullmatch(r"\d{10}(?:\.\d+)?", text):
            return datetime.fromtimestamp(float(text), UTC)
        found: datetime | None = datetime.fromisoformat(text.replace(",", ".").replace("/", "-").replace(" UTC", "Z"))
    except ValueError:
        plain = re.sub(r"[.,]\d+$", "", re.sub(r"[ _,/]+", lambda mark: "-" if mark[0] == "/" else " ", text))
        found = next((one for form in _FORMS if (one := _parsed(plain, form))), None)
    if found is None or found.year < THIS_CENTURY:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _parsed(text: str, form: str) -> datetime | None:
    if "%Y" not in form:
        text, form = f"{datetime.now(UTC).year} {text}", f"%Y {form}"
    try:
        return datetime.strptime(text, form).replace(tzinfo=UTC)
    except ValueError:
        return None


def first_time(lines: Sequence[str]) -> str:
    """Return the first time in the first lines; empty where they have none."""
    return next((found[0] for line in lines[:_LOOKED_AT] if (found := _TIME.search(line[:200]))), "")


def last_time(lines: Sequence[str]) -> str:
    """Return the last time in the last lines; empty where they have none."""
    return next((found[0] for line in lines[: -_LOOKED_AT - 1 : -1] if (found := _TIME.search(line[:200]))), "")
