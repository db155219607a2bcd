"""Render the memory bank as text or JSON: its entries, and whether they still hold."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import typer
from rich.text import Text

from zk0.cli.output import print_envelope, show, table_of
from zk0.core.project import Project
from zk0.memory.bank import Bank
from zk0.memory.entries import Entry, FactSource, Kind
from zk0.memory.evidence import EvidenceReader
from zk0.memory.freshness import Assessment, Freshness, assess
from zk0.memory.search import Hit
from zk0.memory.verification import VerificationReport

HASH = 12  # digits of a file's hash that are shown
STYLES = {
    Freshness.fresh: "green",
    Freshness.unverifiable: "dim",
    Freshness.stale: "yellow",
    Freshness.contradicted: "red",
}


def show_entries(project: Project, kind: Kind | None, *, as_json: bool) -> None:
    """Print the entries in force of a kind, or all, one per line."""
    chosen = [entry for entry in Bank.of(project).read().in_force if kind in (None, entry.kind)]
    if as_json:
        print_envelope(data=[as_data(entry) for entry in chosen])
    else:
        show(table_of(((entry.id, entry.kind.value, entry.title) for entry in chosen), 3))


def show_hits(hits: Sequence[Hit], *, as_json: bool) -> None:
    """Print what a search found."""
    if as_json:
        print_envelope(data=[vars(hit) for hit in hits])
        return
    for hit in hits:
        typer.echo(f"{hit.id}  {hit.kind}{'' if hit.in_force else ', not in force'}  {hit.title}\n  {hit.snippet}")
    if not hits:
        typer.echo("nothing found", err=True)


def show_entry(project: Project, name: str, now: datetime, *, as_json: bool) -> None:
    """Print an entry, archived ones included, with its freshness."""
    bank = Bank.of(project)
    reading = bank.read()
    if not any(name in entry.id for entry in reading.entries):
        reading = bank.read_archive()
    entry = reading.entry(name)
    assessment = assess(entry, EvidenceReader(project), now)
    newer = [other.id for other in reading.entries if entry.id in other.supersedes]
    if as_json:
        freshness = {"truth": assessment.freshness.value, "reasons": list(assessment.reasons), "superseded_by": newer}
        print_envelope(data=as_data(entry) | freshness)
        return
    origin = entry.generated
    lines = [
        Text(entry.title, "bold"),
        Text(f"{entry.id}, {entry.kind}, {entry.status}, by {origin.by} at {origin.at:%Y-%m-%d %H:%M} UTC", "dim"),
    ]
    lines += [Text(f"superseded by {', '.join(newer)}", "yellow")] if newer else []
    lines += [Text(f"holds until {entry.stale_after:%Y-%m-%d}", "dim")] if entry.stale_after else []
    show(
        *lines,
        "",
        *([entry.body.strip(), ""] if entry.body else []),
        *map(source_line, entry.sources),
        _truth(assessment),
    )


def print_report(report: VerificationReport) -> None:
    """Print the entries that are not fresh, and the counts."""
    for assessment in sorted(report.assessments, key=lambda one: (list(Freshness).index(one.freshness), one.entry.id)):
        if assessment.freshness is not Freshness.fresh:
            show(_truth(assessment, assessment.entry))
    for contradiction in report.contradictions:
        show(Text("contradiction", "red").append(f"  {contradiction}", ""))
    for problem in report.problems:
        show(Text("problem", "red").append(f"  {problem}", ""))
    counts = ", ".join(f"{count} {truth}" for truth, count in report.counts.items())
    show(f"{counts}; {report.superseded} superseded, {len(report.problems)} to repair")


def _truth(assessment: Assessment, entry: Entry | None = None) -> Text:
    line = Text(assessment.freshness.value, STYLES[assessment.freshness])
    if entry:
        line.append(f"  {entry.id}  {entry.title}", "")
    for reason in assessment.reasons:
        line.append(f"\n  {reason}", "")
    return line


def source_line(source: FactSource) -> str:
    """Return a source with what was read from it."""
    value = "" if source.value is None else f" = {source.value}{f' {source.unit}' if source.unit else ''}"
    hashed = f", sha256 {source.sha256[:HASH]}" if source.sha256 else ""
    return f"  {f'{source.name}: ' if source.name else ''}{source.where}{value}{hashed}"


def as_data(entry: Entry) -> dict[str, Any]:
    """Return an entry as plain data."""
    return {"id": entry.id, **entry.model_dump(mode="json", exclude={"id"}, exclude_defaults=True)}
