"""Find dead references: links, files, entries and commands that a page names and that do not exist; pure.

Half of what rots in notes are names of things that were moved or deleted. A link is a reference, and so is code in
backticks that looks like one: a path whose first part the project has, or that ends like a file; an entry's id; a
`zk0` command. Words with placeholders (`<id>`, `NAME`, `*`) are skipped, and so is the state directory, which differs
from machine to machine.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from zk0.core.markdown import Page

ENTRY_ID = re.compile(r"\d{4}-\d\d-\d\d-[0-9a-f]{8}(?:-2)*")
PATH = re.compile(r"(?P<path>(?:\.{1,2}/)*[\w.-]+(?:/[\w.-]+)*/?)(?::(?P<line>\d+)(?:-\d+)?)?", re.ASCII)
FILE = re.compile(r".*\.(?:cfg|csv|ini|j2|json|jsonl|lock|md|py|sh|toml|txt|ya?ml)", re.ASCII)
PLACEHOLDER = re.compile(r"[<>{}*$…]|\bRUN\b|\bNAME\b|\.\.\.")
COMMAND = re.compile(r"zk0 (?P<name>[a-z][a-z-]*)(?: (?P<what>[a-z][a-z0-9-]*))?(?= |$)")
WORKFLOW_COMMANDS = ("run",)


@dataclass(frozen=True)
class KnownNames:
    """The targets that a reference may have."""

    root: Path
    private: str  # the state directory
    entries: Collection[str]
    workflows: Collection[str]
    commands: Collection[str]


@dataclass(frozen=True)
class DeadReference:
    """A reference to something that does not exist; `line` counts from 1."""

    line: int
    message: str


def dead_references(page: "Page", known: KnownNames) -> Iterator[DeadReference]:
    """Yield the links and names of a page that lead nowhere; they are relative to the page or to the project's root."""
    for line, target in page.links():
        if problem := dead_link(page, target, {page.name: page}, page.folder, known.root):
            yield DeadReference(line, problem)
    for line, words in page.code_spans():
        if not PLACEHOLDER.search(words) and (problem := _dead_name(words, known, page.folder)):
            yield DeadReference(line, problem)


def dead_link(page: "Page", target: str, pages: "Mapping[str, Page]", *folders: Path) -> str | None:
    """Return why a link leads nowhere; None where it leads somewhere, or out of the project.

    Args:
        page: where the link is.
        target: what it links to.
        pages: the pages whose headings are known, by name.
        folders: the folders that it may be relative to.
    """
    try:
        parts = urlsplit(target)
    except ValueError:
        return f"{target} is not a link"
    if parts.scheme or target.startswith("//"):
        return None  # the network is not asked
    name = page.name
    if parts.path:
        here = next((path for folder in folders if (path := folder / unquote(parts.path)).exists()), None)
        if here is None:
            return f"{target} leads nowhere"
        whole = here.resolve()
        name = whole.relative_to(page.root).as_posix() if whole.is_relative_to(page.root) else ""
    if parts.fragment and name in pages and unquote(parts.fragment) not in pages[name].anchors:
        return f"{target}: {name} has no such heading"
    return None


def missing_file(words: str, root: Path, *folders: Path) -> str | None:
    """Return what is wrong with the name of a file, `path` or `path:line`; None where it is there."""
    found = PATH.fullmatch(words)
    if found is None:
        return None
    path = found["path"]
    if not any((base / path).exists() for base in (root, *folders)):
        return f"names {path}, which is not there"
    if found["line"] and int(found["line"]) > _line_count(root / path):
        return f"names {words}, and {path} has fewer lines"
    return None


def _dead_name(words: str, known: KnownNames, folder: Path) -> str | None:
    if ENTRY_ID.fullmatch(words):
        return None if words in known.entries else f"names the entry {words}, which is not there"
    if command := COMMAND.match(words):
        return _dead_command(command, known)
    found = PATH.fullmatch(words)
    return missing_file(words, known.root, folder) if found and _looks_like_path(found["path"], known) else None


def _dead_command(command: re.Match[str], known: KnownNames) -> str | None:
    name, what = command["name"], command["what"]
    if known.commands and name not in known.commands:
        return f"names an unknown command: zk0 {name}"
    if name in WORKFLOW_COMMANDS and what and what not in known.workflows:
        return f"names an unknown workflow: {what}"
    return None


def _looks_like_path(path: str, known: KnownNames) -> bool:
    parts = PurePosixPath(path).parts
    if "/" not in path or not parts or parts[0] == known.private:
        return False
    return bool(FILE.fullmatch(path)) or (known.root / parts[0]).is_dir()


def _line_count(path: Path) -> int:
    return path.read_bytes().count(b"\n") + 1 if path.is_file() else 0
