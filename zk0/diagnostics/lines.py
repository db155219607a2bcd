"""Findings that rest on lines of a log: what all diagnostics of incidents share."""

from collections.abc import Iterable, Iterator

from zk0.core.faults import Fault
from zk0.core.verdicts import Evidence, Finding, Verdict, not_applicable, not_available
from zk0.diagnostics.series import point
from zk0.ledger import Incident, IncidentKind, Ledger

MOST_SHOWN = 6  # lines of one finding
SURE = 0.95  # confidence in what a line says in so many words


def answer(ledger: Ledger, *found: Finding | None) -> Iterator[Finding]:
    """Yield the findings there are; where there is none, that no line tells of it."""
    told = [finding for finding in found if finding is not None]
    if told:
        yield from told
    elif ledger.events:
        yield not_applicable("no line tells of it")
    else:
        yield not_available("nothing was read")


def about(
    found: list[Incident],
    message: str,
    *,
    cause: str,
    remedy: str,
    fault: Fault | None = None,
    workflow: str | None = None,
    verdict: Verdict = Verdict.failed,
    confidence: float = SURE,
) -> Finding | None:
    """Return what incidents of one kind mean, with their number in the message; None where there is none."""
    if not found:
        return None
    return Finding(
        verdict=verdict,
        message=message.format(times(found)),
        at=where_all(found),
        evidence=tuple(lines(found)),
        cause=cause,
        remedy=remedy,
        workflow=workflow,
        fault=fault,
        confidence=confidence,
    )


def of_kind(ledger: Ledger, *kinds: IncidentKind) -> list[Incident]:
    """Return the incidents of these kinds."""
    return [one for one in ledger.incidents if one.kind in kinds]


def times(found: Iterable[Incident]) -> int:
    """Return how often it was told."""
    return sum(one.count for one in found)


def where_all(found: Iterable[Incident]) -> str:
    """Return who it was, and when."""
    whose = list(dict.fromkeys(one.client for one in found if one.client))
    rounds = sorted({one.round for one in found if one.round is not None})
    when = f"round {rounds[0]}" if len(rounds) == 1 else f"rounds {rounds[0]} to {rounds[-1]}" if rounds else ""
    more = f" and {len(whose) - 3} more" if len(whose) > 3 else ""  # noqa: PLR2004  names that are read at a glance
    return ", ".join(filter(None, (", ".join(whose[:3]) + more, when)))


def lines(found: Iterable[Incident]) -> list[Evidence]:
    """Return the lines that tell of it, the first few."""
    chosen = list(found)
    shown = [point(one.kind.value, one.text, one.read_from or "", _unit(one)) for one in chosen[:MOST_SHOWN]]
    left = len(chosen) - len(shown)
    return [*shown, point("further lines", left, "")] if left else shown


def _unit(one: Incident) -> str:
    return "" if one.count == 1 else f"({one.count} times)"
