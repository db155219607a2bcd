"""Add an entry for a person or an agent: zk0 reads the values and digests of its sources, and a secret is refused.

A source is cited in a word, so that nobody types a number or a hash:

    receipt:DIGEST:outputs.results.0.value      a value of a receipt
    config:tool.flwr.app.config.proximal-mu     a setting of pyproject.toml; config:FILE#KEY of another file
    file:zk0/training/fedprox.py:12-20          lines of a file, or a whole file
    commit:HEAD                                 a commit
    link:https://arxiv.org/abs/1812.06127       a page, which no machine checks

Before it, `NAME=` names the value.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

from pydantic import ValidationError

from zk0.core.errors import InputError, UnknownNameError
from zk0.core.project import Project
from zk0.memory.bank import Bank
from zk0.memory.entries import PYPROJECT, Entry, FactSource, Kind, Mark, Status
from zk0.memory.evidence import EvidenceReader, copy_receipt, lines_digest, value_at
from zk0.memory.recording import write_pages
from zk0.memory.snapshot import BankSnapshot

KINDS = ("receipt", "config", "file", "commit", "link")
CITATION = re.compile(rf"(?:(?P<name>[^=]+)=)?(?P<kind>{'|'.join(KINDS)}):(?P<what>.+)")
FILE = re.compile(r"(?P<file>.+?)(?::(?P<first>\d+)(?:-(?P<last>\d+))?)?")


@dataclass(frozen=True)
class EntryDraft:
    """An entry to be added.

    `by` is who says so; `sources` are citations, as `cite` reads them; one that `closes` says that what it
    supersedes is settled, and no more.
    """

    kind: Kind
    title: str
    by: str
    body: str = ""
    sources: Sequence[str] = ()
    supersedes: Sequence[str] = ()
    closes: bool = False
    stale_after: datetime | None = None


def add_entry(project: Project, draft: EntryDraft, now: datetime) -> Entry:
    """Add one entry, render the pages, and return it.

    Raises:
        InputError: a source or the entry is not valid.
        StaleReadError: what it rests on has changed.
        UnknownNameError: what it supersedes is not there.
        SecretError: it holds a secret.
    """
    evidence = EvidenceReader(project)
    reading = Bank.of(project).read()
    if draft.closes and not draft.supersedes:
        raise InputError("it closes nothing", remedy="--supersedes ID")
    try:
        entry = Entry(
            kind=draft.kind,
            title=draft.title,
            status=Status.closed if draft.closes else Status.active,
            generated=Mark(by=draft.by, at=now),
            sources=tuple(cite(source, evidence) for source in draft.sources),
            commit=evidence.head,
            branch=evidence.branch,
            stale_after=draft.stale_after,
            supersedes=tuple(reading.entry(name).id for name in draft.supersedes),
            body=draft.body,
        )
    except ValidationError as error:
        problem = error.errors()[0]
        raise InputError(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}") from error
    return save_entry(project, entry, evidence, now=now)


def save_entry(project: Project, entry: Entry, evidence: EvidenceReader, *, now: datetime) -> Entry:
    """Write an entry and the receipts it cites, and render the pages.

    Raises:
        SpecError: a page is not as zk0 wrote it; nothing is written.
        StaleReadError: what it rests on has changed.
        SecretError: it or a receipt holds a secret.
    """
    bank = Bank.of(project)
    bank.require_own_pages()
    for digest in {source.receipt for source in entry.sources if source.receipt}:
        if path := evidence.file(digest):
            copy_receipt(project, digest, path.read_text(encoding="utf-8"))
    written = bank.put(entry)
    write_pages(project, now)
    return written


def on_same_source(entry: Entry, bank: BankSnapshot) -> list[Entry]:
    """Return the entries in force that cite a place which this one cites too, besides commits."""
    own = {source.where for source in entry.sources if not source.commit}
    others = (other for other in bank.in_force if other.id not in (entry.id, *entry.supersedes))
    return [other for other in others if own & {source.where for source in other.sources}]


def cite(text: str, evidence: EvidenceReader) -> FactSource:
    """Return the source that a text names, with what it says now.

    Raises:
        InputError: it names none, or one that can't be read.
    """
    found = CITATION.fullmatch(text)
    if found is None:
        raise InputError(f"{text!r} names no source", remedy="--source receipt:…, config:…, file:…, commit:… or link:…")
    name, what = (found["name"] or "").strip(), found["what"]
    match found["kind"]:
        case "receipt":
            return _receipt(name, what, evidence)
        case "config":
            return _setting(name, what, evidence)
        case "file":
            return _file(name, what, evidence)
        case "commit":
            commit = evidence.resolve_commit(what)
            if commit is None:
                raise InputError(f"no commit {what!r} here", remedy="git log")
            return FactSource(name=name, commit=commit)
    return FactSource(name=name, link=what)


def _receipt(name: str, what: str, evidence: EvidenceReader) -> FactSource:
    digest, _, metric = what.partition(":")
    try:
        receipt = evidence.receipt(digest)
        if receipt is None:
            raise InputError(f"no receipt {digest} here", remedy="zk0 show RUN STEP --json")
        value = value_at(receipt, metric) if metric else None
    except UnknownNameError as error:
        raise InputError(str(error), remedy="zk0 show RUN STEP --json") from error
    return FactSource(name=name, receipt=digest, metric=metric or None, value=_plain(value, what))


def _setting(name: str, what: str, evidence: EvidenceReader) -> FactSource:
    file, _, key = what.rpartition("#")
    try:
        value = evidence.setting(file or PYPROJECT, key)
    except KeyError as error:
        raise InputError(str(error.args[0]), remedy="config:tool.name.key, or config:FILE#KEY") from error
    return FactSource(name=name, config=key, file=file or None, value=_plain(value, what))


def _file(name: str, what: str, evidence: EvidenceReader) -> FactSource:
    found = FILE.fullmatch(what)
    file = PurePosixPath(found["file"]) if found else PurePosixPath(what)
    lines = evidence.lines(file.as_posix())
    if found is None or lines is None or file.is_absolute() or ".." in file.parts:
        raise InputError(f"no text file {file} in the project", remedy="name a file below the project's root")
    if found["first"] is None:
        return FactSource(name=name, file=file.as_posix(), sha256=lines_digest(lines))
    first, last = int(found["first"]), int(found["last"] or found["first"])
    if not 1 <= first <= last <= len(lines):
        raise InputError(f"{file} has lines 1 to {len(lines)}, not {first} to {last}")
    digest = lines_digest(lines[first - 1 : last])
    return FactSource(name=name, file=file.as_posix(), lines=(first, last), sha256=digest)


def _plain(value: object, what: str) -> bool | int | float | str | None:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise InputError(f"{what} is not a single value; name a part of it")
