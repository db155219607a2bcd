"""The registry of formats: what a file is, told from its content, and who reads it.

A format is asked in order; text is what is left. A new one is a module with two functions and a line here.
"""

from collections.abc import Callable
from dataclasses import dataclass

from zk0.ledger.importers import flower, lerobot, original_logs, tables, tensorboard, wandb
from zk0.ledger.importers.logs import LogFile
from zk0.ledger.importers.reading import Source
from zk0.ledger.importers.report import FileReport
from zk0.ledger.importers.run_builder import Run

DIALECTS = (
    (flower.NAME, flower.RULES),
    (original_logs.NAME, original_logs.RULES),
    (lerobot.NAME, lerobot.RULES),
)
TEXT = "text"
BINARY_SHARE = 0.05  # of control characters in the beginning, above which it is no text; random bytes have 0.08


@dataclass
class Runs:
    """The runs that a group of files turns out to hold: one, unless a log tells of several starts."""

    found: list[Run]

    @property
    def current(self) -> Run:
        """The run that a file adds to."""
        return self.found[-1]

    def another(self) -> Run:
        """Begin the next run of the same log."""
        first = self.found[0]
        self.found.append(Run(f"{first.name}, start {len(self.found) + 1}"))
        return self.current


@dataclass(frozen=True)
class Format:
    """How a kind of file is known, and read."""

    name: str
    knows: Callable[[Source], bool]
    read: Callable[[Source, Run], FileReport]


FORMATS = (
    Format(wandb.NAME, wandb.knows, wandb.read),
    Format(tensorboard.NAME, tensorboard.knows, tensorboard.read),
    Format("JSON lines", tables.looks_like_json_lines, tables.read_json_lines),
    Format("JSON", tables.looks_like_json, tables.read_json),
    Format("table", tables.looks_like_table, tables.read_table),
)


def read(source: Source, runs: Runs, client: str | None) -> FileReport:
    """Read one file into the current run, whatever it is."""
    if not source.head.strip(b" \r\n\t\x00"):
        return FileReport(source.name, "empty", notes=["nothing is in it"])
    for one in FORMATS:
        if one.knows(source):
            return one.read(source, runs.current)
    if _is_binary(source.head):
        return FileReport(source.name, "binary", unknown=1, notes=["it is no text, and no binary log that is known"])
    return _read_log(source, runs, client)


def _read_log(source: Source, runs: Runs, client: str | None) -> FileReport:
    log = LogFile(source, runs.current, restarted=runs.another, dialects=DIALECTS, client=client)
    log.read()
    spoken = [name for name, _ in log.dialects.most_common()]
    return FileReport(
        source.name,
        f"{' and '.join(spoken)} log" if spoken else TEXT,
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
