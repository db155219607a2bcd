"""What lines of a log mean: which kinds of incident make which finding of which check (`incidents`)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from zk0.core.faults import Fault
from zk0.core.pages import join_first
from zk0.core.verdicts import Evidence, Finding, Verdict
from zk0.diagnostics.known import KnownException
from zk0.diagnostics.series import point
from zk0.ledger import Incident, IncidentKind

CLIENTS_NAMED = 3  # they are read at a glance
MOST_SHOWN = 6  # lines in one finding
SURE = 0.95  # confidence in what a line says literally
LIKELY = 0.6
WITHOUT_NUMBERS = 0.85  # below `loss.finite`, which knows what came before
EXPLAINS_NOTHING = 0.4  # numbers left out of a ledger can't be the reason for the others


@dataclass(frozen=True)
class Meaning:
    """The meaning of incidents of these kinds; `{}` in the message is their number."""

    kinds: tuple[IncidentKind, ...]
    message: str
    cause: str
    remedy: str
    fault: Fault | None = None
    workflow: str | None = None
    verdict: Verdict = Verdict.failed
    confidence: float = SURE

    def with_cause(self, known: KnownException) -> "Meaning":
        """Return the meaning of an exception that the field knows."""
        return replace(self, cause=known.cause, remedy=known.remedy)

    def finding(self, found: Sequence[Incident]) -> Finding:
        """Return the finding of these incidents."""
        return Finding(
            verdict=self.verdict,
            message=self.message.format(total(found)),
            at=place(found),
            evidence=tuple(lines_of(found)),
            cause=self.cause,
            remedy=self.remedy,
            workflow=self.workflow,
            fault=self.fault,
            confidence=self.confidence,
        )


OUT_OF_MEMORY = Meaning(
    (IncidentKind.out_of_memory,),
    "memory ran out, reported {} times",
    "a batch, or several processes on one machine or device, need more memory than it has",
    "halve batch_size, or run fewer clients at once; where memory grows step by step, find the leak",
    Fault.out_of_memory,
)
UNFOUNDED = Meaning(
    (IncidentKind.success_claimed,),
    "success is claimed, and another line contradicts it",
    "the message is printed whatever happened: nobody checks the outcome",
    "ask the program itself (its health address, the status of its process) before reporting that it runs",
    Fault.success_unfounded,
)
WEAK_CONTROL = Meaning(
    (IncidentKind.hash_missing,),
    "{} replies carried no digest and were averaged all the same",
    "some clients give no digest",
    "refuse a reply without a digest",
    Fault.control_inactive,
    verdict=Verdict.warned,
    confidence=LIKELY,
)
DEAD_CONTROL = Meaning(
    (IncidentKind.hash_missing,),
    "{} replies carried no digest and were averaged all the same, and none carried one: the control checks nothing",
    "the digest is lost before it is sent: a filter that keeps numbers only drops it from the metrics",
    "send the digest where text may be sent, and refuse a reply without one",
    Fault.control_inactive,
    "aggregation-fix",
)
NOT_FINITE = Meaning(
    (IncidentKind.not_finite,),
    "{} lines report numbers that are not finite",
    "not known from such a line: what came before it decides (`loss.finite`)",
    "find the first step that is not finite: the values of its batch, the precision, then the learning rate",
    Fault.loss_not_finite,
    confidence=WITHOUT_NUMBERS,
)
PROGRAM = Meaning(
    (IncidentKind.program_missing,),
    "a program that was to be started is not installed",
    "it is not installed, or its environment's bin folder is not in PATH",
    "install it in the environment that starts it (Flower's programs: pip install flwr)",
    Fault.program_missing,
)
MEANINGS: dict[str, tuple[Meaning, ...]] = {
    "data": (
        Meaning(
            (IncidentKind.timestamps,),
            "{} lines report frames whose time differs from the data set's",
            "frames are doubled or lost, or fps is not the rate they were recorded at",
            "compare the timestamps' distances with 1/fps; a larger tolerance_s only hides it",
            Fault.data_rate,
        ),
        Meaning(
            (IncidentKind.unsupported_backend,),
            "the configured video backend does not exist",
            "no frame can be decoded with it, though loading the data set succeeds",
            "set video_backend to torchcodec or pyav",
        ),
    ),
    "sentinels": (
        Meaning(
            (IncidentKind.sentinel,),
            "{} numbers were logged though nothing was measured; they are left out here",
            "a failed evaluation, or meters that were reset, write 0 or 1 as if it had been measured",
            "write null and the reason",
            Fault.sentinel_value,
            verdict=Verdict.warned,
            confidence=EXPLAINS_NOTHING,
        ),
    ),
    "steps": (
        Meaning(
            (IncidentKind.step_skipped,),
            "{} training steps failed and were skipped",
            "an error in a step is caught and the loop goes on: where every step fails it never ends",
            "let the first error end the round; the lines show which it is",
        ),
    ),
    "digests": (
        Meaning(
            (IncidentKind.hash_mismatch,),
            "parameters arrived with another digest, reported {} times",
            "parameters change on the way, or the sides compute the digest differently (order, dtype, rounding)",
            "compare the two sides tensor by tensor: name, dtype, shape, values",
            Fault.digest_mismatch,
        ),
    ),
    "clients": (
        Meaning(
            (IncidentKind.client_failed, IncidentKind.no_clients),
            "clients failed or none answered, reported {} times",
            "each line gives its reason",
            "fix the clients that are named",
            Fault.client_dropouts,
        ),
        Meaning(
            (IncidentKind.actor_died,),
            "a worker process of Ray died, reported {} times",
            "most often the machine's memory ran out; a dead worker fails every message it receives",
            "run fewer clients at once, watch the memory, or use the inline engine",
            Fault.client_dropouts,
        ),
        Meaning(
            (IncidentKind.storage_invalid,),
            "tensors could not be read: their storage is gone",
            "several workers load the same file at once",
            "load in one process at a time",
        ),
        Meaning(
            (IncidentKind.mixed_clients,),
            "{} lines of one client are logged under another client's name",
            "a worker process is used for several clients and its logger keeps the first one's name",
            "bind the client's name at each message it receives",
            verdict=Verdict.warned,
        ),
    ),
    "secrets": (
        Meaning(
            (IncidentKind.secret_shown,),
            "the log contains secrets, found {} times",
            "a configuration, an environment or local variables of a traceback were printed",
            "revoke them where they were issued, then delete the log; with loguru set diagnose=False",
        ),
    ),
}


def total(found: Sequence[Incident]) -> int:
    """Return how often these incidents happened."""
    return sum(one.count for one in found)


def place(found: Sequence[Incident]) -> str:
    """Return the clients and the rounds of these incidents."""
    clients = list(dict.fromkeys(one.client for one in found if one.client))
    rounds = sorted({one.round for one in found if one.round is not None})
    when = f"round {rounds[0]}" if len(rounds) == 1 else f"rounds {rounds[0]} to {rounds[-1]}" if rounds else ""
    return ", ".join(filter(None, (join_first(clients, CLIENTS_NAMED), when)))


def lines_of(found: Sequence[Incident]) -> list[Evidence]:
    """Return the first few lines as evidence, and the number of the others."""
    shown = [
        point(one.kind.value, one.text, "" if one.count == 1 else f"({one.count} times)", at=one.read_from or "")
        for one in found[:MOST_SHOWN]
    ]
    left = len(found) - len(shown)
    return [*shown, point("further lines", left)] if left else shown
