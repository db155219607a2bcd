"""Which exceptions ended something, and what they mean (`exceptions.raised`).

Exceptions are grouped by the root of their chain, so one fault that a hundred clients log is one finding. A root that
the field knows (`zk0.diagnostics.known`) has its cause and remedy; of any other the last frame of the user's own code
is named. An exception behind which the same process went on was caught, and is no failure unless something was lost.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from zk0.core.checks import check
from zk0.core.faults import Fault
from zk0.core.verdicts import Evidence, Finding, failed, not_applicable, not_available, passed
from zk0.diagnostics.chains import is_wrapper, root_of, shown
from zk0.diagnostics.known import KnownException, recognize
from zk0.diagnostics.series import point
from zk0.ledger import Incident, IncidentKind, Ledger
from zk0.ledger.log_events import RaisedException

FIRST = 0.97  # confidence in the first root of a log: what comes later may follow from it
LATER = 0.9
CUT = 0.7  # in a traceback without its last line: where it was raised is known, not what
MOST_MESSAGE = 200  # characters in a sentence
MOST_PLACES = 4  # lines in one finding

REPORTED = (IncidentKind.error_logged, IncidentKind.complaint)
RAISED = (IncidentKind.traceback, IncidentKind.nothing_returned)  # also without a chain
IF_KNOWN = (IncidentKind.error_logged, IncidentKind.complaint, IncidentKind.client_failed, IncidentKind.actor_died)
SIGNALS = ("Killed", "Terminated", "Aborted", "KeyboardInterrupt", "SystemExit")
SCHEDULERS = ("slurmstepd", "srun:", "CANCELLED AT")
BUFFERED = 5  # lines
REPORTERS = ("ChildFailedError", "ProcessExitedException")  # raised in a launcher, with the signal that ended a worker
BY_SIGNAL = (IncidentKind.killed, IncidentKind.crashed, IncidentKind.interrupted, IncidentKind.time_limit)
AT_THE_END = frozenset({"grpc-bridge-closed"})  # what a server says of clients that leave when the run is over
# What one process says when another one is gone; beside any other root these are consequences.
CONSEQUENCES = frozenset({
    "ray-actor-died", "child-failed", "connection-lost", "collective-timeout", "nvflare-aborted", "interrupted",
    "grpc-unavailable", "loader-worker-died", "simulation-crashed", "task-failed",
})  # fmt: skip


@dataclass(frozen=True)
class RaisedGroup:
    """All incidents of a log that go back to one exception."""

    root: RaisedException
    incidents: tuple[Incident, ...]

    @cached_property
    def known(self) -> KnownException | None:
        """The row of the table that fits."""
        return recognize(shown(self.root))

    @property
    def fault(self) -> Fault:
        """The fault that it is; of one that is not known, that something raised."""
        return (self.known and self.known.fault) or Fault.exception

    @property
    def went_on(self) -> bool:
        """Whether every process that logged it measured something afterwards."""
        return all(map(went_on, self.incidents))

    @property
    def follows(self) -> bool:
        """Whether it mostly is another one's consequence."""
        return self.is_cut or is_wrapper(self.root) or (self.known is not None and self.known.id in CONSEQUENCES)

    @property
    def is_cut(self) -> bool:
        """Whether it is a traceback without its last line."""
        return not self.root.type and self.known is None

    @property
    def is_bare(self) -> bool:
        """Whether it is a line alone: nothing shows where it was raised."""
        return all(one.kind in IF_KNOWN for one in self.incidents)

    @property
    def count(self) -> int:
        """How often it was logged."""
        return sum(one.count for one in self.incidents)


