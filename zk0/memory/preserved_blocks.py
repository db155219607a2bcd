"""Paragraphs that people write into a rendered page, between `<!-- keep:NAME -->` and `<!-- /keep -->`.

They survive every render. A template gives a paragraph its place with `{{ keep("NAME") }}`; one that the template
does not know comes at the end, by `{{ keep.rest() }}`.
"""

import re
from collections.abc import Mapping

from zk0.core.errors import SpecError

MARKER = re.compile(r"<!--\s*(?:keep:(?P<name>[\w-]+)|(?P<end>/keep))\s*-->")


def kept_paragraphs(text: str, name: str) -> dict[str, str]:
    """Return the kept paragraphs of a page by their names; two of one name are joined.

    Args:
        text: the page.
        name: how to call the page in a message.

    Raises:
        SpecError: a paragraph is not closed, or closed and never opened: what is kept would be a guess.
    """
    found: dict[str, list[str]] = {}
    opened: re.Match[str] | None = None
    for marker in MARKER.finditer(text):
        if (marker["end"] is None) is (opened is not None):
            _refuse(text, opened or marker, name)
        if opened is None:
            opened = marker
            continue
        paragraph = text[opened.end() : marker.start()].strip()
        known = found.setdefault(opened["name"], [])
        if paragraph and paragraph not in known:
            known.append(paragraph)
        opened = None
    if opened is not None:
        _refuse(text, opened, name)
    return {title: "\n\n".join(paragraphs) for title, paragraphs in found.items()}


def _refuse(text: str, marker: re.Match[str], name: str) -> None:
    line = text.count("\n", 0, marker.start()) + 1
    wrong = "is closed and was not opened" if marker["end"] else "is not closed"
    raise SpecError(
        f"{name}:{line}: the kept paragraph at {marker[0]} {wrong}",
        remedy="put it between <!-- keep:NAME --> and <!-- /keep -->",
    )


class Keep:
    """What a template calls to place kept paragraphs; made anew for each render."""

    def __init__(self, paragraphs: Mapping[str, str]) -> None:
        self._paragraphs = paragraphs
        self._placed: set[str] = set()

    def __call__(self, name: str) -> str:
        """Return the paragraph of this name within its markers; the markers alone where there is none yet."""
        self._placed.add(name)
        paragraph = self._paragraphs.get(name)
        inner = f"\n{paragraph}\n" if paragraph else ""
        return f"<!-- keep:{name} -->{inner}<!-- /keep -->"

    def rest(self) -> str:
        """Return all paragraphs that were not placed yet."""
        return "\n\n".join(self(name) for name in self._paragraphs if name not in self._placed)
