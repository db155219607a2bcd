"""What a log tells of that is no number: errors, refusals, controls that do nothing, claims (`incidents.*`).

An incident is evidence by itself: a line that says it. What it takes here is to tell causes from what is merely loud,
and to say what the lines mean together: a success that is claimed beside a missing program is none.
"""

from collections.abc import Iterable, Iterator

from zk0.diagnostics.registry import diagnostic, point
from zk0.faults import Fault
from zk0.ledger import Incident, IncidentKind, Ledger
from zk0.verdicts import Evidence, Finding, failed, not_applicable, not_available, warned

MOST_SHOWN = 6  # lines of one finding
MANY_SKIPPED = 0.05  # share of the steps whose batch was lost: the training is another one than was meant
SURE, LIKELY = 0.95, 0.6


@diagnostic("incidents.data")
def data(ledger: Ledger) -> Iterator[Finding]:
    """Frames could be read: no video is damaged, no timestamp out of place, no loader lost its way."""
    decoding = _of(ledger, IncidentKind.decode_error, IncidentKind.batch_skipped)
    restarts = _of(ledger, IncidentKind.loader_restarted)
    timestamps = _of(ledger, IncidentKind.timestamps)
    backends = _of(ledger, IncidentKind.unsupported_backend)
    if decoding:
        yield _damaged(ledger, decoding, restarts)
    if timestamps:
        yield failed(
            f"{_times(timestamps)} frames stood elsewhere in time than the data set says",
            at=_where(timestamps),
            evidence=_lines(timestamps),
            cause="frames are doubled or lost, or fps is not the rate they were recorded at",
            remedy="compare the timestamps' distances with 1/fps; a larger tolerance_s only hides it",
            fault=Fault.data_rate,
            confidence=SURE,
        )
    if backends:
        yield failed(
            "the video backend that was asked for does not exist",
            at=_where(backends),
            evidence=_lines(backends),
            cause="no frame can be decoded with it, though loading the data set succeeds",
            remedy="set video_backend to torchcodec or pyav",
            confidence=SURE,
        )
    if not (decoding or timestamps or backends):
        yield _none(ledger)


def _damaged(ledger: Ledger, decoding: list[Incident], restarts: list[Incident]) -> Finding:
    lost = sum(one.count for one in decoding)
    steps = sum(one.steps for one in ledger.trainings)
    share = lost / (steps + lost) if steps else None
    told = f"{lost} batches could not be decoded"
    evidence = [point("batches lost", lost, _where(decoding), "batches"), point("steps done", steps, "all", "steps")]
    if restarts:
        return failed(
            f"{told}, and the loader then began from its start",
            at=_where(decoding),
            evidence=[*evidence, *_lines([*decoding, *restarts])],
            cause="a video is damaged, and the iterator is dead after the exception: its place in the data is lost",
            remedy="leave the damaged episodes out, and catch the error within the data set instead of around next()",
            fault=Fault.data_corrupt,
            confidence=SURE,
        )
    much = share is None or share > MANY_SKIPPED
    return (failed if much else warned)(
        told if share is None else f"{told}, {share:.1%} of all",
        at=_where(decoding),
        evidence=[*evidence, *_lines(decoding)],
        cause="a video is damaged or cut off",
        remedy="leave the damaged episodes out, or record them again",
        fault=Fault.data_corrupt,
        confidence=SURE,
    )


@diagnostic("incidents.steps")
def steps(ledger: Ledger) -> Iterator[Finding]:
    """No training step was passed over, and no loss was called not finite."""
    skipped, broken = _of(ledger, IncidentKind.step_skipped), _of(ledger, IncidentKind.not_finite)
    if skipped:
        yield failed(
            f"{_times(skipped)} training steps failed and were passed over",
            at=_where(skipped),
            evidence=_lines(skipped),
            cause="an error at a step is caught and the loop goes on: where every step fails it never ends",
            remedy="let the first error end the round; the lines tell which it is",
            confidence=SURE,
        )
    if broken:
        yield failed(
            f"{_times(broken)} lines tell of numbers that are not finite",
            at=_where(broken),
            evidence=_lines(broken),
            cause="a learning rate that is too large, or values in the data that are",
            remedy="lower learning_rate, and look at the data set's ranges",
            fault=Fault.loss_not_finite,
            confidence=SURE,
        )
    if not (skipped or broken):
        yield _none(ledger)


