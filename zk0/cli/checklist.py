"""`zk0 checklist`: what is left open, what a machine can say of it, and what a person signs."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from zk0.cli import output
from zk0.cli.output import JsonOption, columns, print_envelope, verdict_text
from zk0.core.errors import ExitStatus
from zk0.core.project import Project
from zk0.core.receipts import write_atomically

if TYPE_CHECKING:  # every command imports this module, and few ask for a checklist
    from zk0.checklists.evaluation import Evaluated, EvaluatedItem
    from zk0.checklists.judging import Progress


class Format(StrEnum):
    """What a checklist can be exported as."""

    in_toto = "in-toto"
    junit = "junit"
    sarif = "sarif"


app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Decide, verify and export checklists; sign or waive an item."
)

NameArgument = Annotated[str, typer.Argument(help="A checklist, or `comprehensive` for all phases.")]
OutOption = Annotated[Path | None, typer.Option(help="Write to this file instead of standard output.")]
NoteOption = Annotated[str, typer.Option(help="What was looked at, and how.")]
ReasonOption = Annotated[str, typer.Option(help="Why the box may stay open.")]
ExpiresOption = Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="The last day on which this counts.")]
KeyOption = Annotated[Path | None, typer.Option(help="SSH key to sign with; needed where there are allowed_signers.")]
ItemArgument = Annotated[str, typer.Argument(help="The item's id.")]


@app.command(name="list")
def list_checklists(*, as_json: JsonOption = False) -> None:
    """List the checklists with the number of their items, and how many a machine decides."""
    from zk0.checklists.loading import checklist_names, load_checklist

    project = Project.find()
    rows = []
    for name in checklist_names(project):
        checklist = load_checklist(project, name)
        items = [item for _, item in checklist.items()]
        machine = sum(item.check is not None for item in items)
        rows.append({"name": name, "title": checklist.title, "items": len(items), "machine": machine})
    if as_json:
        print_envelope(data=rows)
        return
    table = columns(0, 0, 0)
    for row in rows:
        table.add_row(str(row["name"]), f"{row['items']} items, {row['machine']} by a machine", str(row["title"]))
    output.show(table)


@app.command()
def render(name: NameArgument, *, out: OutOption = None) -> None:
    """Print a checklist as Markdown, decided from the receipts there are."""
    from zk0.checklists.verifying import page

    project, evaluated = _decided(name)
    _write(page(project, evaluated), out)


@app.command()
def show(name: NameArgument, *, as_json: JsonOption = False) -> None:
    """Show each item with its box, decided from the receipts there are."""
    _print(_decided(name)[1], as_json=as_json)


@app.command()
def verify(
    name: NameArgument,
    *,
    anew: Annotated[bool, typer.Option("--anew", help="Ask also where an answer holds.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Ask every check whose answer is missing or stale, and show each item with its box.

    Ends with 0 when nothing stays open but warnings and what was waived, with 1 when something is known to be wrong,
    with 4 when evidence is missing, and with 3 when only people have to sign.
    """
    from zk0.checklists.loading import load_checklist
    from zk0.checklists.verifying import exit_status
    from zk0.checklists.verifying import verify as verified

    project = Project.find()
    with _progress() as progress:
        evaluated = verified(project, load_checklist(project, name), force=anew, progress=progress)
    _print(evaluated, as_json=as_json)
    raise typer.Exit(exit_status(evaluated))


@app.command()
def export(
    name: NameArgument,
    *,
    format_: Annotated[Format, typer.Option("--format", help="What to write.")],
    out: OutOption = None,
) -> None:
    """Write a checklist as an in-toto statement, as JUnit XML or as SARIF."""
    from zk0.checklists.exporting import EXPORTS

    project, evaluated = _decided(name)
    _write(EXPORTS[format_](evaluated, project.name), out)


@app.command()
def sign(item: ItemArgument, *, note: NoteOption, expires: ExpiresOption = None, key: KeyOption = None) -> None:
    """Say, as a person, that an item holds which no machine decides."""
    from zk0.checklists.signatures import SignatureDecision

    _state(item, SignatureDecision.signed, note, expires, key)


