"""An imported run with its diagnosis, as data."""

import re
from dataclasses import dataclass
from typing import Any

from zk0.diagnostics.diagnosis import Diagnosis
from zk0.ledger import Evaluation, Training
from zk0.ledger.importers import ImportedLedger


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
            "verdict": vars(self.diagnosis.whole),
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


def _names(event: object) -> tuple[str, ...]:
    """Return the names by which findings refer to an event."""
    match event:
        case Training():
            return (f"{event.client}, round {event.round}", event.client)
        case Evaluation():
            return (event.dataset, f"{event.dataset}, round {event.round}")
    number = getattr(event, "round", None)
    return (f"round {number}",) if number is not None else ()
