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


def visible(text: str, keep: str = "") -> str:
    """Return a text with its control and invisible characters written out, but for those to keep.

    So no text from outside moves the cursor of a terminal or says something that a person does not see.
    """
    return "".join(one if one.isprintable() or one in keep else _written_out(one) for one in text)


def one_line(text: object) -> str:
    """Return a text as one line of visible characters."""
    return visible(" ".join(str(text).split()))


def visible_lines(text: str) -> str:
    """Return a text of several lines in the same way."""
    return visible(text, keep="\n\t")


def cell(text: object) -> str:
    """Return a text as one line that can't break out of a table cell or become HTML."""
    return one_line(text).replace("|", r"\|").replace("<", "&lt;")


def _written_out(character: str) -> str:
    return character.encode("unicode_escape").decode()


def join_first(names: Sequence[str], most: int, separator: str = ", ") -> str:
    """Return the first names of a list, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return separator.join(names[:most]) + more


def as_text(value: object) -> str:
    """Return a value as it is written into a text or an argument; booleans as YAML spells them."""
    return str(value).lower() if isinstance(value, bool) else str(value)
