"""Markdown pages and messages: the Jinja2 environment of all templates, table cells, and lists that are cut."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment


def markdown(package: str, **filters: Callable[..., Any]) -> "Environment":
    """Return a Jinja2 environment for the Markdown templates of a package, with these filters.

    Nothing is escaped automatically, since the pages are Markdown; text from outside goes through `cell`.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined  # most commands render no page

    environment = Environment(  # noqa: S701  as above
        loader=PackageLoader(package),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= filters
    return environment


def cell(text: object) -> str:
    """Return a text as one line that can't break out of a table cell or become HTML."""
    return " ".join(str(text).split()).replace("|", r"\|").replace("<", "&lt;")


def join_first(names: Sequence[str], most: int, separator: str = ", ") -> str:
    """Return the first names of a list, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return separator.join(names[:most]) + more
