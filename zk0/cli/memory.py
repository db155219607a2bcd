"""`zk0 memory`: add to the memory bank, read, search, verify and prune it."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from zk0.cli.options import ByOption, parse_time, resolve_author
from zk0.cli.output import JsonOption, print_envelope, print_result
from zk0.core.errors import ExitStatus, InputError
from zk0.core.project import Project
from zk0.memory.entries import Kind

SourceOption = Annotated[
    list[str] | None,
    typer.Option("--source", "-s", help="Evidence: [NAME=]receipt:DIGEST:PATH, config:[FILE#]KEY, file:PATH:LINES, …"),
]
SupersedesOption = Annotated[list[str] | None, typer.Option("--supersedes", help="An entry that this one replaces.")]
StaleOption = Annotated[str | None, typer.Option("--stale-after", metavar="30d|DATE", help="When it expires.")]
BasedOnOption = Annotated[
    str | None, typer.Option("--based-on", metavar="REVISION", help="Refuse if the bank has another revision.")
]
BodyOption = Annotated[str, typer.Option("--body", "-b", help="A few sentences; - reads them from stdin.")]

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Keep what was learned, with its evidence.")


@app.command()
def add(  # noqa: PLR0913  each is an option of the command
    kind: Kind,
    title: str,
    *,
    body: BodyOption = "",
    sources: SourceOption = None,
    supersedes: SupersedesOption = None,
    closes: Annotated[bool, typer.Option("--closes", help="Close what it supersedes.")] = False,
    stale_after: StaleOption = None,
    based_on: BasedOnOption = None,
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add an entry; values and hashes are read from its sources."""
    from zk0.memory.adding import EntryDraft, add_entry

    if kind in (Kind.result, Kind.task):
        other = "zk0 run records results" if kind is Kind.result else "zk0 task new"
        raise InputError(f"entries of kind {kind} are not add_entry by hand", remedy=other)
    now = datetime.now(UTC)
    draft = EntryDraft(
        kind=kind,
        title=title,
        by=resolve_author(by),
        body=sys.stdin.read() if body == "-" else body,
        sources=sources or (),
        supersedes=supersedes or (),
        closes=closes,
        stale_after=parse_time(stale_after, now) if stale_after else None,
        based_on=based_on,
    )
    entry = add_entry(Project.find(), draft, now)
    data = {"id": entry.id, **entry.model_dump(mode="json", exclude={"id"}, exclude_defaults=True)}
    print_result(data, entry.id, as_json=as_json)


@app.command()
def confirm(entry: str, *, by: ByOption = None, as_json: JsonOption = False) -> None:
    """Record that you checked an entry yourself, as a person or as an agent."""
    from zk0.memory.adding import confirm_entry

    confirmation = confirm_entry(Project.find(), entry, resolve_author(by), datetime.now(UTC))
    print_result({"id": confirmation.id}, confirmation.id, as_json=as_json)


