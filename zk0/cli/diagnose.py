"""`zk0 diagnose`: what is wrong with a run, a log or a ledger, and what repairs it."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from zk0.cli.findings import Diagnosed, in_a_line, show_diagnosed
from zk0.cli.findings import as_json as plain
from zk0.cli.output import JsonOption, print_envelope
from zk0.core.errors import ExitStatus, LedgerError
from zk0.core.project import Project
from zk0.core.verdicts import Verdict
from zk0.diagnostics.diagnosis import diagnose as judged
from zk0.ledger.importers import FileReport, import_ledgers
from zk0.ledger.importers.reading import STDIN
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
    silent = [file for one in imported if not one.ledger.events for file in one.files]
    found = [Diagnosed(one, judged(one.ledger, only=only or ())) for one in imported if one.ledger.events]
    if not found:
        _refuse(silent)
    if as_json:
        print_envelope(data={"runs": [plain(one) for one in found], "not_understood": [vars(file) for file in silent]})
    else:
        show_diagnosed(found, silent)
    bad = (Verdict.failed, Verdict.error, *((Verdict.warned,) if strict else ()))
    if any(finding.verdict in bad for one in found for finding in one.diagnosis.problems):
        raise typer.Exit(ExitStatus.failed)


def _path(given: str) -> Path:
    """Return the path of what was named: a file or folder as it is, else the run of that id."""
    path = Path(given).expanduser()
    if given == STDIN or path.exists() or "/" in given or path.suffix:
        return path
    return find_run(Project.find(), given).path


def _refuse(silent: list[FileReport]) -> NoReturn:
    """Refuse to call something well of which nothing was understood.

    Raises:
        LedgerError: always.
    """
    examples = [f"  {example}" for file in silent for example in file.examples]
    raise LedgerError(
        "nothing in it tells of a run\n  " + "\n  ".join([*map(in_a_line, silent), *examples[:5]]),
        remedy="docs/diagnose.md lists what can be read",
    )