@app.command()
def waive(item: ItemArgument, *, reason: ReasonOption, expires: ExpiresOption = None, key: KeyOption = None) -> None:
    """Say, as a person, that an item's box may stay open for a while; it is not ticked by this."""
    from zk0.checklists.signatures import SignatureDecision

    _state(item, SignatureDecision.waived, reason, expires, key)


@app.command()
def lint(*, as_json: JsonOption = False) -> None:
    """Print what is wrong with the checklists, their templates and signatures."""
    from zk0.checklists.loading import lint as linted

    problems = list(linted(Project.find()))
    if as_json:
        print_envelope(data={"problems": problems})
    else:
        for problem in problems:
            typer.echo(problem)
    raise typer.Exit(ExitStatus.wrong_request if problems else ExitStatus.done)


def _state(item: str, decision: str, note: str, expires: str | None, key: Path | None) -> None:
    from zk0.checklists.signatures import SignatureDecision
    from zk0.checklists.verifying import find_item
    from zk0.cli.signing import signed

    project = Project.find()
    path = signed(project, find_item(project, item), SignatureDecision(decision), note, expires, key)
    typer.echo(f"{item} {decision}; commit {project.shown(path)}")


def _decided(name: str) -> "tuple[Project, Evaluated]":
    from zk0.checklists.loading import load_checklist
    from zk0.checklists.verifying import decide

    project = Project.find()
    return project, decide(project, load_checklist(project, name))


def _write(text: str, out: Path | None) -> None:
    if out is None:
        typer.echo(text, nl=False)
    else:
        write_atomically(out, text)


def _print(evaluated: "Evaluated", *, as_json: bool) -> None:
    if as_json:
        print_envelope(data=_as_json(evaluated))
        return
    table = columns(0, 0, 0)
    for section in evaluated.sections:
        table.add_row("", "")
        table.add_row("", Text(f"{section.part}: {section.title}", "bold"))
        for item in section.items:
            table.add_row(_word(item), item.item.id, _told(item))
    output.show(table, "", _summary(evaluated))


def _word(item: "EvaluatedItem") -> Text:
    if item.item.manual:
        return Text("signed", "green") if item.ticked else Text("unsigned", "dim")
    return verdict_text(item.verdict)


def _told(item: "EvaluatedItem") -> Text:
    text = Text(f"{item.waived} ({item.message})" if item.waived else item.message)
    if not item.ticked and item.remedy and not item.stale:
        text.append(f"\n→ {item.remedy}")
    return text


def _summary(evaluated: "Evaluated") -> str:
    counts = ", ".join(f"{count} {verdict}" for verdict, count in evaluated.verdicts.items() if count)
    people = f"{evaluated.manual} by a person" if evaluated.manual else "none by a person"
    waived = f", {evaluated.waived} waived" if evaluated.waived else ""
    return f"{evaluated.ticked} of {len(evaluated.items)} ticked{waived}; by a machine: {counts or 'none'}; {people}"


def _as_json(evaluated: "Evaluated") -> dict[str, object]:
    items = [
        {
            "id": item.item.id,
            "part": item.part,
            "section": item.item.section,
            "sentence": item.item.sentence,
            "by": "person" if item.item.manual else "machine",
            "verdict": item.verdict,
            "ticked": item.ticked,
            "stale": item.stale,
            "message": item.message,
            "remedy": item.remedy,
            "waived": item.waived or None,
            "receipts": sorted({line.receipt for line in item.evidence}),
        }
        for item in evaluated.items
    ]
    return {
        "checklist": evaluated.checklist.name,
        "at": evaluated.snapshot.at.isoformat(),
        "code": evaluated.snapshot.code.model_dump(mode="json"),
        "ticked": evaluated.ticked,
        "waived": evaluated.waived,
        "verdicts": {str(verdict): count for verdict, count in evaluated.verdicts.items()},
        "items": items,
    }


@contextmanager
def _progress() -> "Iterator[Progress]":
    """Show on a terminal which check has answered and how many are left."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal or os.environ.get("TERM") == "dumb":
        yield lambda _name, _done, _all: None
        return
    with console.status("asking") as status:
        yield lambda name, done, total: status.update(f"{done} of {total} answered, {name}")
