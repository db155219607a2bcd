"""`zk0 diagnose`: what is wrong with a run, a log or a ledger, the root cause first, with its evidence and repair."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.text import Text

from zk0.cli.output import JsonOption, print_envelope, show, verdict_text
from zk0.core.errors import ExitStatus, LedgerError
from zk0.core.project import Project
from zk0.core.verdicts import Evidence, Finding, Verdict
from zk0.diagnostics import diagnosis
from zk0.diagnostics.diagnosis import Diagnosis
from zk0.ledger import Evaluation, Training
from zk0.ledger.importers import FileReport, ImportedLedger, import_ledgers
from zk0.ledger.importers.reading import STDIN
from zk0.workflow.run import find_run

MOST_EVIDENCE = 6  # of one finding; `--json` has all

PathsArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH|RUN…", help="Logs, tables, ledgers or folders of them; `-` for stdin; a run's id, or `latest`."
    ),
]
OnlyOption = Annotated[list[str] | None, typer.Option("--only", metavar="ID", help="Only this diagnostic; repeatable.")]
StrictOption = Annotated[bool, typer.Option("--strict", help="Exit with status 1 on warnings too.")]


@dataclass(frozen=True)
class DiagnosedRun:
    """An imported run with its diagnosis."""

    imported: ImportedLedger
    diagnosis: Diagnosis

    def line_of(self, at: str, name: str = "") -> str:
        """Return `file:line` of the event at `at`, preferring the round that `name` mentions; empty if unknown."""
        events = [event for event in self.imported.ledger.events if at in _names(event)]
        number = re.search(r"round (\d+)", name)
        exact = [event for event in events if number and getattr(event, "round", None) == int(number[1])]
        lines = (getattr(event, "read_from", None) for event in (*exact, *events))
        return next((str(line) for line in lines if line), "")

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        root = self.diagnosis.root
        return {
            "run": self.imported.ledger.source,
            "root": None if root is None else root.model_dump(mode="json"),
            "findings": [
                {**finding.model_dump(mode="json"), "read_from": self.line_of(finding.at)}
                for finding in self.diagnosis.findings
            ],
            "suppressed": [
                {"finding": each.finding.model_dump(mode="json"), "by": each.by, "reason": each.reason}
                for each in self.diagnosis.suppressed
            ],
            "not_available": [finding.model_dump(mode="json") for finding in self.diagnosis.unanswered],
            "files": [vars(file) for file in self.imported.files],
            "notes": list(self.imported.notes),
            "events": len(self.imported.ledger.events),
        }


def diagnose(
    paths: PathsArgument, *, only: OnlyOption = None, strict: StrictOption = False, as_json: JsonOption = False
) -> None:
    """Diagnose a run, a log or a table of metrics: the root cause first, and its repair."""
    imported = import_ledgers([_resolve(path) for path in paths])
    empty = [file for one in imported if not one.ledger.events for file in one.files]
    diagnosed = [
        DiagnosedRun(one, diagnosis.diagnose(one.ledger, only=only or ())) for one in imported if one.ledger.events
    ]
    if not diagnosed:
        _refuse(empty)
    if as_json:
        print_envelope(data={"runs": [one.as_json() for one in diagnosed], "not_understood": [*map(vars, empty)]})
    else:
        _print(diagnosed, empty)
    bad = (Verdict.failed, Verdict.error, *((Verdict.warned,) if strict else ()))
    if any(finding.verdict in bad for one in diagnosed for finding in one.diagnosis.problems):
        raise typer.Exit(ExitStatus.failed)


def _resolve(name: str) -> Path:
    """Return the path of a file or folder, else that of the run with this id."""
    path = Path(name).expanduser()
    if name == STDIN or path.exists() or "/" in name or path.suffix:
        return path
    return find_run(Project.find(), name).path


def _refuse(empty: list[FileReport]) -> NoReturn:
    """Refuse files without a run: "nothing wrong" must not be said about input that was not understood.

    Raises:
        LedgerError: always.
    """
    examples = [f"  {example}" for file in empty for example in file.examples]
    raise LedgerError(
        "no run found in it\n  " + "\n  ".join([*map(_describe, empty), *examples[:5]]),
        remedy="docs/diagnosis.md lists the formats that zk0 reads",
    )


def _print(diagnosed: list[DiagnosedRun], empty: list[FileReport]) -> None:
    for number, one in enumerate(diagnosed):
        show(*([""] if number else []), *_run_lines(one))
    if empty:
        show("", "no run found in:", *(f"  {_describe(file)}" for file in empty))


def _describe(file: FileReport) -> str:
    return f"{file.name}: {file.format}, {file.unknown} lines not understood"


def _run_lines(one: DiagnosedRun) -> Iterator[Text]:
    yield Text(one.imported.ledger.source, "bold")
    yield Text(f"  {_contents(one.imported)}", "dim")
    problems = one.diagnosis.problems
    for finding in problems:
        yield Text("")
        yield from _problem(one, finding)
    if not problems:
        yield Text("")
        yield Text("nothing wrong found", "green")
    if one.diagnosis.suppressed:
        yield Text("")
        yield Text("consequences:", "bold")
        for each in one.diagnosis.suppressed:
            about = f"{each.finding.check} {each.finding.at}".strip()
            yield Text(f"  {about}: {each.finding.message} ({each.reason})")
    yield Text("")
    yield from _rest(one)


def _contents(imported: ImportedLedger) -> str:
    ledger = imported.ledger
    clients = len({training.client for training in ledger.trainings})
    rounds = len({number for event in ledger.events if (number := getattr(event, "round", None))})
    lines = f"{imported.understood} understood, {imported.noise} irrelevant, {imported.unknown} not understood"
    counts = [
        f"{number} {unit}{'s' * (number > 1)}" for number, unit in ((clients, "client"), (rounds, "round")) if number
    ]
    return "; ".join(filter(None, (", ".join(imported.formats), ", ".join(counts), f"lines: {lines}")))


def _problem(one: DiagnosedRun, finding: Finding) -> Iterator[Text]:
    head = Text().append(verdict_text(finding.verdict)).append(f" {finding.check}", "bold")
    yield head.append(f"  {finding.at}" if finding.at else "")
    yield Text(f"  {finding.message}")
    if finding.cause:
        yield Text(f"  because {finding.cause}")
    for evidence in [each for each in finding.evidence if each.value is not None][:MOST_EVIDENCE]:
        yield Text(f"    {_evidence(one, evidence)}", "dim")
    if finding.remedy:
        yield Text(f"  → {finding.remedy}")
    if finding.workflow:
        yield Text(f"  → zk0 run {finding.workflow}")


def _evidence(one: DiagnosedRun, evidence: Evidence) -> str:
    line = one.line_of(evidence.at, evidence.name) if evidence.at else ""
    place = f"{evidence.at} ({line})" if line else evidence.at
    return f"{evidence.name}: {evidence.amount}" + (f"  [{place}]" if place else "")


def _rest(one: DiagnosedRun) -> Iterator[Text]:
    well = [finding.check for finding in one.diagnosis.findings if finding.verdict is Verdict.passed]
    if well:
        yield Text(f"passed: {', '.join(dict.fromkeys(well))}", "green")
    silent = {finding.check for finding in one.diagnosis.unanswered}
    if silent:
        yield Text(f"{len(silent)} diagnostics lack data; --json lists what they need", "dim")
    for note in (*one.imported.notes, *(note for file in one.imported.files for note in file.notes)):
        yield Text(f"note: {note}", "dim")
    for file in one.imported.files:
        if file.unknown:
            yield Text(f"not understood in {file.name}: {file.unknown} lines, such as", "dim")
            yield from (Text(f"  {example}", "dim") for example in file.examples)


def _names(event: object) -> tuple[str, ...]:
    """Return the names by which findings refer to an event."""
    match event:
        case Training():
            return (f"{event.client}, round {event.round}", event.client)
        case Evaluation():
            return (event.dataset, f"{event.dataset}, round {event.round}")
    number = getattr(event, "round", None)
    return (f"round {number}",) if number is not None else ()
