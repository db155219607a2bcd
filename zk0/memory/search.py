"""Search the bank: entries and pages, ranked by BM25 through SQLite's FTS5, in an index made for the one question.

A bank is small: indexing a thousand entries is faster than keeping an index up to date. A match in a title counts more,
and entries in force come before superseded ones.
"""

import re
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from zk0.core.errors import DependencyMissingError, InputError
from zk0.memory.bank import NOTES, Bank
from zk0.memory.entries import Entry, Kind
from zk0.memory.page_seal import PAGES

HEADING = re.compile(r"^#+(.*)$", re.MULTILINE)
TITLE_WEIGHT = 4.0  # a word in a title says what the text is about
SNIPPET = 16  # words of the text around what was found
OUT_OF_FORCE = 0.5  # of its rank has what is superseded: it is shown, behind what holds


@dataclass(frozen=True)
class Hit:
    """One text that was found: an entry, or a section of a page."""

    id: str
    kind: str
    title: str
    snippet: str
    in_force: bool
    rank: float


@dataclass(frozen=True)
class _Text:
    id: str
    kind: str
    title: str
    text: str
    in_force: bool = True


def search(bank: Bank, words: str, *, kind: Kind | None = None, limit: int = 10, archived: bool = False) -> list[Hit]:
    """Return what has all of the words, or where nothing has, some of them; the best first.

    The words are what a person would type; each may be the beginning of one.

    Raises:
        InputError: it has no word.
        DependencyMissingError: this Python's SQLite has no FTS5.
    """
    terms = ["".join(letter if letter.isalnum() else " " for letter in word).split() for word in words.split()]
    quoted = [f'"{" ".join(term)}"*' for term in terms if term]
    if not quoted:
        raise InputError(f"no word to search for in {words!r}", remedy="zk0 memory search WORD")
    reading = bank.read()
    counting = {entry.id for entry in reading.in_force}
    texts = [_text(entry, in_force=entry.id in counting) for entry in reading.entries]
    texts += _pages(bank.directory)
    if archived:
        texts += [_text(entry, in_force=False) for entry in bank.read_archive().entries]
    texts = [text for text in texts if kind in (None, text.kind)]
    with _index(texts) as index:
        found = _query(index, " AND ".join(quoted), texts) or _query(index, " OR ".join(quoted), texts)
    return sorted(found, key=lambda hit: (-hit.rank, hit.id))[:limit]


def _query(index: sqlite3.Connection, query: str, texts: list[_Text]) -> list[Hit]:
    rows = index.execute(
        f"SELECT rowid, -bm25(texts, {TITLE_WEIGHT}, 1.0), snippet(texts, 1, '', '', '…', {SNIPPET})"  # noqa: S608  our own numbers
        " FROM texts WHERE texts MATCH ?",
        (query,),
    )
    hits = []
    for number, rank, snippet in rows:
        text = texts[number - 1]
        weight = 1.0 if text.in_force else OUT_OF_FORCE
        hits.append(Hit(text.id, text.kind, text.title, " ".join(snippet.split()), text.in_force, rank * weight))
    return hits


def _index(texts: Iterable[_Text]) -> sqlite3.Connection:
    index = sqlite3.connect(":memory:")
    try:
        index.execute("CREATE VIRTUAL TABLE texts USING fts5(title, text, tokenize='porter unicode61')")
    except sqlite3.OperationalError as error:
        raise DependencyMissingError(
            f"this Python's SQLite can't search texts: {error}", remedy="grep -ri WORD memory-bank"
        ) from error
    index.executemany("INSERT INTO texts VALUES (?, ?)", ((text.title, text.text) for text in texts))
    return index


def _text(entry: Entry, *, in_force: bool) -> _Text:
    sources = (
        f"{source.name} {source.value if source.value is not None else ''} {source.where}" for source in entry.sources
    )
    task = "\n".join(str(value) for value in entry.task.model_dump().values() if value) if entry.task else ""
    text = "\n".join([entry.body, task, *sources, entry.id, entry.branch or ""])
    return _Text(entry.id, entry.kind.value, entry.title, text, in_force)


def _pages(directory: Path) -> Iterator[_Text]:
    """Yield the sections of the pages that people write; the rendered ones repeat the entries."""
    for path in sorted((*directory.glob("*.md"), *(directory / NOTES).glob("*.md"))):
        if path.name in PAGES:
            continue
        # The text before the first heading, then headings and texts in turns.
        parts = [path.stem, *HEADING.split(path.read_text(encoding="utf-8", errors="replace"))]
        for title, text in zip(parts[::2], parts[1::2], strict=True):
            if text.strip():
                yield _Text(path.name, "page", title.strip(), text)
