"""`zk0 memory`: add to the memory bank, import into it, search, verify and prune it."""

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
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add an entry; values and hashes are read from its sources."""
    from zk0.cli.render_memory import as_data, source_line
    from zk0.memory.adding import EntryDraft, add_entry, on_same_source
    from zk0.memory.bank import Bank

    if kind in (Kind.result, Kind.task):
        other = "zk0 run records results" if kind is Kind.result else "zk0 task new"
        raise InputError(f"entries of kind {kind} are not added by hand", remedy=other)
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
    )
    project = Project.find()
    entry = add_entry(project, draft, now)
    others = on_same_source(entry, Bank.of(project).read())
    for line in (*map(source_line, entry.sources), *(f"also in force on the same: {o.id}  {o.title}" for o in others)):
        typer.echo(line, err=True)
    data = {**as_data(entry), "same_source": [other.id for other in others]}
    print_result(data, entry.id, as_json=as_json)


@app.command(name="import")
def import_pages(
    paths: Annotated[list[Path] | None, typer.Argument(help="Files, or folders of Markdown files.")] = None,
    *,
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import a memory bank of Kilo or Cline, or any Markdown; without a path, pages that zk0 did not write."""
    from zk0.memory.importing import import_files

    done = import_files(Project.find(), paths or (), by=resolve_author(by), now=datetime.now(UTC))
    lines = [
        f"{one.source}: {len(one.entries)} entries{f'; the rest is in {one.rest}' if one.rest else ''}" for one in done
    ]
    data = [{"source": one.source, "entries": [entry.id for entry in one.entries], "rest": one.rest} for one in done]
    print_result(data, "\n".join(lines), as_json=as_json)


@app.command()
def search(
    words: Annotated[list[str] | None, typer.Argument(help="Words, or an entry's id; none lists all entries.")] = None,
    *,
    kind: Annotated[Kind | None, typer.Option(help="List only this kind.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The most results.")] = 10,
    archived: Annotated[bool, typer.Option("--archived", help="Search the archive too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Search entries and pages, the best match first; list the entries in force; or show one with its evidence."""
    from zk0.cli.render_memory import show_entries, show_entry, show_hits
    from zk0.core.references import ENTRY_ID
    from zk0.memory.bank import Bank
    from zk0.memory.search import search as found

    project = Project.find()
    if not words:
        show_entries(project, kind, as_json=as_json)
    elif len(words) == 1 and ENTRY_ID.fullmatch(words[0]):
        show_entry(project, words[0], datetime.now(UTC), as_json=as_json)
    else:
        show_hits(found(Bank.of(project), " ".join(words), kind=kind, limit=limit, archived=archived), as_json=as_json)


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
def render(*, as_json: JsonOption = False) -> None:
    """Render context.md and tasks.md, for example after you wrote a note."""
    from zk0.memory.page_seal import PAGES
    from zk0.memory.recording import write_pages

    write_pages(Project.find(), datetime.now(UTC))
    print_result({"rendered": list(PAGES)}, f"{' and '.join(PAGES)} rendered", as_json=as_json)


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
def draft(
    *, quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing.")] = False, as_json: JsonOption = False
) -> None:
    """Write down what a session leaves: changes, commits and open runs, for the next one to check."""
    from zk0.memory.draft import write_draft

    project = Project.find()
    path = write_draft(project, datetime.now(UTC))
    shown = project.shown(path) if path else None
    if not quiet:
        print_result({"path": shown}, shown or "nothing changed since the last entry", as_json=as_json)


@app.command(name="init")
def initialise(*, as_json: JsonOption = False) -> None:
    """Set up the bank and render its pages."""
    from zk0.memory.recording import install

    done = list(install(Project.find(), datetime.now(UTC)))
    print_result({"done": done}, "\n".join(done), as_json=as_json)
