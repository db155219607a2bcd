"""`zk0 diagnose`: what is wrong with a run, a log or a ledger, and what repairs it."""

from pathlib import Path
from typing import Annotated

import typer

from zk0.cli.findings import Diagnosed, show_diagnosed
from zk0.cli.findings import as_json as plain
from zk0.cli.output import JsonOption, print_envelope
from zk0.diagnostics.diagnosis import diagnose as judged
from zk0.errors import ExitStatus, LedgerError
from zk0.ledger.importers import ImportedLedger, import_ledgers
from zk0.ledger.importers.reading import STDIN
from zk0.project import Project
from zk0.verdicts import Verdict
from zk0.workflow.run import find_run

PathsArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH|RUN…", help="Logs, tables, ledgers or folders of them; `-` for stdin; a run's id, or `latest`."
    ),
]
OnlyOption = Annotated[list[str] | None, typer.Option("--only", metavar="ID", help="Only this diagnostic; repeatable.")]
StrictOption = Annotated[bool, typer.Option("--strict", help="Let warnings end in exit status 1 too.")]


def diagnose(
    paths: PathsArgument, *, only: OnlyOption = None, strict: StrictOption = False, as_json: JsonOption = False
) -> None:
    """Say what is wrong with a run, a log or a table of metrics, the root cause first, and what repairs it."""
    imported = import_ledgers([_path(given) for given in paths])
    _refuse_silence(imported)
    found = [Diagnosed(one, judged(one.ledger, only=only or ())) for one in imported]
    if as_json:
        print_envelope(data={"runs": [plain(one) for one in found]})
    else:
        show_diagnosed(found)
    bad = (Verdict.failed, Verdict.error, *((Verdict.warned,) if strict else ()))
    if any(finding.verdict in bad for one in found for finding in one.diagnosis.problems):
        raise typer.Exit(ExitStatus.failed)


def _path(given: str) -> Path:
    """Return the path of what was named: a file or folder as it is, else the run of that id."""
    path = Path(given).expanduser()
    if given == STDIN or path.exists() or "/" in given or path.suffix:
        return path
    return find_run(Project.find(), given).path


def _refuse_silence(imported: list[ImportedLedger]) -> None:
    """Refuse to call something well of which nothing was understood.

    Raises:
        LedgerError: no file told anything of a run.
    """
    if any(one.ledger.events for one in imported):
        return
    told = [
        f"{file.name}: {file.format}, {file.unknown} lines not understood" for one in imported for file in one.files
    ]
    examples = [f"  {example}" for one in imported for file in one.files for example in file.examples]
    raise LedgerError(
        "nothing in it tells of a run\n  " + "\n".join([*told, *examples[:5]]),
        remedy="docs/diagnose.md lists what can be read",
    )
