"""A diagnosis for people and for programs: the root cause first, its evidence with file and line, what repairs it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from zk0.cli.output import show, verdict_text
from zk0.core.verdicts import Evidence, Finding, Verdict
from zk0.diagnostics.diagnosis import Diagnosis
from zk0.ledger import Evaluation, Training
from zk0.ledger.importers import FileReport, ImportedLedger

MOST_EVIDENCE = 6  # of one finding; `--json` has all


@dataclass(frozen=True)
class Diagnosed:
    """A run that was read, and what is wrong with it."""

    imported: ImportedLedger
    diagnosis: Diagnosis

    def line_of(self, at: str, name: str = "") -> str:
        """Return `file:line` of the event that evidence calls `at`, of the round in its name; empty where none is."""
        found = [event for event in self.imported.ledger.events if at in _names(event)]
        number = re.search(r"round (\d+)", name)
        exact = [event for event in found if number and getattr(event, "round", None) == int(number[1])]
        lines = (getattr(event, "read_from", None) for event in (*exact, *found))
        return next((str(line) for line in lines if line), "")


def as_json(one: Diagnosed) -> dict[str, Any]:
    """Return it as plain data."""
    diagnosis, imported = one.diagnosis, one.imported
    root = diagnosis.root
    return {
        "run": imported.ledger.source,
        "root": None if root is None else root.model_dump(mode="json"),
        "findings": [
            {**finding.model_dump(mode="json"), "read_from": one.line_of(finding.at)} for finding in diagnosis.findings
        ],
        "suppressed": [
            {"finding": each.finding.model_dump(mode="json"), "by": each.by, "reason": each.reason}
            for each in diagnosis.suppressed
        ],
        "not_available": [finding.model_dump(mode="json") for finding in diagnosis.unanswered],
        "files": [vars(file) for file in imported.files],
        "notes": list(imported.notes),
        "events": len(imported.ledger.events),
    }


def show_diagnosed(found: list[Diagnosed], silent: list[FileReport]) -> None:
    """Print diagnoses, one run below the other, then the files that tell of none."""
    for number, one in enumerate(found):
        show(*([""] if number else []), *_run(one))
    if silent:
        show("", "nothing in these tells of a run:", *(f"  {in_a_line(file)}" for file in silent))


def in_a_line(file: FileReport) -> str:
    """Return what a file is, of which nothing was understood."""
    return f"{file.name}: {file.format}, {file.unknown} lines not understood"


def _run(one: Diagnosed) -> Iterator[Text]:
    yield Text(one.imported.ledger.source, "bold")
    yield Text(f"  {_read(one.imported)}", "dim")
    problems = one.diagnosis.problems
    for finding in problems:
        yield Text("")
        yield from _problem(one, finding)
    if not problems:
        yield Text("")
        yield Text("nothing wrong that can be seen in it", "green")
    if one.diagnosis.suppressed:
        yield Text("")
        yield Text("follows from that:", "bold")
        for each in one.diagnosis.suppressed:
            about = f"{each.finding.check} {each.finding.at}".strip()
            yield Text(f"  {about}: {each.finding.message} ({each.reason})")
    yield Text("")
    yield from _rest(one)


def _read(imported: ImportedLedger) -> str:
    ledger = imported.ledger
    clients = len({training.client for training in ledger.trainings})
    rounds = len({number for event in ledger.events if (number := getattr(event, "round", None))})
    counted = f"{imported.understood} understood, {imported.noise} irrelevant, {imported.unknown} not understood"
    told = [
        f"{number} {what}{'s' * (number > 1)}" for number, what in ((clients, "client"), (rounds, "round")) if number
    ]
    return "; ".join(filter(None, (", ".join(imported.formats), ", ".join(told), f"lines: {counted}")))


def _problem(one: Diagnosed, finding: Finding) -> Iterator[Text]:
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


def _evidence(one: Diagnosed, evidence: Evidence) -> str:
    line = one.line_of(evidence.at, evidence.name) if evidence.at else ""
    place = f"{evidence.at} ({line})" if line else evidence.at
    return f"{evidence.name}: {evidence.amount}" + (f"  [{place}]" if place else "")


def _rest(one: Diagnosed) -> Iterator[Text]:
    well = [finding.check for finding in one.diagnosis.findings if finding.verdict is Verdict.passed]
    if well:
        yield Text(f"well: {', '.join(dict.fromkeys(well))}", "green")
    silent = {finding.check for finding in one.diagnosis.unanswered}
    if silent:
        yield Text(f"{len(silent)} questions can't be answered from this; --json lists them with what they need", "dim")
    for note in (*one.imported.notes, *(note for file in one.imported.files for note in file.notes)):
        yield Text(f"note: {note}", "dim")
    for file in one.imported.files:
        if file.unknown:
            yield Text(f"not understood in {file.name}: {file.unknown} lines, such as", "dim")
            yield from (Text(f"  {example}", "dim") for example in file.examples)


def _names(event: object) -> tuple[str, ...]:
    """Return what findings call an event."""
    match event:
        case Training():
            return (f"{event.client}, round {event.round}", event.client)
        case Evaluation():
            return (event.dataset, f"{event.dataset}, round {event.round}")
    number = getattr(event, "round", None)
    return (f"round {number}",) if number is not None else ()
