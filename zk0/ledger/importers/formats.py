"""The importers: which formats there are, how a file's format is recognised, and who reads it.

Another distribution adds a format by an entry point of the group `zk0.importers` that names an `Importer`:

    [project.entry-points."zk0.importers"]
    mine = "my_package.logs:IMPORTER"

Importers are asked in order, those of other distributions first; lines of text are read by all dialects at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.metadata import entry_points

from zk0.core.errors import DependencyMissingError
from zk0.ledger.importers import (
    columns,
    darknet,
    fedprox,
    flower,
    lerobot,
    lightning,
    notebooks,
    numbers,
    nvflare,
    openpi,
    original,
    tables,
    tensorboard,
    wandb,
)
from zk0.ledger.importers.logs import LogFile
from zk0.ledger.importers.reading import FileReport, LogSource
from zk0.ledger.importers.rules import LineReader, Rule
from zk0.ledger.importers.run_builder import RunBuilder
from zk0.ledger.importers.scanning import Scanner
from zk0.ledger.importers.tables import DocumentReader

GROUP = "zk0.importers"
BINARY_SHARE = 0.05  # of control characters at the beginning, above which it is not text; random bytes have 0.08


@dataclass(frozen=True)
class Importer:
    """Reads the output of one program: lines of its logs, whole files, JSON documents, or several of these."""

    name: str  # shown to users as the format
    rules: tuple[Rule, ...] = ()  # for lines of logs that begin with known words
    lines: LineReader | None = None  # for lines of logs that no rule knows
    matches: Callable[[LogSource], bool] | None = None  # whether a file is of its kind
    read: Callable[[LogSource, RunBuilder], FileReport] | None = None  # adds such a file to a run
    documents: DocumentReader | None = None


BUILT_IN = (
    Importer(wandb.NAME, matches=wandb.matches, read=wandb.read),
    Importer(tensorboard.NAME, matches=tensorboard.matches, read=tensorboard.read),
    Importer(flower.NAME, flower.RULES, lines=flower.LINES),
    Importer(original.NAME, original.RULES, documents=original.DOCUMENTS),
    Importer(lerobot.NAME, lerobot.RULES),
    Importer(nvflare.NAME, nvflare.RULES),
    Importer(openpi.NAME, openpi.RULES),
    Importer(lightning.NAME, lightning.RULES),
    Importer(fedprox.NAME, fedprox.RULES),
    Importer(darknet.NAME, darknet.RULES, lines=darknet.LINES),
    Importer(columns.NAME, lines=columns.LINES),
    Importer(numbers.NAME, lines=numbers.LINES),
)


@lru_cache(maxsize=1)
def importers() -> tuple[Importer, ...]:
    """Return all importers; those of other distributions come first.

    Raises:
        DependencyMissingError: the module of another distribution's importer can't be imported.
    """
    added: list[Importer] = []
    for point in entry_points(group=GROUP):
        try:
            added.append(point.load())
        except ImportError as error:
            raise DependencyMissingError(
                f"the importer {point.name!r} ({point.value}) can't be imported: {error}",
                remedy=f"pip install {point.dist.name if point.dist else 'zk0'}",
            ) from error
    documents = [one.documents for one in (*added, *BUILT_IN) if one.documents]
    of_no_program = (
        Importer("JSON lines", matches=tables.looks_like_json_lines, read=tables.read_json_lines),
        Importer("JSON", matches=tables.looks_like_json, read=partial(tables.read_json, documents=documents)),
        Importer("table", matches=tables.looks_like_table, read=tables.read_table),
    )
    return (*added, *BUILT_IN, *of_no_program)


@dataclass
class Runs:
    """The runs in a group of files: one, unless a log contains several starts."""

    found: list[RunBuilder]

    @property
    def current(self) -> RunBuilder:
        """The run that a file adds to."""
        return self.found[-1]

    def add(self) -> RunBuilder:
        """Begin the next run of the same log."""
        first = self.found[0]
        self.found.append(RunBuilder(f"{first.name}, start {len(self.found) + 1}"))
        return self.current


def read_file(source: LogSource, runs: Runs, client: str | None) -> FileReport:
    """Read one file of any format into the current run."""
    if not source.head.strip(b" \r\n\t\x00"):
        return FileReport(source.name, "empty", notes=[*source.notes, "nothing is in it"])
    if notebooks.looks_like_notebook(source) and (text := notebooks.outputs_of(source)) is not None:
        source = LogSource(source.path, source.name, source.notes, text)
        source.note("the outputs of a notebook's cells; lines are counted in them")
    for one in importers():
        if one.matches and one.read and one.matches(source):
            return one.read(source, runs.current)
    if _is_binary(source.head):
        return FileReport(source.name, "binary", unknown=1, notes=["it is not text, and not a known binary log"])
    dialects = [(one.name, one.rules) for one in importers() if one.rules]
    readers = [one.lines for one in importers() if one.lines]
    log = LogFile(source, runs.current, next_run=runs.add, dialects=dialects, readers=readers, client=client)
    return Scanner(log).read()


def _is_binary(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return False
    odd = sum(byte < 8 or 13 < byte < 27 for byte in head[:4096] if byte)  # noqa: PLR2004  ASCII's, which no log has
    return odd > BINARY_SHARE * len(head[:4096])
