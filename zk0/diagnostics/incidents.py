"""Findings from the lines of a log: errors, refusals, controls that do nothing, claims (`incidents.*`).

`MEANINGS` is the table: which kinds of incident make which finding of which check. A few checks read several lines
together, or numbers beside them: a success that is claimed beside a missing program is not a success.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from zk0.core.checks import check
from zk0.core.faults import Fault
from zk0.core.pages import join_first
from zk0.core.verdicts import Evidence, Finding, Verdict, failed, not_applicable, not_available, passed, warned
from zk0.diagnostics.exceptions import judge_groups, lost_something, raised_groups, went_on
from zk0.diagnostics.known import KnownException, recognize
from zk0.diagnostics.series import point
from zk0.ledger import Incident, IncidentKind, Ledger

CLIENTS_NAMED = 3  # they are read at a glance
MOST_SHOWN = 6  # lines in one finding
SURE = 0.95  # confidence in what a line says literally
LIKELY = 0.6
WITHOUT_NUMBERS = 0.85  # below `loss.finite`, which knows what came before
EXPLAINS_NOTHING = 0.4  # numbers left out of a ledger can't be the reason for the others
MANY_SKIPPED = 0.05  # share of the steps whose batch was lost: above it, the training is not the intended one
# The subject of a claim, by its words, and the incidents that contradict it. The first row that fits decides.
CONTRADICTIONS: tuple[tuple[tuple[str, ...], tuple[IncidentKind, ...]], ...] = (
    (("push", "upload"), (IncidentKind.token_missing,)),
    (("start", "running", "launch"), (IncidentKind.program_missing,)),
    (
        ("",),
        (
            IncidentKind.nothing_returned,
            IncidentKind.out_of_memory,
            IncidentKind.traceback,
            IncidentKind.actor_died,
            IncidentKind.no_clients,
        ),
    ),
)


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
            message=self.message.format(_total(found)),
            at=_place(found),
            evidence=tuple(_lines(found)),
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


def _memory(ledger: Ledger) -> Iterator[Finding]:
    """Yield the finding on memory that ran out, whichever program said so; caught and got over, it is none."""
    groups = [one for one in raised_groups(ledger) if one.fault is Fault.out_of_memory]
    yield from judge_groups(ledger, groups)
    told = {id(one) for group in groups for one in group.incidents}
    lines = [one for one in _of_kind(ledger, IncidentKind.out_of_memory) if id(one) not in told]
    over = [one for one in lines if went_on(one)]
    if over and len(over) == len(lines) and not lost_something(ledger):
        yield passed(f"memory ran out, and the work went on: {over[0].text[:160]}", evidence=_lines(over))
    elif lines and not groups:
        known = next(filter(None, (recognize(one.text) for one in lines)), None)
        yield OUT_OF_MEMORY.finding(lines) if known is None else OUT_OF_MEMORY.with_cause(known).finding(lines)


def _damaged(ledger: Ledger) -> Iterator[Finding]:
    """Yield the finding on batches that could not be decoded: how many, and whether the loader lost its place."""
    decoding = _of_kind(ledger, IncidentKind.decode_error, IncidentKind.batch_skipped)
    if not decoding:
        return
    restarts = _of_kind(ledger, IncidentKind.loader_restarted)
    lost, steps, at = _total(decoding), sum(one.steps for one in ledger.trainings), _place(decoding)
    share = lost / (steps + lost) if steps else 1.0
    shown = f", {share:.1%} of all" if steps else ""
    cause, remedy = "a video is damaged or cut off", "leave the damaged episodes out, or record them again"
    if restarts:
        shown = ", and the loader then started over"
        cause = "a video is damaged, and the iterator is dead after the exception: its place in the data is lost"
        remedy = "leave the damaged episodes out, and catch the error within the data set instead of around next()"
    yield (failed if restarts or share > MANY_SKIPPED else warned)(
        f"{lost} batches could not be decoded{shown}",
        at=at,
        evidence=[
            point("batches lost", lost, "batches", at=at),
            point("steps done", steps, "steps", at="all"),
            *_lines([*decoding, *restarts]),
        ],
        cause=cause,
        remedy=remedy,
        fault=Fault.data_corrupt,
        confidence=SURE,
    )


def _without_digest(ledger: Ledger) -> Iterator[Finding]:
    """Yield the finding on replies without a digest: a weak control where others have one, else a dead one."""
    if absent := _of_kind(ledger, IncidentKind.hash_missing):
        others = any(one.digest_out for one in ledger.trainings) or _of_kind(ledger, IncidentKind.hash_mismatch)
        yield (WEAK_CONTROL if others else DEAD_CONTROL).finding(absent)


def _not_finite(ledger: Ledger) -> Iterator[Finding]:
    """Yield the finding on lines about numbers that are not finite: a warning where finite ones came after them."""
    if found := _of_kind(ledger, IncidentKind.not_finite):
        # The line may stand within the block of one step, of which other numbers follow.
        over = all(one.progress_after > 1 for one in found) and not any(one.not_finite for one in ledger.trainings)
        yield (replace(NOT_FINITE, verdict=Verdict.warned, confidence=LIKELY) if over else NOT_FINITE).finding(found)


def _programs(ledger: Ledger) -> Iterator[Finding]:
    """Yield the finding on programs that are missing: a warning where the shell went on, and another one ran."""
    if found := _of_kind(ledger, IncidentKind.program_missing):
        others = ledger.trainings or any(one.exceptions for one in ledger.incidents)
        yield (replace(PROGRAM, verdict=Verdict.warned, confidence=LIKELY) if others else PROGRAM).finding(found)


def _contradicted(ledger: Ledger) -> Iterator[Finding]:
    found: list[Incident] = []
    for claim in _of_kind(ledger, IncidentKind.success_claimed):
        kinds = next(kinds for words, kinds in CONTRADICTIONS if any(word in claim.text.lower() for word in words))
        contrary = _of_kind(ledger, *kinds)
        if contrary:
            found += [claim, *contrary]
    if found:
        yield UNFOUNDED.finding(list({id(one): one for one in found}.values()))


# Each check: the first line of its documentation, and what it looks for beside its rows of the table.
CHECKS_OF_LINES: dict[str, tuple[str, Callable[[Ledger], Iterator[Finding]] | None]] = {
    "data": ("Frames could be read: videos, timestamps and the data loader are in order.", _damaged),
    "sentinels": ("No log contains a number that was not measured.", None),
    "steps": ("No training step was skipped, and no loss was reported as not finite.", _not_finite),
    "memory": ("No process ran out of memory.", _memory),
    "digests": ("Digests of parameters are compared, and are equal where they have to be.", _without_digest),
    "clients": ("No client failed, no worker died, and no log mixes clients.", None),
    "programs": ("Every program that was started is installed.", _programs),
    "claims": ("No line contradicts a claim of success.", _contradicted),
    "secrets": ("The log contains no secret.", None),
}


def _register(name: str, summary: str, special: Callable[[Ledger], Iterator[Finding]] | None) -> None:
    def judge(ledger: Ledger) -> Iterator[Finding]:
        findings = list(special(ledger)) if special else []
        for meaning in MEANINGS.get(name, ()):
            if found := _of_kind(ledger, *meaning.kinds):
                findings.append(meaning.finding(found))
        if findings:
            yield from findings
        else:
            yield not_applicable("no line mentions it") if ledger.events else not_available("nothing was read")

    judge.__doc__ = summary
    check(f"incidents.{name}")(judge)


for _name, _check in CHECKS_OF_LINES.items():
    _register(_name, *_check)


def _of_kind(ledger: Ledger, *kinds: IncidentKind) -> list[Incident]:
    return [one for one in ledger.incidents if one.kind in kinds]


def _total(found: Sequence[Incident]) -> int:
    return sum(one.count for one in found)


def _place(found: Sequence[Incident]) -> str:
    """Return the clients and the rounds of these incidents."""
    clients = list(dict.fromkeys(one.client for one in found if one.client))
    rounds = sorted({one.round for one in found if one.round is not None})
    when = f"round {rounds[0]}" if len(rounds) == 1 else f"rounds {rounds[0]} to {rounds[-1]}" if rounds else ""
    return ", ".join(filter(None, (join_first(clients, CLIENTS_NAMED), when)))


def _lines(found: Sequence[Incident]) -> list[Evidence]:
    """Return the first few lines as evidence, and the number of the others."""
    shown = [
        point(one.kind.value, one.text, "" if one.count == 1 else f"({one.count} times)", at=one.read_from or "")
        for one in found[:MOST_SHOWN]
    ]
    left = len(found) - len(shown)
    return [*shown, point("further lines", left)] if left else shown
