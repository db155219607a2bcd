"""`zk0 diagnose`: what is wrong with a run, a log or a ledger, the root cause first, with its evidence and repair."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.text import Text

from zk0.cli.diagnosed import DiagnosedRun
from zk0.cli.diagnosis_formats import RENDERERS, Format, describe, summary_table
from zk0.cli.output import JsonOption, print_envelope, show, verdict_text
from zk0.core.errors import ExitStatus, LedgerError
from zk0.core.project import Project
from zk0.core.verdicts import Evidence, Finding, Verdict
from zk0.diagnostics import diagnosis
from zk0.diagnostics.outcome import RunOutcome
from zk0.ledger.importers import FileReport, ImportedLedger, import_ledgers
from zk0.ledger.importers.reading import STDIN
from zk0.workflow.run import find_run

MOST_WITHOUT_SUMMARY = 8  # runs; of more the summary comes first
MOST_EVIDENCE = 6  # of one finding; `--json` has all

PathsArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH|RUN…", help="Logs, tables, ledgers or folders of them; `-` for stdin; a run's id, or `latest`."
    ),
]
OnlyOption = Annotated[list[str] | None, typer.Option("--only", metavar="ID", help="Only this diagnostic; repeatable.")]
SummaryOption = Annotated[bool, typer.Option("--summary", help="One line for each run, and nothing else.")]
FormatOption = Annotated[
    Format, typer.Option("--format", help="`markdown` for an issue or a job's summary, `sarif` for code scanning.")
]
StrictOption = Annotated[bool, typer.Option("--strict", help="Exit with status 1 on warnings too.")]


def diagnose(
    paths: PathsArgument,
    *,
    only: OnlyOption = None,
    strict: StrictOption = False,
    summary: SummaryOption = False,
    output: FormatOption = Format.text,
    as_json: JsonOption = False,
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
    elif output is not Format.text:
        typer.echo(RENDERERS[output](diagnosed, empty))
    else:
        _print(diagnosed, empty, only_summary=summary)
    if status := _exit_status([one.diagnosis.whole.outcome for one in diagnosed], unread=bool(empty), strict=strict):
        raise typer.Exit(status)


def _exit_status(outcomes: list[RunOutcome], *, unread: bool, strict: bool) -> ExitStatus:
    """Return the status of the worst run; a run that can't be judged and a file that was not read are never 0."""
    if RunOutcome.failed in outcomes or (strict and RunOutcome.doubtful in outcomes):
        return ExitStatus.failed
    return ExitStatus.missing if unread or RunOutcome.unknown in outcomes else ExitStatus.done


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
        "no run found in it\n  " + "\n  ".join([*map(describe, empty), *examples[:5]]),
        remedy="docs/diagnosis.md lists the formats that zk0 reads",
    )


def _print(diagnosed: list[DiagnosedRun], empty: list[FileReport], *, only_summary: bool) -> None:
    if only_summary or len(diagnosed) > MOST_WITHOUT_SUMMARY:
        show(summary_table(diagnosed))
    shown = diagnosed
    if only_summary:
        shown = []
    elif len(diagnosed) > MOST_WITHOUT_SUMMARY:
        shown = [one for one in diagnosed if one.diagnosis.problems]
        show("", f"{len(diagnosed) - len(shown)} runs without a finding are in the table only")
    for number, one in enumerate(shown):
        show(*([""] if number or len(shown) < len(diagnosed) else []), *_run_lines(one))
    if empty:
        show("", "not judged, since no run was found in:", *(f"  {describe(file)}" for file in empty))


def _run_lines(one: DiagnosedRun) -> Iterator[Text]:
    yield Text(one.imported.ledger.source, "bold")
    yield Text(f"  {_contents(one.imported)}", "dim")
    problems = one.diagnosis.problems
    for finding in problems:
        yield Text("")
        yield from _problem(one, finding)
    whole = one.diagnosis.whole
    if whole.outcome in (RunOutcome.healthy, RunOutcome.unknown):
        yield Text("")
        yield Text(whole.sentence, "green" if whole.outcome is RunOutcome.healthy else "yellow")
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
