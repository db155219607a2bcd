"""Entries of the memory bank as a terminal shows them."""

from datetime import datetime
from typing import Any

from rich.text import Text

from zk0.cli.output import columns, print_envelope, show
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
    """Print the entries of a kind, or all, one a line."""
    reading = Bank.of(project).read()
    counting = {entry.id for entry in reading.in_force}
    chosen = [
        entry
        for entry in sorted(reading.entries, key=lambda entry: (entry.generated.at, entry.id))
        if (everything or entry.id in counting) and kind in (None, entry.kind)
    ]
    if as_json:
        entries = [_as_json(entry) | {"in_force": entry.id in counting} for entry in chosen]
        print_envelope(data={"revision": reading.revision, "entries": entries})
        return
    table = columns(0, 0, 0)
    for entry in chosen:
        table.add_row(entry.id, entry.kind.value, Text(entry.title, "" if entry.id in counting else "dim"))
    show(table, Text(f"revision {reading.revision}", "dim"))


def show_entry(project: Project, name: str, now: datetime, *, as_json: bool) -> None:
    """Print one entry, also an archived one, with what its evidence says now."""
    bank = Bank.of(project)
    reading = bank.read()
    if not any(name in entry.id for entry in reading.entries):
        reading = bank.read_archive()
    entry = reading.entry(name)
    assessment = assess(entry, EvidenceReader(project), now)
    newer = [other.id for other in reading.entries if entry.id in other.supersedes]
    if as_json:
        told = {"truth": assessment.freshness.value, "reasons": list(assessment.reasons), "superseded_by": newer}
        print_envelope(data=_as_json(entry) | told)
        return
    said = entry.generated
    lines = [
        Text(entry.title, "bold"),
        Text(f"{entry.id}, {entry.kind}, {entry.status}, by {said.by} at {said.at:%Y-%m-%d %H:%M} UTC", "dim"),
    ]
    lines += [Text(f"checked by {mark.by} at {mark.at:%Y-%m-%d %H:%M} UTC", "dim") for mark in entry.verified]
    lines += [Text(f"superseded by {', '.join(newer)}", "yellow")] if newer else []
    lines += [Text(f"holds until {entry.stale_after:%Y-%m-%d}", "dim")] if entry.stale_after else []
    show(
        *lines, "", *([entry.body.strip(), ""] if entry.body else []), *map(_source, entry.sources), _truth(assessment)
    )


def print_report(report: VerificationReport) -> None:
    """Print what verifying found: what is not fresh, and the counts."""
    for assessment in sorted(report.assessments, key=lambda one: (list(Freshness).index(one.freshness), one.entry.id)):
        if assessment.freshness is not Freshness.fresh:
            show(_truth(assessment, assessment.entry))
    for contradiction in report.contradictions:
        show(Text("contradiction", "red").append(f"  {contradiction}", ""))
    for problem in report.problems:
        show(Text("problem", "red").append(f"  {problem}", ""))
    counts = ", ".join(f"{count} {truth}" for truth, count in report.counts.items())
    show(f"{counts}; {report.superseded} superseded, {len(report.problems)} to repair")


def print_stats(counted: dict[str, Any]) -> None:
    """Print the counts and sizes of a bank."""
    table = columns(0, 0)
    for name, value in counted.items():
        told = (
            ", ".join(f"{key} {count}" for key, count in value.items() if count) if isinstance(value, dict) else value
        )
        table.add_row(name.replace("_", " "), str(told))
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
