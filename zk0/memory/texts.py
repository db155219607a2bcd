"""Texts that others wrote, made fit for a page or an entry."""

from zk0.core import pages
from zk0.core.secrets import without_secrets

LONGEST_TEXT = 200  # characters of a sentence that others wrote; the entry has all of it
MASK = "[secret left out]"


def cell(text: object) -> str:
    """Return a text that stays within its line and its table cell, makes no marker, and is cut where it is long."""
    line = pages.cell(text)
    return line if len(line) <= LONGEST_TEXT else f"{line[: LONGEST_TEXT - 1].rstrip()}…"


def one_line(text: str) -> str:
    """Return a text as a title or a note holds it: in one line, and without the words that are secrets."""
    return without_secrets(" ".join(text.split()), lambda _: MASK)
