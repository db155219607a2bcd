"""`zk0 runs prune`: remove runs that nobody needs any more."""

from collections import Counter
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.filesize import decimal

from zk0.cli.options import parse_time
from zk0.cli.output import JsonOption, print_envelope, show, table_of
from zk0.core.project import Project

KEEP = 20  # runs; as many as `zk0 runs` lists

KeepOption = Annotated[int, typer.Option("--keep", min=0, help="How many of the newest runs stay.")]
OlderOption = Annotated[
    str | None, typer.Option("--older-than", metavar="30d|DATE", help="Remove only runs that began before.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Print what would be removed, and remove nothing.")]


def prune(
    *,
    keep: KeepOption = KEEP,
    older_than: OlderOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Remove old runs; those that wait, are in progress, or are cited as evidence always stay."""
    from zk0.workflow.pruning import remove_remains, remove_runs, runs_to_prune

    project = Project.find()
    before = parse_time(older_than, datetime.now(UTC), past=True) if older_than else None
    runs = runs_to_prune(project, cited=cited_runs(project), newest=keep, before=before)
    chosen = [run for run in runs if not run.kept]
    if not dry_run:
        remove_remains(project)
        chosen = list(remove_runs(chosen))
    size = sum(run.size for run in chosen)
    if as_json:
        data = {
            "dry_run": dry_run,
            "removed": [{"run": run.directory.id, "bytes": run.size} for run in chosen],
            "kept": [{"run": run.directory.id, "bytes": run.size, "reason": run.kept} for run in runs if run.kept],
            "bytes": size,
        }
        print_envelope(data=data)
        return
    verb = "would be removed" if dry_run else "removed"
    reasons = Counter(run.kept for run in runs if run.kept)
    kept = ", ".join(f"{reason} ({count})" for reason, count in reasons.most_common())
    summary = f"{len(chosen)} of {len(runs)} runs {verb}, {decimal(size)}{f'; kept: {kept}' if kept else ''}"
    show(table_of(((run.directory.id, decimal(run.size)) for run in chosen), 2), summary)


def cited_runs(project: Project) -> set[str]:
    """Return the runs whose receipts the memory bank or a checklist cites now.

    Raises:
        SpecError: a checklist is not valid, so it is not known what it cites.
    """
    from zk0.checklists.loading import checklist_names, load_checklist
    from zk0.checklists.verifying import decide
    from zk0.core.receipts import ReceiptStore
    from zk0.memory.bank import Bank

    entries = Bank.of(project).read().in_force
    runs = {entry.run.id for entry in entries if entry.run}
    digests = {source.receipt for entry in entries for source in entry.sources if source.receipt}
    for name in checklist_names(project):
        for item in decide(project, load_checklist(project, name)).items:
            runs |= {line.run for line in item.evidence}
    places = ReceiptStore(project.runs_dir).paths()
    return runs | {places[digest].relative_to(project.runs_dir).parts[0] for digest in digests if digest in places}
