"""Print to stdout: text for people, or one JSON object for programs."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from zk0.core.pages import visible_lines
from zk0.core.verdicts import Verdict
from zk0.reports.progress import STYLES

SCHEMA_VERSION = 1
PIPE_WIDTH = 200  # columns, when stdout is not a terminal

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def print_envelope(**content: object) -> None:
    """Print a command's JSON object: `data=` or `error=`."""
    text = json.dumps({"schema_version": SCHEMA_VERSION, **content}, ensure_ascii=False)
    # GitHub Actions takes ##[…] for a command, wherever it is; escaped, it is the same JSON.
    sys.stdout.write(text.replace("##[", "#\\u0023[") + "\n")
    sys.stdout.flush()


def print_texts(texts: Iterable[tuple[str, Iterable[str]]]) -> None:
    """Print a command's JSON object whose data are long texts by name, piece by piece.

    Every # is escaped: ##[…] may be parted between two pieces.
    """
    sys.stdout.write(f'{{"schema_version": {SCHEMA_VERSION}, "data": [')
    for number, (name, pieces) in enumerate(texts):
        sys.stdout.write(f'{", " if number else ""}{{"log": {_escaped(name)}, "text": "')
        for piece in pieces:
            sys.stdout.write(_escaped(piece)[1:-1])
        sys.stdout.write('"}')
    sys.stdout.write("]}\n")
    sys.stdout.flush()


def _escaped(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("#", "\\u0023")


def print_result(data: object, text: str, *, as_json: bool) -> None:
    """Print a command's result: its data as JSON, else its text."""
    if as_json:
        print_envelope(data=data)
    elif text:
        typer.echo(visible_lines(text))


def show(*parts: RenderableType) -> None:
    """Print text for people, one part below the other, without trailing blanks."""
    screen = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False, markup=False)
    with screen.capture() as captured:
        screen.print(*map(_Visible, parts), sep="\n")
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


class _Visible:
    """A part of the output, with the characters that a terminal would obey written out."""

    def __init__(self, part: RenderableType) -> None:
        self.part = part

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for segment in console.render(self.part, options):
            yield segment if segment.control else Segment(visible_lines(segment.text), segment.style)


def columns(*widths: int) -> Table:
    """Return an empty table without lines; a column of width 0 is as wide as its content."""
    table = Table.grid(padding=(0, 2))
    for width in widths:
        table.add_column(min_width=width or None, overflow="fold")
    return table


def table_of(rows: Iterable[Sequence[RenderableType]], width: int) -> Table:
    """Return a table of these rows, with `width` columns."""
    table = columns(*[0] * width)
    for row in rows:
        table.add_row(*row)
    return table


def verdict_text(verdict: Verdict | None, absent: str = "") -> Text:
    """Return a verdict in its colour."""
    return Text(verdict.value, STYLES[verdict]) if verdict else Text(absent, "dim")
