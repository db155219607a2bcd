"""Render the memory bank as text or JSON: its entries, their freshness and its statistics."""

from datetime import datetime
from typing import Any

from rich.text import Text

from zk0.cli.output import columns, print_envelope, show, table_of
from zk0.core.project import Project
from zk0.memory.bank import Bank
from zk0.memory.entries import Entry, FactSource, Kind
from zk0.memory.evidence import EvidenceReader
from zk0.memory.freshness import Assessment, Freshness, assess
from zk0.memory.verification import VerificationReport

STYLES = {
    Freshness.fresh: "green",
    Freshness.unverifiable: "dim",
    Freshness.stale: "yellow",
    Freshness.contradicted: "red",
}


def show_entries(project: Project, kind: Kind | None, *, everything: bool, as_json: bool) -> None:
    """Print the entries of a kind, or all, one per line."""
    reading = Bank.of(project).read()
    in_force = {entry.id for entry in reading.in_force}
    chosen = [
        entry
        for entry in sorted(reading.entries, key=lambda entry: (entry.generated.at, entry.id))
        if (everything or entry.id in in_force) and kind in (None, entry.kind)
    ]
    if as_json:
        entries = [_as_json(entry) | {"in_force": entry.id in in_force} for entry in chosen]
        print_envelope(data={"revision": reading.revision, "entries": entries})
        return
    rows = ((entry.id, entry.kind.value, Text(entry.title, "" if entry.id in in_force else "dim")) for entry in chosen)
    show(table_of(rows, 3), Text(f"revision {reading.revision}", "dim"))


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
        print_envelope(data=_as_json(entry) | freshness)
        return
    origin = entry.generated
    lines = [
        Text(entry.title, "bold"),
        Text(f"{entry.id}, {entry.kind}, {entry.status}, by {origin.by} at {origin.at:%Y-%m-%d %H:%M} UTC", "dim"),
    ]
    lines += [Text(f"checked by {mark.by} at {mark.at:%Y-%m-%d %H:%M} UTC", "dim") for mark in entry.verified]
    lines += [Text(f"superseded by {', '.join(newer)}", "yellow")] if newer else []
    lines += [Text(f"holds until {entry.stale_after:%Y-%m-%d}", "dim")] if entry.stale_after else []
    show(
        *lines, "", *([entry.body.strip(), ""] if entry.body else []), *map(_source, entry.sources), _truth(assessment)
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


def print_stats(stats: dict[str, Any]) -> None:
    """Print a bank's counts and sizes."""
    table = columns(0, 0)
    for name, value in stats.items():
        counts = value.items() if isinstance(value, dict) else ()
        text = ", ".join(f"{key} {count}" for key, count in counts if count)
        table.add_row(name.replace("_", " "), text if isinstance(value, dict) else str(value))
    show(table)


def _truth(assessment: Assessment, entry: Entry | None = None) -> Text:
    line = Text(assessment.freshness.value, STYLES[assessment.freshness])
    if entry:
        line.append(f"  {entry.id}  {entry.title}", "")
    for reason in assessment.reasons:
        line.append(f"\n  {reason}", "")
    return line


def _source(source: FactSource) -> Text:
    value = "" if source.value is None else f" = {source.value}{f' {source.unit}' if source.unit else ''}"
    return Text(f"  {f'{source.name}: ' if source.name else ''}{source.where}{value}")


def _as_json(entry: Entry) -> dict[str, Any]:
    return {"id": entry.id, **entry.model_dump(mode="json", exclude={"id"}, exclude_defaults=True)}