@app.command()
def show(
    entry: Annotated[str | None, typer.Argument(help="An entry's id, or the beginning or end of one.")] = None,
    *,
    kind: Annotated[Kind | None, typer.Option(help="List only this kind.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Include superseded and closed entries.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the entries in force, or show one with its freshness."""
    from zk0.cli.render_memory import show_entries, show_entry

    if entry is None:
        show_entries(Project.find(), kind, everything=everything, as_json=as_json)
    else:
        show_entry(Project.find(), entry, datetime.now(UTC), as_json=as_json)


@app.command()
def search(
    words: Annotated[list[str], typer.Argument(help="The words to search for.")],
    *,
    limit: Annotated[int, typer.Option(min=1, help="The most results.")] = 10,
    archived: Annotated[bool, typer.Option("--archived", help="Search the archive too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Search entries and pages, the best match first."""
    from zk0.memory.bank import Bank
    from zk0.memory.search import search as found

    hits = found(Bank.of(Project.find()), " ".join(words), limit=limit, archived=archived)
    if as_json:
        print_envelope(data=[vars(hit) for hit in hits])
        return
    for hit in hits:
        typer.echo(f"{hit.id}  {hit.kind}{'' if hit.in_force else ', not in force'}  {hit.title}\n  {hit.snippet}")
    if not hits:
        typer.echo("nothing found", err=True)


@app.command()
def verify(
    *,
    strict: Annotated[bool, typer.Option("--strict", help="Fail on stale and unverifiable entries too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check the evidence of every entry: is it fresh, stale, contradicted or unverifiable?"""
    from zk0.cli.application import COMMANDS
    from zk0.cli.render_memory import print_report
    from zk0.memory.verification import verify as verified

    report = verified(Project.find(), datetime.now(UTC), commands=COMMANDS)
    if as_json:
        print_envelope(data=report.as_json())
    else:
        print_report(report)
    wrong = report.is_in_doubt if strict else report.is_wrong
    raise typer.Exit(ExitStatus.failed if wrong else ExitStatus.done)


@app.command()
def render(
    *,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail if a page is outdated.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Render context.md and tasks.md; resolves pages that a merge left in conflict."""
    from zk0.memory.recording import outdated_pages, write_pages

    project, now = Project.find(), datetime.now(UTC)
    pages = outdated_pages(project, now)
    if not check:
        write_pages(project, now)
    text = "\n".join(f"{page} {'is outdated: zk0 memory render' if check else 'rendered'}" for page in pages)
    print_result({"outdated" if check else "rendered": pages}, text, as_json=as_json)
    raise typer.Exit(ExitStatus.failed if check and pages else ExitStatus.done)


@app.command()
def prune(
    *,
    apply: Annotated[bool, typer.Option("--apply", help="Archive them.")] = False,
    kept: Annotated[str, typer.Option("--kept", metavar="14d", help="How long closed entries stay.")] = "14d",
    as_json: JsonOption = False,
) -> None:
    """List the entries that may be archived and why; with --apply, archive them. Nothing is deleted."""
    from zk0.memory.bank import Bank
    from zk0.memory.pruning import archive as archived
    from zk0.memory.pruning import proposals

    project, now = Project.find(), datetime.now(UTC)
    found = proposals(Bank.of(project).read(), now, kept=now - parse_time(kept, now, past=True))
    moved = archived(project, [proposal.entry.id for proposal in found]) if apply and found else []
    if as_json:
        data = [{"id": one.entry.id, "title": one.entry.title, "reason": one.reason} for one in found]
        print_envelope(data={"entries": data, "moved": len(moved)})
        return
    for proposal in found:
        typer.echo(f"{proposal.entry.id}  {proposal.entry.title}\n  {proposal.reason}")
    what = f"{len(moved)} files moved to the archive" if apply else f"{len(found)} entries may be archived"
    typer.echo(what if apply or not found else f"{what}: zk0 memory prune --apply", err=True)


@app.command()
def archive(entries: list[str], *, as_json: JsonOption = False) -> None:
    """Move entries and those they supersede to the archive."""
    from zk0.memory.bank import Bank
    from zk0.memory.pruning import archive as archived

    project = Project.find()
    reading = Bank.of(project).read()
    moved = archived(project, [reading.entry(name).id for name in entries])
    names = [path.relative_to(project.root).as_posix() for path in moved]
    print_result({"moved": names}, "\n".join(names), as_json=as_json)


@app.command()
def stats(*, as_json: JsonOption = False) -> None:
    """Count the entries by kind, and measure the pages."""
    from zk0.cli.render_memory import print_stats
    from zk0.memory.pruning import stats_of

    stats_found = stats_of(Project.find(), datetime.now(UTC))
    if as_json:
        print_envelope(data=stats_found)
    else:
        print_stats(stats_found)


@app.command(name="init")
def initialise(*, as_json: JsonOption = False) -> None:
    """Set up the bank and git's merge driver for its pages; once per clone."""
    from zk0.memory.recording import install

    done = list(install(Project.find(), datetime.now(UTC)))
    print_result({"done": done}, "\n".join(done), as_json=as_json)


@app.command(name="merge-driver", hidden=True)
def merge_driver(base: Path, ours: Path, theirs: Path) -> None:
    """Merge two versions of a rendered page; git calls this."""
    from zk0.memory.bank import read_page
    from zk0.memory.preserved_blocks import ConflictSides, merge_pages

    texts = [read_page(path) for path in (ours, theirs, base)]
    ours.write_text(merge_pages(ConflictSides(*texts)), encoding="utf-8")