@diagnostic("incidents.memory")
def memory(ledger: Ledger) -> Iterator[Finding]:
    """No process ran out of memory."""
    found = _of(ledger, IncidentKind.out_of_memory)
    if not found:
        yield _none(ledger)
        return
    yield failed(
        f"memory ran out {_times(found)} times",
        at=_where(found),
        evidence=_lines(found),
        cause="a batch, or several processes on one device, need more than there is",
        remedy="halve batch_size, or run fewer clients at once; where memory grows step by step, find the leak",
        fault=Fault.out_of_memory,
        confidence=SURE,
    )


@diagnostic("incidents.returned")
def returned(ledger: Ledger) -> Iterator[Finding]:
    """The strategy returns what it aggregated, and not None."""
    found = _of(ledger, IncidentKind.nothing_returned)
    if not found:
        yield _none(ledger)
        return
    yield failed(
        "a function that has to return two values returned None",
        at=_where(found),
        evidence=_lines(found),
        cause="aggregate_fit ends without `return parameters, metrics`",
        remedy="return the aggregated parameters and the metrics on every path through it",
        workflow="aggregation-fix",
        fault=Fault.aggregate_not_returned,
        confidence=SURE,
    )


@diagnostic("incidents.digests")
def digests(ledger: Ledger) -> Iterator[Finding]:
    """Digests of parameters are compared, and are equal where they have to be."""
    mismatches, absent = _of(ledger, IncidentKind.hash_mismatch), _of(ledger, IncidentKind.hash_missing)
    if mismatches:
        yield failed(
            f"parameters arrived with another digest {_times(mismatches)} times",
            at=_where(mismatches),
            evidence=_lines(mismatches),
            cause="parameters change on the way, or the sides do not digest the same (order, dtype, rounding)",
            remedy="compare the two sides tensor by tensor: name, dtype, shape, values",
            fault=Fault.digest_mismatch,
            confidence=SURE,
        )
    if absent:
        yield _inactive(ledger, absent)
    if not (mismatches or absent):
        yield _none(ledger)


def _inactive(ledger: Ledger, absent: list[Incident]) -> Finding:
    compared = any(one.digest_out for one in ledger.trainings) or _of(ledger, IncidentKind.hash_mismatch)
    told = f"{_times(absent)} replies carried no digest and were averaged all the same"
    if compared:
        return warned(
            told,
            at=_where(absent),
            evidence=_lines(absent),
            cause="some clients give no digest",
            remedy="refuse a reply without a digest",
            fault=Fault.control_inactive,
            confidence=LIKELY,
        )
    return failed(
        f"{told}, and none carried one: the control checks nothing",
        at=_where(absent),
        evidence=_lines(absent),
        cause="the digest is lost before it is sent: a filter that keeps numbers only drops it from the metrics",
        remedy="send the digest where text may be sent, and refuse a reply without one",
        workflow="aggregation-fix",
        fault=Fault.control_inactive,
        confidence=SURE,
    )


@diagnostic("incidents.clients")
def clients(ledger: Ledger) -> Iterator[Finding]:
    """No client failed, no worker died, and no log mixes clients."""
    lost = _of(ledger, IncidentKind.client_failed, IncidentKind.no_clients)
    died = _of(ledger, IncidentKind.actor_died)
    mixed = _of(ledger, IncidentKind.mixed_clients)
    torn = _of(ledger, IncidentKind.storage_invalid)
    if lost:
        yield failed(
            f"clients failed or none answered, told {_times(lost)} times",
            at=_where(lost),
            evidence=_lines(lost),
            cause="each line has its reason",
            remedy="mend the clients that are named",
            fault=Fault.client_dropouts,
            confidence=SURE,
        )
    if died:
        yield failed(
            f"a worker process of Ray died, told {_times(died)} times",
            at=_where(died),
            evidence=_lines(died),
            cause="most often the machine's memory ran out; a dead worker fails every message that it is given",
            remedy="run fewer clients at once, watch the memory, or use the inline engine",
            fault=Fault.client_dropouts,
            confidence=SURE,
        )
    if torn:
        yield failed(
            "tensors could not be read: their storage is gone",
            at=_where(torn),
            evidence=_lines(torn),
            cause="several workers load the same file at once",
            remedy="load in one process at a time",
            confidence=SURE,
        )
    if mixed:
        yield warned(
            f"{_times(mixed)} lines of one client stand under the heading of another",
            at=_where(mixed),
            evidence=_lines(mixed),
            cause="a worker process is used for several clients and its logger keeps the first one's name",
            remedy="bind the client's name at each message it gets",
            confidence=SURE,
        )
    if not (lost or died or mixed or torn):
        yield _none(ledger)


