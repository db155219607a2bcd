"""What the rules of several dialects do: an incident, a phase, measurements."""

import re

from zk0.ledger.importers.logs import LogFile
from zk0.ledger.importers.rules import Act
from zk0.ledger.log_events import IncidentKind


def incident(kind: IncidentKind) -> Act:
    """Return the action of a rule whose lines are incidents of one kind."""
    return lambda log, found: log.add_incident(kind, found[0])


def phase(name: str) -> Act:
    """Return the action of a rule whose lines say what the server does from here on."""
    return lambda log, _: setattr(log, "phase", name)


def measurements(*names: str, unit: float = 1.0) -> Act:
    """Return the action of a rule whose pattern finds a step, from 0, and the values of these series at that step."""

    def act(log: LogFile, found: re.Match[str]) -> None:
        step, *texts = found.groups()
        values = dict(zip(names, map(float, texts), strict=True))
        log.add_measurements(int(step), values if unit == 1.0 else {name: unit * one for name, one in values.items()})

    return act
