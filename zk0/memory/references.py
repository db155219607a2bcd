"""References that lead nowhere: files, entries and commands that the bank's pages name and that are not there; pure.

Half of what rots in notes are names of things that were moved or deleted. What stands in backticks or is linked is a
reference if it looks like one: a path whose first part the project has, or that ends like a file; an entry's id; a
`zk0` command. Words with placeholders (`<id>`, `NAME`, `*`) name no one thing and are left alone, and so is what every
machine has for itself.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from zk0.memory.bank import ID, Problem

LINK = re.compile(r"\[[^\]]*\]\(([^()\s]+)\)")
CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
PATH = re.compile(r"(?P<path>(?:\.{1,2}/)*[\w.-]+(?:/[\w.-]+)*/?)(?::(?P<line>\d+)(?:-\d+)?)?", re.ASCII)
FILE = re.compile(r".*\.(?:cfg|csv|ini|j2|json|jsonl|lock|md|py|sh|toml|txt|ya?ml)", re.ASCII)
PLACEHOLDER = re.compile(r"[<>{}*$…]|\bRUN\b|\bNAME\b|\.\.\.")
COMMAND = re.compile(r"zk0 (?P<name>[a-z][a-z-]*)(?: (?P<what>[a-z][a-z0-9-]*))?(?= |$)")
WORKFLOW_COMMANDS = ("run",)


@dataclass(frozen=True)
class KnownNames:
    """What a reference may lead to."""

    root: Path
    private: str  # the state directory, which each machine has for itself
    entries: Collection[str]
    workflows: Collection[str]
    commands: Collection[str]


def dead_references(page: Path, text: str, known: KnownNames, *, at: Path | None = None) -> Iterator[Problem]:
    """Yield what a page names and what is not there.

    Args:
        page: how to name the page, relative to the bank.
        text: its text.
        known: what there is.
        at: the directory that its links are relative to; the project's root where there is none.
    """
    prose = FENCED.sub(lambda block: "\n" * block[0].count("\n"), text)
    for number, line in enumerate(prose.splitlines(), 1):
        for target in LINK.findall(line):
            if "://" not in target and not target.startswith(("#", "mailto:")):
                path = target.partition("#")[0]
                if not _is_there(path, known.root, at):
                    yield Problem(page, number, f"it links to {path}, which is not there")
        for words in CODE.findall(line):
            if not PLACEHOLDER.search(words) and (wrong := _wrong(words, known, at)):
                yield Problem(page, number, wrong)


def _wrong(words: str, known: KnownNames, at: Path | None) -> str | None:
    if ID.fullmatch(words):
        return None if words in known.entries else f"it names the entry {words}, which is not there"
    if command := COMMAND.match(words):
        return _wrong_command(command, known)
    found = PATH.fullmatch(words)
    if found is None or not _looks_like_path(found["path"], known):
        return None
    path = found["path"]
    if not _is_there(path, known.root, at):
        return f"it names {path}, which is not there"
    if found["line"] and int(found["line"]) > _length(known.root / path):
        return f"it names {words}, and {path} has fewer lines"
    return None


def _wrong_command(command: re.Match[str], known: KnownNames) -> str | None:
    name, what = command["name"], command["what"]
    if known.commands and name not in known.commands:
        return f"it names the command zk0 {name}, which there is not"
    if name in WORKFLOW_COMMANDS and what and what not in known.workflows:
        return f"it names the workflow {what}, which there is not"
    return None


def _looks_like_path(path: str, known: KnownNames) -> bool:
    parts = PurePosixPath(path).parts
    if "/" not in path or not parts or parts[0] == known.private:
        return False
    return bool(FILE.fullmatch(path)) or (known.root / parts[0]).is_dir()


def _is_there(path: str, root: Path, at: Path | None) -> bool:
    return any((base / path).exists() for base in (root, at) if base is not None)


def _length(path: Path) -> int:
    return path.read_bytes().count(b"\n") + 1 if path.is_file() else 0