@diagnostic("incidents.errors")
def errors(ledger: Ledger) -> Iterator[Finding]:
    """No exception went uncaught."""
    found = _of(ledger, IncidentKind.traceback)
    if not found:
        yield _none(ledger)
    for one in found[:MOST_SHOWN]:
        yield failed(
            f"an exception nobody caught: {one.text[:160]}",
            at=_where([one]),
            evidence=_lines([one]),
            cause=f"the traceback above {one.read_from} tells where" if one.read_from else "the traceback tells where",
            confidence=SURE,
        )


@diagnostic("incidents.programs")
def programs(ledger: Ledger) -> Iterator[Finding]:
    """Every program that was started is installed."""
    found = _of(ledger, IncidentKind.program_missing)
    if not found:
        yield _none(ledger)
        return
    yield failed(
        "a program that was to be started is not there",
        at=_where(found),
        evidence=_lines(found),
        cause="it is not installed, or its environment's bin folder is not in PATH",
        remedy="install it in the environment that starts it: pip install flwr",
        fault=Fault.program_missing,
        confidence=SURE,
    )


CONTRADICTIONS = (
    IncidentKind.program_missing,
    IncidentKind.token_missing,
    IncidentKind.nothing_returned,
    IncidentKind.out_of_memory,
    IncidentKind.traceback,
    IncidentKind.actor_died,
)


@diagnostic("incidents.claims")
def claims(ledger: Ledger) -> Iterator[Finding]:
    """Where a line claims success, none says the contrary."""
    claimed = _of(ledger, IncidentKind.success_claimed)
    contrary = _of(ledger, *CONTRADICTIONS)
    if not (claimed and contrary):
        yield _none(ledger)
        return
    yield failed(
        "success is claimed, and the contrary stands beside it",
        at=_where(claimed),
        evidence=_lines([*claimed[:2], *contrary]),
        cause="the message is printed whatever happened: nobody looks at the outcome",
        remedy="ask the program itself (its health address, or the status of its process) before saying that it runs",
        fault=Fault.success_unfounded,
        confidence=SURE,
    )


@diagnostic("incidents.secrets")
def secrets(ledger: Ledger) -> Iterator[Finding]:
    """No secret stands in a log."""
    found = _of(ledger, IncidentKind.secret_shown)
    if not found:
        yield _none(ledger)
        return
    yield failed(
        f"{_times(found)} secrets stand in the log",
        at=_where(found),
        evidence=_lines(found),
        cause="a configuration, an environment or local variables of a traceback were printed",
        remedy="withdraw them where they were given out, then delete the log; with loguru set diagnose=False",
        confidence=SURE,
    )


def _none(ledger: Ledger) -> Finding:
    return not_applicable("no line tells of it") if ledger.events else not_available("nothing was read")


def _of(ledger: Ledger, *kinds: IncidentKind) -> list[Incident]:
    return [one for one in ledger.incidents if one.kind in kinds]


def _times(found: Iterable[Incident]) -> int:
    return sum(one.count for one in found)


def _where(found: Iterable[Incident]) -> str:
    """Return who it was, and when."""
    whose = list(dict.fromkeys(one.client for one in found if one.client))
    rounds = sorted({one.round for one in found if one.round is not None})
    when = f"round {rounds[0]}" if len(rounds) == 1 else f"rounds {rounds[0]} to {rounds[-1]}" if rounds else ""
    more = f" and {len(whose) - 3} more" if len(whose) > 3 else ""  # noqa: PLR2004  names that are read at a glance
    return ", ".join(filter(None, (", ".join(whose[:3]) + more, when)))


def _lines(found: Iterable[Incident]) -> list[Evidence]:
    """Return the lines that tell of it, the first few."""
    chosen = list(found)
    shown = [point(one.kind.value, one.text, one.read_from or "", _unit(one)) for one in chosen[:MOST_SHOWN]]
    left = len(chosen) - len(shown)
    return [*shown, point("further lines", left, "")] if left else shown


def _unit(one: Incident) -> str:
    return "" if one.count == 1 else f"({one.count} times)"
