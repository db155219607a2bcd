"""The importers: which formats there are, how a file's format is recognised, and who reads it.

Another distribution adds a format by an entry point of the group `zk0.importers` that names an `Importer`:

    [project.entry-points."zk0.importers"]
    mine = "my_package.logs:IMPORTER"

Importers are asked in order, those of other distributions first; lines of text are read by all dialects at once.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.metadata import entry_points

from zk0.core.errors import DependencyMissingError
from zk0.ledger.importers import flower, lerobot, original, tables, tensorboard, wandb
from zk0.ledger.importers.logs import LogFile, Rule
from zk0.ledger.importers.reading import FileReport, LogSource
from zk0.ledger.importers.run_builder import RunBuilder
from zk0.ledger.importers.tables import DocumentReader

GROUP = "zk0.importers"
TEXT = "text"
BINARY_SHARE = 0.05  # of control characters at the beginning, above which it is not text; random bytes have 0.08


@dataclass(frozen=True)
class Importer:
    """Reads the output of one program: lines of its logs, whole files, JSON documents, or several of these.

    Attributes:
        name: shown to users as the format.
        rules: the meaning of its log lines.
        matches: whether a file is of its kind.
        read: adds such a file to a run.
        documents: reads its JSON files.
    """

    name: str
    rules: tuple[Rule, ...] = ()
    matches: Callable[[LogSource], bool] | None = None
    read: Callable[[LogSource, RunBuilder], FileReport] | None = None
    documents: DocumentReader | None = None


BUILT_IN = (
    Importer(wandb.NAME, matches=wandb.matches, read=wandb.read),
    Importer(tensorboard.NAME, matches=tensorboard.matches, read=tensorboard.read),
    Importer(flower.NAME, flower.RULES),
    Importer(original.NAME, original.RULES, documents=original.DOCUMENTS),
    Importer(lerobot.NAME, lerobot.RULES),
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
    return (*added, *BUILT_IN, *_generic([*added, *BUILT_IN]))


def _generic(known: Iterable[Importer]) -> Iterable[Importer]:
    """Yield the importers of formats that belong to no program."""
    documents = [one.documents for one in known if one.documents]
    yield Importer("JSON lines", matches=tables.looks_like_json_lines, read=tables.read_json_lines)
    yield Importer("JSON", matches=tables.looks_like_json, read=partial(tables.read_json, documents=documents))
    yield Importer("table", matches=tables.looks_like_table, read=tables.read_table)


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
        return FileReport(source.name, "empty", notes=["nothing is in it"])
    for one in importers():
        if one.matches and one.read and one.matches(source):
            return one.read(source, runs.current)
    if _is_binary(source.head):
        return FileReport(source.name, "binary", unknown=1, notes=["it is not text, and not a known binary log"])
    return _read_log(source, runs, client)


def _read_log(source: LogSource, runs: Runs, client: str | None) -> FileReport:
    dialects = [(one.name, one.rules) for one in importers() if one.rules]
    log = LogFile(source, runs.current, next_run=runs.add, dialects=dialects, client=client)
    log.read()
    names = [name for name, _ in log.dialects.most_common()]
    return FileReport(
        source.name,
        f"{' and '.join(names)} log" if names else TEXT,
        understood=log.understood,
        noise=log.noise,
        unknown=log.unknown.lines,
        examples=log.unknown.examples,
        notes=source.notes,
    )


def _is_binary(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return False
    odd = sum(byte < 9 or 13 < byte < 27 for byte in head[:4096] if byte)  # noqa: PLR2004  ASCII's control characters
    return odd > BINARY_SHARE * len(head[:4096])
