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
OURS, BASE, THEIRS, END = "<<<<<<<", "|||||||", "=======", ">>>>>>>"
CONFLICT = re.compile(rf"^{OURS}.*?^{THEIRS}.*?^{END}", re.MULTILINE | re.DOTALL)


def read_preserved_blocks(text: str, name: str) -> dict[str, str]:
    """Return the kept paragraphs of a page by their names; two of one name are joined.

    Args:
        text: the page.
        name: how to call the page in a message.

    Raises:
        SpecError: a paragraph is not closed, or closed and never opened: its end would be a guess.
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
    ours: list[str] = []
    theirs: list[str] = []
    base: list[str] = []
    side = ""
    with_base = False
    for line in text.splitlines(keepends=True):
        mark = line[:7]
        if mark == OURS or (side and mark in (BASE, THEIRS, END)):
            with_base = with_base or mark == BASE
            side = "" if mark == END else mark
        else:
            for lines, own in ((ours, OURS), (base, BASE), (theirs, THEIRS)):
                if side in ("", own):
                    lines.append(line)
    return ConflictSides("".join(ours), "".join(theirs), "".join(base) if with_base else None)


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
    text = _replace_blocks(sides.ours, keep)
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


def _replace_blocks(text: str, keep: PreservedBlocks) -> str:
    """Return a page with its kept paragraphs exchanged for others."""
    parts: list[str] = []
    end = 0
    opened: re.Match[str] | None = None
    for marker in MARKER.finditer(text):
        if opened is None:
            parts += [text[end : marker.start()], keep(marker["name"])]
            opened = marker
        else:
            opened, end = None, marker.end()
    return "".join([*parts, text[end:]])