def raised_groups(ledger: Ledger) -> list[RaisedGroup]:
    """Return the exceptions of a log by their root, in the order in which they came."""
    groups: dict[str, list[Incident]] = {}
    roots: dict[str, RaisedException] = {}
    for one in ledger.incidents:
        if not (one.exceptions or one.kind in RAISED or one.kind in IF_KNOWN) or is_ending(one):
            continue
        if one.kind is IncidentKind.complaint and ledger.closed is not None:
            continue  # it ended well, whatever was said meanwhile
        root = root_of(one)
        if not root.type and one.kind is IncidentKind.traceback and (before := _said_before(ledger, one)):
            root = root.model_copy(update={"message": before})
        known = recognize(shown(root))
        if not one.exceptions and one.kind in IF_KNOWN and known is None and not root.type:
            continue  # a line that says nothing the field knows
        key = known.id if known else shown(root)[:MOST_MESSAGE]
        roots.setdefault(key, root)
        groups.setdefault(key, []).append(one)
    return [RaisedGroup(roots[key], tuple(found)) for key, found in groups.items()]


def _said_before(ledger: Ledger, cut: Incident) -> str:
    """Return the error that was logged right before a traceback without its last line: loggers print it first."""
    name, _, number = (cut.read_from or "").rpartition(":")
    near = [f"{name}:{int(number) - back}" for back in (1, 2)] if number.isdigit() else []
    return next((one.text for one in ledger.incidents if one.kind in REPORTED and one.read_from in near), "")


def went_on(one: Incident) -> bool:
    """Return whether work went on behind a line; a scheduler's is followed by what the job had buffered."""
    buffered = BUFFERED if any(word in one.text for word in SCHEDULERS) else 0
    return one.progress_after > buffered


def is_ending(one: Incident) -> bool:
    """Return whether an incident is the end of a process from outside, even where it was printed as an exception."""
    return one.kind in BY_SIGNAL and all(
        raised.type.rpartition(".")[2] in (*SIGNALS, *REPORTERS) for raised in one.exceptions
    )


def lost_something(ledger: Ledger) -> bool:
    """Return whether replies, evaluations or steps are missing, so that an exception was caught at a price."""
    return (
        any(one.rejected for one in ledger.aggregations)
        or any(one.failed for one in ledger.evaluation_replies)
        or any(one.kind in (IncidentKind.step_skipped, IncidentKind.client_failed) for one in ledger.incidents)
    )


@check("exceptions.raised")
def raised(ledger: Ledger) -> Iterator[Finding]:
    """No exception ended a process, a client's round or a step."""
    if not ledger.events:
        yield not_available("nothing was read")
        return
    # Memory has a check of its own: `incidents.memory`.
    groups = [one for one in raised_groups(ledger) if one.fault is not Fault.out_of_memory]
    found = list(judge_groups(ledger, groups))
    yield from found or [not_applicable("no line mentions one that is not another's consequence")]


def judge_groups(ledger: Ledger, groups: Sequence[RaisedGroup]) -> Iterator[Finding]:
    """Yield the finding on each of these exceptions; the first one is the surest.

    What mostly follows from another's end is in the evidence of the first, where there is another.
    """
    every = raised_groups(ledger)
    caught = [] if lost_something(ledger) else [one.root for one in every if one.went_on or _is_farewell(one, ledger)]
    ended = [one for one in every if one.root not in caught]
    causes = [one for one in ended if not one.follows]
    was_ended = _was_ended(ledger)
    if not causes and not was_ended and not _timed_out(ledger):
        causes = ended
    if was_ended and any(one.kind in BY_SIGNAL for one in ledger.incidents):
        causes = [one for one in causes if one.known is not None or not one.is_bare]  # a shell's word for the signal
    # A line alone, that nobody knows, may be the head of the one behind it.
    causes.sort(key=lambda one: one.known is None and one.is_bare)
    for group in groups:
        if group.root in caught:
            yield passed(f"caught, and the work went on: {_named(group)}", evidence=evidence_of(group))
        elif causes and group.root == causes[0].root:
            yield _failed(
                group, CUT if group.is_cut else FIRST, [one for one in ended if one.follows and one.root != group.root]
            )
        elif group in causes:
            yield _failed(group, LATER, [])


