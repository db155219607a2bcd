"""Is a rendered page still as zk0 wrote it? Its first line has the digest of the rest; pure but for `read_page`.

A page without that line, or with other text below it, is a person's: it is never overwritten, and the error says how
to import it. Versions before had no digest but markers around paragraphs that people wrote; those move to notes.
"""

import re
from pathlib import Path

from zk0.core.errors import SpecError
from zk0.core.receipts import DIGEST_LENGTH, canonical_digest

CONTEXT, TASKS = "context.md", "tasks.md"
PAGES = (CONTEXT, TASKS)
SEAL = re.compile(r"<!-- Rendered by zk0, digest ([0-9a-f]{16})\. .* -->")
OLDER = "<!-- Rendered by zk0 from "
MARKER = re.compile(r"<!--\s*(keep:[\w-]+|/keep)\s*-->")
PARAGRAPH = re.compile(r"<!--\s*keep:(?P<name>[\w-]+)\s*-->(?P<text>.*?)<!--\s*/keep\s*-->", re.DOTALL)
IMPORT = "zk0 memory import"


def seal(text: str) -> str:
    """Return a page with the line that says who wrote it."""
    return f"<!-- Rendered by zk0, digest {_digest(text)}. Your own words belong into notes/, not here. -->\n{text}"


def is_sealed(page: str) -> bool:
    """Whether a page is as zk0 wrote it."""
    first, _, text = page.partition("\n")
    found = SEAL.fullmatch(first)
    return found is not None and found[1] == _digest(text)


def body_of(page: str) -> str:
    """Return what zk0 wrote below the first line; empty where that was no sealed page."""
    return page.partition("\n")[2] if is_sealed(page) else ""


def is_of_older_version(page: str) -> bool:
    """Whether a version of zk0 before 0.2 wrote the page, and each paragraph of people in it has an end."""
    ends = [found[1] == "/keep" for found in MARKER.finditer(page)]
    return page.startswith(OLDER) and ends == [False, True] * (len(ends) // 2)


def is_changed(page: str) -> bool:
    """Whether zk0 rendered the page, and somebody changed it."""
    return not is_own(page) and bool(SEAL.match(page) or page.startswith(OLDER))


def kept_paragraphs(page: str) -> dict[str, str]:
    """Return the paragraphs of people in a page of an older version, by name; two of one name are joined."""
    found: dict[str, list[str]] = {}
    for block in PARAGRAPH.finditer(page):
        if text := block["text"].strip():
            found.setdefault(block["name"], []).append(text)
    return {name: "\n\n".join(dict.fromkeys(texts)) for name, texts in found.items()}


def is_own(page: str) -> bool:
    """Whether a page may be overwritten: it is empty, sealed, or of an older version."""
    return not page.strip() or is_sealed(page) or is_of_older_version(page)


def require_own(path: Path) -> None:
    """Refuse a page that a person wrote or changed.

    Raises:
        SpecError: they did.
    """
    page = read_page(path)
    if not is_own(page):
        how = "was changed by hand" if is_changed(page) else "was not written by zk0"
        raise SpecError(f"{path.parent.name}/{path.name} {how}; it is not overwritten", remedy=IMPORT)


def read_page(path: Path) -> str:
    """Return a page's text; empty where there is no page yet.

    Raises:
        SpecError: it is not UTF-8.
    """
    try:
        return path.read_bytes().decode() if path.is_file() else ""
    except UnicodeDecodeError as error:
        problem = f"{path} is not UTF-8: {error.reason} at byte {error.start}"
        raise SpecError(problem, remedy="save it as UTF-8, or remove it") from error


def _digest(text: str) -> str:
    return canonical_digest(text)[:DIGEST_LENGTH]


SEAL_SIZE = len(seal("").encode())  # bytes of that line
