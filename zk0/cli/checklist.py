"""`zk0 checklist`: show which items hold, ask their checks, export the result, and sign or waive items."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from zk0.cli import output
from zk0.cli.output import JsonOption, columns, print_envelope, print_result, table_of, verdict_text
from zk0.core.errors import ExitStatus
from zk0.core.project import Project
from zk0.core.receipts import write_atomically

if TYPE_CHECKING:  # few commands need a checklist
    from zk0.checklists.evaluation import Evaluated, EvaluatedItem
    from zk0.checklists.judging import Progress
    from zk0.checklists.signatures import SignatureDecision


app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Verify and export checklists; sign or waive an item."
)

NameArgument = Annotated[str, typer.Argument(help="A checklist, or `comprehensive` for all phases.")]
ChosenArgument = Annotated[str, typer.Argument(help="A checklist, or the id of an item.")]
OutOption = Annotated[Path | None, typer.Option(help="Write to this file instead of standard output.")]
NoteOption = Annotated[str, typer.Option(help="What you looked at, and how.")]
ReasonOption = Annotated[str, typer.Option(help="Why the box may stay open.")]
ExpiresOption = Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="The last day on which this counts.")]
KeyOption = Annotated[Path | None, typer.Option(help="SSH key to sign with; needed where there are allowed_signers.")]
ItemArgument = Annotated[str, typer.Argument(help="The item's id.")]


@app.command(name="list")
def list_checklists(*, as_json: JsonOption = False) -> None:
    """List the checklists with the number of their items, and of those that checks decide."""
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
    cells = (
        (str(row["name"]), f"{row['items']} items, {row['machine']} by a machine", str(row["title"])) for row in rows
    )
    output.show(table_of(cells, 3))


@app.command()
def render(name: NameArgument, *, out: OutOption = None) -> None:
    """Print a checklist as Markdown, decided from the existing receipts."""
    from zk0.checklists.verifying import page

    project, evaluated = _decided(name)
    _write(page(project, evaluated), out)


@app.command()
def show(name: ChosenArgument, *, as_json: JsonOption = False) -> None:
    """Show each item with its box, from the existing receipts; of one item, what was looked at and what was not."""
    from zk0.checklists.explaining import explain, text_of
    from zk0.checklists.loading import checklist_names
    from zk0.checklists.verifying import find_item

    project = Project.find()
    if name in checklist_names(project):
        _print(_decided(name)[1], as_json=as_json)
        return
    part, item = find_item(project, name)
    explained = explain(project, part, item.id)
    print_result(explained.as_json(), "\n".join(text_of(explained)), as_json=as_json)


@app.command()
def verify(
    name: NameArgument,
    *,
    anew: Annotated[bool, typer.Option("--anew", help="Ask every check again.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Ask every check whose result is missing or stale, and show each item with its box.

    Exits with 0 if only warnings and waived items are open, with 1 if an item failed, with 4 if evidence is missing,
    and with 3 if only signatures are missing.
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
def export(name: NameArgument, *, out: OutOption = None) -> None:
    """Export a checklist as an in-toto statement."""
    from zk0.checklists.exporting import statement

    project, evaluated = _decided(name)
    _write(json.dumps(statement(evaluated, project.name), indent=2, ensure_ascii=False) + "\n", out)


@app.command()
def sign(item: ItemArgument, *, note: NoteOption, expires: ExpiresOption = None, key: KeyOption = None) -> None:
    """Sign, as a person, that an item without a check holds."""
    from zk0.checklists.signatures import SignatureDecision

    _sign(item, SignatureDecision.signed, note, expires, key)


@app.command()
def waive(item: ItemArgument, *, reason: ReasonOption, expires: ExpiresOption = None, key: KeyOption = None) -> None:
    """Allow, as a person, that an item stays open for a while; this does not tick it."""
    from zk0.checklists.signatures import SignatureDecision

    _sign(item, SignatureDecision.waived, reason, expires, key)


@app.command()
def lint(*, as_json: JsonOption = False) -> None:
    """Print the problems of the checklists, their templates and signatures."""
    from zk0.checklists.loading import lint as linted

    problems = list(linted(Project.find()))
    print_result({"problems": problems}, "\n".join(map(str, problems)), as_json=as_json)
    raise typer.Exit(ExitStatus.wrong_request if problems else ExitStatus.done)


def _sign(item: str, decision: "SignatureDecision", note: str, expires: str | None, key: Path | None) -> None:
    from zk0.checklists.verifying import find_item
    from zk0.cli.signing import sign_item

    project = Project.find()
    path = sign_item(project, find_item(project, item)[1], decision, note, expires, key)
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
            table.add_row(_word(item), item.item.id, _message(item))
    output.show(table, "", *evaluated.problems, _summary(evaluated))


def _word(item: "EvaluatedItem") -> Text:
    if item.item.manual:
        return Text(item.word, "green" if item.ticked else "dim")
    return verdict_text(item.verdict)


def _message(item: "EvaluatedItem") -> Text:
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
        "problems": list(evaluated.problems),
        "items": items,
    }


@contextmanager
def _progress() -> "Iterator[Progress]":
    """Show on a terminal which check has finished and how many are left."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal or os.environ.get("TERM") == "dumb":
        yield lambda _name, _done, _all: None
        return
    with console.status("running checks") as status:
        yield lambda name, done, total: status.update(f"{done} of {total} done, {name}")