def _timed_out(ledger: Ledger) -> bool:
    """Return whether a step that all processes do together timed out, which ends them without a word of their own."""
    return any(one.kind is IncidentKind.collective_timeout and not went_on(one) for one in ledger.incidents)


def _is_farewell(group: RaisedGroup, ledger: Ledger) -> bool:
    """Return whether a run that ended well was left by its clients, whose connections its server still waited for."""
    ended = ledger.closed is not None and ledger.closed.outcome == "done"
    return ended and group.known is not None and group.known.id in AT_THE_END


def _was_ended(ledger: Ledger) -> bool:
    """Return whether a line says that a process was ended from outside, which explains what the others raise.

    A crash explains what is said after it; before it stands what the compiled code threw.
    """
    kinds = (*BY_SIGNAL, IncidentKind.out_of_memory)
    ends = [one for one in ledger.incidents if one.kind in kinds and not went_on(one) and is_ending_line(one)]
    if any(one.kind is not IncidentKind.crashed for one in ends):
        return True
    said = [one.line or 0 for one in ledger.incidents if one.kind in IF_KNOWN]
    return bool(ends) and not any(line < max(one.line or 0 for one in ends) for line in said)


def is_ending_line(one: Incident) -> bool:
    """Return whether an incident is a line on an end rather than somebody's exception."""
    return not one.exceptions or is_ending(one)


def _failed(group: RaisedGroup, confidence: float, followed: Sequence[RaisedGroup]) -> Finding:
    known, frame = group.known, _own_frame(group)
    cause = known.cause if known else f"raised at {frame}" if frame else _without_frame(group)
    remedy = known.remedy if known else f"look at {frame} with the values it had" if frame else None
    return failed(
        _named(group),
        at=_place(group),
        evidence=[*evidence_of(group), *(point("and then", _named(one)) for one in followed)],
        cause=cause,
        remedy=remedy or "log the whole traceback of the process that raised it: its frames name the line",
        workflow="aggregation-fix" if group.fault is Fault.aggregate_not_returned else None,
        fault=group.fault,
        confidence=confidence,
    )


def _named(group: RaisedGroup) -> str:
    text = shown(group.root)
    short = text if len(text) <= MOST_MESSAGE else f"{text[:MOST_MESSAGE]}…"
    return short if group.count == 1 else f"{short} ({group.count} times)"


def evidence_of(group: RaisedGroup) -> list[Evidence]:
    """Return the lines, the user's own frame, what the exception led to, and the thread where others met it."""
    lines = [point(one.kind.value, one.text, at=one.read_from or "") for one in group.incidents[:MOST_PLACES]]
    last = group.incidents[0].exceptions[-1:]
    found = [
        point("last frame of your own code", _own_frame(group)),
        point("which led to", shown(last[0])[:MOST_MESSAGE] if last and last[0].type != group.root.type else None),
        point("others met it in", (group.known and group.known.url) or None),
    ]
    return [*lines, *(one for one in found if one.value is not None)]


def _own_frame(group: RaisedGroup) -> str | None:
    """Return the last frame of the user's own code, the first of the chain's exceptions that has one first."""
    chain = group.incidents[0].exceptions
    return group.root.frame or next((one.frame for one in chain if one.frame), None)


def _without_frame(group: RaisedGroup) -> str:
    """Return what can be said of an exception whose frames are all of installed packages, or missing."""
    if group.root.innermost is None:
        return "the log does not show where it was raised"
    return f"raised below {group.root.innermost}, in another process or a package: none of your own code is shown"


def _place(group: RaisedGroup) -> str:
    clients = list(dict.fromkeys(one.client for one in group.incidents if one.client))
    rounds = sorted({one.round for one in group.incidents if one.round is not None})
    when = f"round {rounds[0]}" if len(rounds) == 1 else f"rounds {rounds[0]} to {rounds[-1]}" if rounds else ""
    who = clients[0] if len(clients) == 1 else f"{len(clients)} clients" if clients else ""
    return ", ".join(filter(None, (who, when)))
