"""Pages in Markdown that are made from templates: the environment they share, and texts that can't break a line."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment


def markdown(package: str, **filters: Callable[..., Any]) -> "Environment":
    """Return an environment for the Markdown templates in a package's `templates`, with these filters.

    Nothing is escaped by itself: the pages are Markdown and not HTML. A text that others wrote goes through `cell`.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined  # a page that is not rendered needs none of it

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
    """Return a text that stays within its line and its table cell, and makes no HTML."""
    return " ".join(str(text).split()).replace("|", r"\|").replace("<", "&lt;")
