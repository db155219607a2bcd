"""Fit a text into a budget of bytes: lists are shortened in a fixed order, each by no more than it must; pure."""

from collections.abc import Callable, Iterable, Mapping

from zk0.core import pages

LONGEST_TEXT = 200  # characters of a sentence that others wrote; the entry has all of it


def size(text: str) -> int:
    """Return a text's size in bytes."""
    return len(text.encode())


def fit[Name](
    counts: Mapping[Name, int],
    order: Iterable[tuple[Name, int]],
    render: Callable[[Mapping[Name, int]], str],
    budget: int,
) -> str:
    """Return the text with as many members of each list as the budget (bytes) allows; larger if that is not enough.

    `counts` says how many members each list has, `order` which list is shortened first, and to how few members at
    most, then which is next; `render` makes the text of so many members of each list.
    """
    counts = dict(counts)
    text = render(counts)
    for name, fewest in order:
        if size(text) <= budget:
            break
        lower, upper = min(fewest, counts[name]), counts[name] - 1  # with all of them it does not fit
        while lower < upper:  # the most members with which the text fits, found by halving
            middle = (lower + upper + 1) // 2
            if size(render({**counts, name: middle})) <= budget:
                lower = middle
            else:
                upper = middle - 1
        if lower != counts[name]:
            counts[name] = lower
            text = render(counts)
    return text


def cut(text: str, most: int) -> str:
    """Return a text's first words, of so many bytes at most."""
    if size(text) <= most:
        return text
    return text.encode()[:most].decode(errors="ignore").rpartition(" ")[0] + " …"


def quote(text: str) -> str:
    """Return a text as a quotation in Markdown, in which no line can pass for one of the page."""
    return "\n".join(f"> {pages.visible(line)}".rstrip() for line in text.splitlines())


def cell(text: object) -> str:
    """Return a text that stays within its line and its table cell, makes no marker, and is cut where it is long."""
    line = pages.cell(text)
    return line if len(line) <= LONGEST_TEXT else f"{line[: LONGEST_TEXT - 1].rstrip()}…"
