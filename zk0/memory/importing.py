"""Import memory banks that people and other tools wrote: Kilo's, Cline's, or plain Markdown; no line is lost.

A section is a heading with what stands below it. Members of a list below "Current focus", "Next steps", "Decisions" or
"Known issues", and the sections of a page of tasks, become entries; they name no evidence, and the pages say so. All
other lines stay as they are: a page of the project in its own file, anything else in a note.

A file within the bank is replaced by what it became; its text is kept in the state directory. Other files stay.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from zk0.core.errors import InputError, SecretError
from zk0.core.project import Project
from zk0.core.secrets import find_secrets
from zk0.memory.bank import NOTES, Bank
from zk0.memory.entries import Entry, Kind, Mark
from zk0.memory.page_seal import PAGES, TASKS, is_changed, is_own, read_page
from zk0.memory.recording import Pages, page_texts, write_pages
from zk0.memory.snapshot import BankSnapshot

# The pages of Kilo and Cline, by the name they have here.
OWN_NAMES = {
    "projectbrief.md": "brief.md",
    "productContext.md": "product.md",
    "systemPatterns.md": "architecture.md",
    "techContext.md": "tech.md",
}
HAND_WRITTEN = ("brief.md", "product.md", "architecture.md", "tech.md")
SECTIONS = (
    (Kind.decision, re.compile(r"\bdecisions?\b", re.IGNORECASE)),
    (Kind.next, re.compile(r"\bnext (steps?|actions?|tasks?)\b|\bto.?do\b|\bleft to build\b", re.IGNORECASE)),
    (Kind.focus, re.compile(r"\b(current|work|active)( work)? focus\b", re.IGNORECASE)),
    (Kind.fault, re.compile(r"\bknown (issues?|problems?|bugs?)\b", re.IGNORECASE)),
)
HEADING = re.compile(r"(#{1,6})\s+(.*)")
MEMBER = re.compile(r"[-*+]\s+(?:\[[ xX]\]\s+)?(.*\S)\s*")
DONE = re.compile(r"[-*+]\s+\[[xX]\]\s")
FENCE = re.compile(r"\s*(```|~~~)")


@dataclass(frozen=True)
class Piece:
    """What a piece of a page becomes: an entry of a kind with its title and body, or lines that stay (no kind)."""

    lines: tuple[str, ...]
    kind: Kind | None = None
    title: str = ""
    body: str = ""


@dataclass(frozen=True)
class Imported:
    """What a file became: entries, and the file that has its other lines; None where none were left."""

    source: str
    entries: tuple[Entry, ...]
    rest: str | None


def import_files(project: Project, paths: Iterable[Path], *, by: str, now: datetime) -> list[Imported]:
    """Import files and all Markdown files of folders; without any, the pages of the bank that zk0 did not write.

    Raises:
        InputError: there is nothing to import.
        SecretError: a file holds a secret; nothing is written.
        SpecError: a file is not UTF-8; nothing is written.
    """
    bank = Bank.of(project)
    files = [file for path in paths for file in _markdown(path)] or list(_in_the_way(bank))
    texts = {file.parent.resolve() / file.name: read_page(file) for file in files}  # not what a link leads to
    texts = {file: text for file, text in texts.items() if not _is_rendered(bank, file, text)}
    if not texts:
        remedy = "zk0 memory import FOLDER, for example .kilocode/rules/memory-bank"
        raise InputError("there is no page to import", remedy=remedy)
    for file, text in texts.items():
        for found in find_secrets(text):
            where = f"{project.shown(file)}:{found.line}"
            raise SecretError(
                f"{where} is a secret ({found.kind}); nothing was imported", remedy="remove it, revoke it"
            )
    mark, pages = Mark(by=by, at=now), page_texts(project, now)
    done = [_import(bank, project.shown(file), file, text, mark, pages) for file, text in texts.items()]
    write_pages(project, now)
    return done


def _markdown(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(path.rglob("*.md"))
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    return [path]


def _in_the_way(bank: Bank) -> Iterator[Path]:
    """Yield the files at the top of the bank that are neither rendered nor one of the pages people write."""
    for path in sorted(bank.directory.glob("*.md")):
        if path.name not in HAND_WRITTEN and not (path.name in PAGES and is_own(read_page(path))):
            yield path


def _is_rendered(bank: Bank, file: Path, text: str) -> bool:
    return file.parent == bank.directory and file.name in PAGES and is_own(text)


def _import(bank: Bank, shown: str, file: Path, text: str, mark: Mark, pages: Pages) -> Imported:
    inside, target = file.is_relative_to(bank.directory), bank.directory / OWN_NAMES.get(file.name, file.name)
    if inside and (file.parent != bank.directory or file.name in HAND_WRITTEN):
        return Imported(shown, (), shown)  # a note, an entry or a page of the project: it is where it belongs
    added: tuple[Entry, ...] = ()
    if target.name in HAND_WRITTEN and (not read_page(target).strip() or text.strip() in read_page(target)):
        if text.strip() not in read_page(target):
            bank.replace(target, text)
        rest: str | None = target.name
    else:
        parts = list(parts_of(text, is_tasks=file.name == TASKS))
        if is_changed(text):
            parts = [Piece(tuple(_added_lines(pages[file.name](), text)))]
        rest = _keep_rest(bank, file, parts)
        added = bank.add(lambda now: list(_entries(parts, now, shown, mark)))
    if inside:
        bank.replace(file, None)
    return Imported(shown, added, rest)


def _added_lines(rendered: str, text: str) -> list[str]:
    """Return the lines of a rendered page that zk0 would not render now."""
    known = set(rendered.splitlines())
    return [line for line in text.splitlines()[1:] if line not in known]


def _keep_rest(bank: Bank, file: Path, parts: Iterable[Piece]) -> str | None:
    """Append the lines that stay to a note of the file's name; return its path in the bank."""
    lines = [line for part in parts if part.kind is None for line in part.lines]
    if not any(line.strip() for line in lines):
        return None
    name = re.sub(r"[^\w-]+", "-", file.stem)
    bank.append_note(name, "\n".join(lines))
    return f"{NOTES}/{name}.md"


