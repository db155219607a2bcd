"""What a program says itself at its end, without an exception (`reported.errors`).

Compiled libraries, launchers and shells print one line and exit. No table knows all of them, and none has to: a line
that speaks of an error, behind which the log has nothing but the end, is the best account of it that there is. Of
several in a row the first counts, as with a compiler's: what follows it most often follows from it.
"""

from collections.abc import Iterator

from zk0.core.checks import check
from zk0.core.faults import Fault
from zk0.core.verdicts import Finding, failed, not_applicable, not_available
from zk0.diagnostics.exceptions import REPORTED, raised_groups, went_on
from zk0.diagnostics.known import recognize
from zk0.diagnostics.series import point
from zk0.ledger import Incident, IncidentKind, Ledger

LIKELY = 0.5  # confidence: no number and no exception shows it
NEAR = 12  # lines from the end; a launcher's report of its workers takes as many
MOST_SHOWN = 6  # lines in the finding
MOST_MESSAGE = 240  # characters
EXPLAINED = (
    IncidentKind.killed, IncidentKind.interrupted, IncidentKind.time_limit, IncidentKind.out_of_memory,
    IncidentKind.collective_timeout, IncidentKind.not_finite,
)  # fmt: skip


@check("reported.errors")
def errors(ledger: Ledger) -> Iterator[Finding]:
    """The log does not end with an error that a program only reports."""
    if not ledger.events:
        yield not_available("nothing was read")
        return
    last = [one for one in _at_the_end(ledger) if not one.exceptions and recognize(one.text) is None]
    if not last or _is_explained(ledger):
        yield not_applicable("no such line stands at its end")
        return
    yield failed(
        f"the log ends with an error that the program reports: {last[0].text[:MOST_MESSAGE]}",
        evidence=[point(one.kind.value, one.text, at=one.read_from or "") for one in last[:MOST_SHOWN]],
        cause="the line says so itself; no row of the known exceptions has it",
        remedy="act on what the line names; its first words, with the program's name, find the threads of others",
        fault=Fault.exception,
        confidence=LIKELY,
    )


def _is_explained(ledger: Ledger) -> bool:
    """Return whether an exception or a signal ended it, of which such lines are echoes; a crash gives no reason."""
    return any(not one.went_on and not one.follows for one in raised_groups(ledger)) or any(
        one.kind in EXPLAINED and not went_on(one) for one in ledger.incidents
    )


def _at_the_end(ledger: Ledger) -> list[Incident]:
    """Return the errors near the end of their file, behind which nothing was measured, in their order."""
    if ledger.closed is not None:
        return []
    ends = {one.source: one.lines for one in ledger.logs if one.lines is not None}
    found = [
        one
        for one in ledger.incidents
        if one.kind in REPORTED
        and not went_on(one)
        and one.line is not None
        and (end := ends.get((one.read_from or "").rpartition(":")[0])) is not None
        and end - one.line < NEAR
    ]
    return sorted(found, key=lambda one: one.line or 0)
