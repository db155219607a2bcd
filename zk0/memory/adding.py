"""Add an entry for a person or an agent: sources are read, what is superseded is in force, a secret is refused."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from zk0.core.errors import InputError
from zk0.core.project import Project
from zk0.memory.bank import Bank
from zk0.memory.citing import cited
from zk0.memory.entries import Entry, Kind, Mark, Source, Status
from zk0.memory.evidence import Witness, carry
from zk0.memory.recording import write_pages


@dataclass(frozen=True)
class Draft:
    """What somebody wants to add.

    `by` is who says so; `sources` are citations, as `zk0.memory.citing` reads them; one that `closes` says that what it
    supersedes is settled, and no more; `based_on` is the revision that was read before this was written.
    """

    kind: Kind
    title: str
    by: str
    body: str = ""
    sources: Sequence[str] = ()
    supersedes: Sequence[str] = ()
    closes: bool = False
    stale_after: datetime | None = None
    based_on: str | None = None


def added(project: Project, draft: Draft, now: datetime) -> Entry:
    """Add one entry, render the pages, and return it.

    Raises:
        InputError: a source or the entry is not valid.
        StaleReadError: what it rests on has changed.
        UnknownNameError: what it supersedes is not there.
        SecretError: it holds a secret.
    """
    evidence = Witness(project)
    reading = Bank.of(project).read()
    sources = tuple(cited(source, evidence) for source in draft.sources)
    if draft.closes and not draft.supersedes:
        raise InputError("it closes nothing", remedy="--supersedes ID")
    try:
        entry = Entry(
            kind=draft.kind,
            title=draft.title,
            status=Status.closed if draft.closes else Status.active,
            generated=Mark(by=draft.by, at=now),
            sources=sources,
            commit=evidence.head,
            branch=evidence.branch,
            stale_after=draft.stale_after,
            supersedes=tuple(reading.entry(name).id for name in draft.supersedes),
            body=draft.body,
        )
    except ValidationError as error:
        problem = error.errors()[0]
        raise InputError(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}") from error
    return keep(project, entry, evidence, based_on=draft.based_on, now=now)


def keep(project: Project, entry: Entry, evidence: Witness, *, now: datetime, based_on: str | None = None) -> Entry:
    """Write an entry and the receipts it cites, and render the pages.

    Raises:
        StaleReadError: what it rests on has changed.
        SecretError: it holds a secret.
    """
    [written] = Bank.of(project).put(entry, based_on=based_on)
    carry_cited(project, entry.sources, evidence)
    write_pages(project, now)
    return written


def carry_cited(project: Project, sources: Sequence[Source], evidence: Witness) -> None:
    """Copy the receipts that sources name from this machine's runs into the bank."""
    for digest in {source.receipt for source in sources if source.receipt}:
        if path := evidence.file(digest):
            carry(project, digest, path.read_text(encoding="utf-8"))


def confirmed(project: Project, name: str, by: str, now: datetime) -> Entry:
    """Return an entry's next version, which says that somebody checked it.

    Raises:
        StaleReadError: it was superseded.
        UnknownNameError: there is no such entry.
    """
    entry = Bank.of(project).read().entry(name)
    update = {"id": "", "verified": (*entry.verified, Mark(by=by, at=now)), "supersedes": (entry.id,)}
    return keep(project, entry.model_copy(update=update), Witness(project), now=now)