def parts_of(text: str, *, is_tasks: bool = False) -> Iterator[Piece]:
    """Yield what each piece of a page becomes, in its order; every line is in one of them. Pure."""
    kind: Kind | None = None
    rest: list[str] = []
    for heading, lines in _sections(text, deepest=2 if is_tasks else 6):
        title = heading[1] if heading else ""
        if is_tasks and heading and len(heading[0]) > 1 and any(line.strip() for line in lines[1:]):
            yield Piece(tuple(rest))
            rest = []
            yield Piece(tuple(lines), Kind.procedure, _title(title), "\n".join(lines))
            continue
        kind = next((one for one, pattern in SECTIONS if heading and pattern.search(title)), None)
        if kind is None:
            rest += lines
            continue
        for part in _members(lines, kind):
            if part.kind is None:
                rest += part.lines
            else:
                yield part
    yield Piece(tuple(rest))


def _sections(text: str, *, deepest: int) -> Iterator[tuple[tuple[str, str] | None, list[str]]]:
    """Yield each heading, its marks and words, with its lines, the heading's own first; code is no heading."""
    heading: tuple[str, str] | None = None
    lines: list[str] = []
    fenced = False
    for line in text.splitlines():
        fenced ^= bool(FENCE.match(line))
        found = None if fenced else HEADING.fullmatch(line.rstrip())
        if found and len(found[1]) <= deepest:
            if lines:
                yield heading, lines
            heading, lines = (found[1], found[2]), []
        lines.append(line)
    if lines:
        yield heading, lines


def _members(lines: Iterable[str], kind: Kind) -> Iterator[Piece]:
    """Yield an entry for each member of a list at the left margin, with the lines that belong to it; others stay."""
    member: list[str] = []
    for line in (*lines, None):
        if member and (line is None or (line.strip() and not line.startswith((" ", "\t")))):
            yield _entry_part(member, kind)
            member = []
        if line is None:
            return
        if member:
            member.append(line)
        elif MEMBER.fullmatch(line) and not DONE.match(line):
            member = [line]
        else:
            yield Piece((line,))


def _entry_part(lines: list[str], kind: Kind) -> Piece:
    found = MEMBER.fullmatch(lines[0])
    more = "\n".join(lines[1:]).strip("\n")
    return Piece(tuple(lines), kind, _title(found[1] if found else lines[0]), more)


def _title(words: str) -> str:
    return words.strip() or "without a title"


def _entries(parts: Iterable[Piece], bank: BankSnapshot, source: str, mark: Mark) -> Iterator[Entry]:
    known = {(entry.kind, entry.title, entry.body) for entry in bank.entries}
    for part in parts:
        if part.kind:
            body = f"{part.body}\n\nImported from {source}." if part.body else f"Imported from {source}."
            entry = Entry(kind=part.kind, title=part.title, generated=mark, body=body)
            if (entry.kind, entry.title, entry.body) not in known:  # else it was imported before
                yield entry
