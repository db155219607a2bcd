"""Paragraphs that people write into a rendered page, between `<!-- keep:NAME -->` and `<!-- /keep -->`; pure.

They survive every render. A template places a paragraph with `{{ keep("NAME") }}`; one that the template does not know
comes at the end, by `{{ keep.rest() }}`. Of two versions of a page in conflict the paragraphs of both sides are kept,
and the rest is rendered again: by git's merge driver (`zk0 memory merge-driver`), or by `zk0 memory render` where a
merge without the driver left conflict markers.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from zk0.core.errors import SpecError

MARKER = re.compile(r"<!--\s*(?:keep:(?P<name>[\w-]+)|(?P<end>/keep))\s*-->")
BLOCK = re.compile(r"<!--\s*keep:(?P<name>[\w-]+)\s*-->(?P<paragraph>.*?)<!--\s*/keep\s*-->", re.DOTALL)
CONFLICT = re.compile(
    r"""
    ^<{7}[^\n]*\n        (?P<ours>.*?)
    (?:^\|{7}[^\n]*\n    (?P<base>.*?))?   # with git's merge.conflictStyle diff3
    ^={7}[^\n]*\n        (?P<theirs>.*?)
    ^>{7}[^\n]*(?:\n|\Z)
    """,
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)


def read_preserved_blocks(text: str, name: str) -> dict[str, str]:
    """Return the kept paragraphs of a page by their names; two of one name are joined.

    Raises:
        SpecError: a paragraph is not closed, or closed and never opened: its end would be a guess; the message calls
            the page by `name`.
    """
    opened: re.Match[str] | None = None
    for marker in MARKER.finditer(text):
        if bool(marker["end"]) is not bool(opened):
            _refuse(text, opened or marker, name)
        opened = None if opened else marker
    if opened:
        _refuse(text, opened, name)
    found: dict[str, list[str]] = {}
    for block in BLOCK.finditer(text):
        found.setdefault(block["name"], []).append(block["paragraph"].strip())
    return {title: "\n\n".join(filter(None, dict.fromkeys(paragraphs))) for title, paragraphs in found.items()}


def _refuse(text: str, marker: re.Match[str], name: str) -> None:
    line = text.count("\n", 0, marker.start()) + 1
    wrong = "is closed and was not opened" if marker["end"] else "is not closed"
    raise SpecError(
        f"{name}:{line}: the kept paragraph at {marker[0]} {wrong}",
        remedy="put it between <!-- keep:NAME --> and <!-- /keep -->",
    )


class PreservedBlocks:
    """Places kept paragraphs in a template; one instance for each render."""

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


@dataclass(frozen=True)
class ConflictSides:
    """The versions of a page in conflict; `base` is their common ancestor, None where it is unknown."""

    ours: str
    theirs: str
    base: str | None


def is_conflicted(text: str) -> bool:
    """Whether a merge left conflict markers in a text."""
    return CONFLICT.search(text) is not None


def split_conflict(text: str) -> ConflictSides:
    """Return the versions that a text with conflict markers was merged from."""
    ours, theirs, base = (CONFLICT.sub(rf"\g<{side}>", text) for side in ("ours", "theirs", "base"))
    with_base = any(found["base"] is not None for found in CONFLICT.finditer(text))
    return ConflictSides(ours, theirs, base if with_base else None)


def resolve_conflict(text: str) -> str:
    """Return our side of a page in conflict with the kept paragraphs of both; another text stays as it is."""
    if not is_conflicted(text):
        return text
    return merge_pages(split_conflict(text))


def merge_pages(sides: ConflictSides) -> str:
    """Return our side of a page with what people wrote on both.

    Raises:
        SpecError: a kept paragraph of one side is not closed.
    """
    ours, theirs = (read_preserved_blocks(text, "a side of the merge") for text in (sides.ours, sides.theirs))
    base = None if sides.base is None else read_preserved_blocks(sides.base, "the base of the merge")
    names = dict.fromkeys((*ours, *theirs))
    keep = PreservedBlocks({name: _merge_block(name, ours, theirs, base) for name in names})
    text = BLOCK.sub(lambda block: keep(block["name"]), sides.ours)
    rest = keep.rest()
    return f"{text.rstrip()}\n\n{rest}\n" if rest else text


def _merge_block(name: str, ours: Mapping[str, str], theirs: Mapping[str, str], base: Mapping[str, str] | None) -> str:
    mine, other = ours.get(name, ""), theirs.get(name, "")
    if base is not None:
        before = base.get(name, "")
        if mine == before:
            return other
        if other == before:
            return mine
    # Both wrote: both stay. Deleting one of two paragraphs is easy, and finding a lost one is not.
    return "\n\n".join(dict.fromkeys(paragraph for paragraph in (mine, other) if paragraph))
