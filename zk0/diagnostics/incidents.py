"""What a log tells of that is no number: errors, refusals, controls that do nothing, claims (`incidents.*`).

An incident is evidence by itself: a line that says it. What it takes here is to tell causes from what is merely loud,
and to say what the lines mean together: a success that is claimed beside a missing program is none.
"""

from collections.abc import Iterator

from zk0.core.checks import check
from zk0.core.faults import Fault
from zk0.core.verdicts import Finding, Verdict, failed, warned
from zk0.diagnostics.lines import MOST_SHOWN, SURE, about, answer, lines, of_kind, times, where_all
from zk0.diagnostics.series import point, where
from zk0.ledger import IncidentKind, Ledger

MANY_SKIPPED = 0.05  # share of the steps whose batch was lost: the training is another one than was meant
LIKELY = 0.6
EXPLAINS_NOTHING = 0.4  # what is left out of a ledger can't be why other numbers in it are as they are
# What explains by itself that a training does not go on.
ENDINGS = (
    IncidentKind.out_of_memory,
    IncidentKind.traceback,
    IncidentKind.actor_died,
    IncidentKind.decode_error,
    IncidentKind.step_skipped,
)


@check("incidents.data")
def data(ledger: Ledger) -> Iterator[Finding]:
    """Frames could be read: no video is damaged, no timestamp out of place, no loader lost its way."""
    yield from answer(
        ledger,
        _damaged(ledger),
        about(
            of_kind(ledger, IncidentKind.timestamps),
            "{} lines tell of frames that stand elsewhere in time than the data set says",
            cause="frames are doubled or lost, or fps is not the rate they were recorded at",
            remedy="compare the timestamps' distances with 1/fps; a larger tolerance_s only hides it",
            fault=Fault.data_rate,
        ),
        about(
            of_kind(ledger, IncidentKind.unsupported_backend),
            "the video backend that was asked for does not exist",
            cause="no frame can be decoded with it, though loading the data set succeeds",
            remedy="set video_backend to torchcodec or pyav",
        ),
    )


def _damaged(ledger: Ledger) -> Finding | None:
    decoding = of_kind(ledger, IncidentKind.decode_error, IncidentKind.batch_skipped)
    restarts = of_kind(ledger, IncidentKind.loader_restarted)
    if not decoding:
        return None
    lost = sum(one.count for one in decoding)
    steps = sum(one.steps for one in ledger.trainings)
    share = lost / (steps + lost) if steps else None
    told = f"{lost} batches could not be decoded"
    evidence = [point("batches lost", lost, where_all(decoding), "batches"), point("steps done", steps, "all", "steps")]
    if restarts:
        return failed(
            f"{told}, and the loader then began from its start",
            at=where_all(decoding),
            evidence=[*evidence, *lines([*decoding, *restarts])],
            cause="a video is damaged, and the iterator is dead after the exception: its place in the data is lost",
            remedy="leave the damaged episodes out, and catch the error within the data set instead of around next()",
            fault=Fault.data_corrupt,
            confidence=SURE,
        )
    much = share is None or share > MANY_SKIPPED
    return (failed if much else warned)(
        told if share is None else f"{told}, {share:.1%} of all",
        at=where_all(decoding),
        evidence=[*evidence, *lines(decoding)],
        cause="a video is damaged or cut off",
        remedy="leave the damaged episodes out, or record them again",
        fault=Fault.data_corrupt,
        confidence=SURE,
    )


@check("incidents.sentinels")
def sentinels(ledger: Ledger) -> Iterator[Finding]:
    """No log writes a number where nothing was measured."""
    found = about(
        of_kind(ledger, IncidentKind.sentinel),
        "{} numbers were told of nothing; they are left out here",
        cause="a failed evaluation, or meters that were set back, write 0 or 1 as if it had been measured",
        remedy="write null and the reason",
        fault=Fault.sentinel_value,
        verdict=Verdict.warned,
        confidence=EXPLAINS_NOTHING,
    )
    yield from answer(ledger, found)


@check("incidents.steps")
def steps(ledger: Ledger) -> Iterator[Finding]:
    """No training step was passed over, and no loss was called not finite."""
    yield from answer(
        ledger,
        about(
            of_kind(ledger, IncidentKind.step_skipped),
            "{} training steps failed and were passed over",
            cause="an error at a step is caught and the loop goes on: where every step fails it never ends",
            remedy="let the first error end the round; the lines tell which it is",
        ),
        about(
            of_kind(ledger, IncidentKind.not_finite),
            "{} lines tell of numbers that are not finite",
            cause="a learning rate that is too large, or values in the data that are",
            remedy="lower learning_rate, and look at the data set's ranges",
            fault=Fault.loss_not_finite,
        ),
    )


@check("incidents.memory")
def memory(ledger: Ledger) -> Iterator[Finding]:
    """No process ran out of memory."""
    found = about(
        of_kind(ledger, IncidentKind.out_of_memory),
        "memory ran out, told {} times",
        cause="a batch, or several processes on one device, need more than there is",
        remedy="halve batch_size, or run fewer clients at once; where memory grows step by step, find the leak",
        fault=Fault.out_of_memory,
    )
    yield from answer(ledger, found)


@check("incidents.returned")
def returned(ledger: Ledger) -> Iterator[Finding]:
    """The strategy returns what it aggregated, and not None."""
    found = about(
        of_kind(ledger, IncidentKind.nothing_returned),
        "a function that has to return two values returned None",
        cause="aggregate_fit ends without `return parameters, metrics`",
        remedy="return the aggregated parameters and the metrics on every path through it",
        workflow="aggregation-fix",
        fault=Fault.aggregate_not_returned,
    )
    yield from answer(ledger, found)


@check("incidents.digests")
def digests(ledger: Ledger) -> Iterator[Finding]:
    """Digests of parameters are compared, and are equal where they have to be."""
    mismatch = about(
        of_kind(ledger, IncidentKind.hash_mismatch),
        "parameters arrived with another digest, told {} times",
        cause="parameters change on the way, or the sides do not digest the same (order, dtype, rounding)",
        remedy="compare the two sides tensor by tensor: name, dtype, shape, values",
        fault=Fault.digest_mismatch,
    )
    yield from answer(ledger, mismatch, _inactive(ledger))


def _inactive(ledger: Ledger) -> Finding | None:
    absent = of_kind(ledger, IncidentKind.hash_missing)
    if not absent:
        return None
    compared = any(one.digest_out for one in ledger.trainings) or of_kind(ledger, IncidentKind.hash_mismatch)
    told = f"{times(absent)} replies carried no digest and were averaged all the same"
    if compared:
        return warned(
            told,
            at=where_all(absent),
            evidence=lines(absent),
            cause="some clients give no digest",
            remedy="refuse a reply without a digest",
            fault=Fault.control_inactive,
            confidence=LIKELY,
        )
    return failed(
        f"{told}, and none carried one: the control checks nothing",
        at=where_all(absent),
        evidence=lines(absent),
        cause="the digest is lost before it is sent: a filter that keeps numbers only drops it from the metrics",
        remedy="send the digest where text may be sent, and refuse a reply without one",
        workflow="aggregation-fix",
        fault=Fault.control_inactive,
        confidence=SURE,
    )


@check("incidents.clients")
def clients(ledger: Ledger) -> Iterator[Finding]:
    """No client failed, no worker died, and no log mixes clients."""
    yield from answer(
        ledger,
        about(
            of_kind(ledger, IncidentKind.client_failed, IncidentKind.no_clients),
            "clients failed or none answered, told {} times",
            cause="each line has its reason",
            remedy="mend the clients that are named",
            fault=Fault.client_dropouts,
        ),
        about(
            of_kind(ledger, IncidentKind.actor_died),
            "a worker process of Ray died, told {} times",
            cause="most often the machine's memory ran out; a dead worker fails every message that it is given",
            remedy="run fewer clients at once, watch the memory, or use the inline engine",
            fault=Fault.client_dropouts,
        ),
        about(
            of_kind(ledger, IncidentKind.storage_invalid),
            "tensors could not be read: their storage is gone",
            cause="several workers load the same file at once",
            remedy="load in one process at a time",
        ),
        about(
            of_kind(ledger, IncidentKind.mixed_clients),
            "{} lines of one client stand under the heading of another",
            verdict=Verdict.warned,
            cause="a worker process is used for several clients and its logger keeps the first one's name",
            remedy="bind the client's name at each message it gets",
        ),
    )


@check("incidents.errors")
def errors(ledger: Ledger) -> Iterator[Finding]:
    """No exception went uncaught."""
    found = of_kind(ledger, IncidentKind.traceback)
    if not found:
        yield from answer(ledger)
    for one in found[:MOST_SHOWN]:
        yield failed(
            f"an exception nobody caught: {one.text[:160]}",
            at=where_all([one]),
            evidence=lines([one]),
            cause=f"the traceback above {one.read_from} tells where" if one.read_from else "the traceback tells where",
            confidence=SURE,
        )


@check("incidents.programs")
def programs(ledger: Ledger) -> Iterator[Finding]:
    """Every program that was started is installed."""
    found = about(
        of_kind(ledger, IncidentKind.program_missing),
        "a program that was to be started is not there",
        cause="it is not installed, or its environment's bin folder is not in PATH",
        remedy="install it in the environment that starts it (Flower's programs: pip install flwr)",
        fault=Fault.program_missing,
    )
    yield from answer(ledger, found)


# What a claim speaks of, by its words, and what says the contrary of it. The first that fits decides.
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


@check("incidents.claims")
def claims(ledger: Ledger) -> Iterator[Finding]:
    """Where a line claims success, none says the contrary."""
    found = []
    for claim in of_kind(ledger, IncidentKind.success_claimed):
        kinds = next(kinds for words, kinds in CONTRADICTIONS if any(word in claim.text.lower() for word in words))
        contrary = of_kind(ledger, *kinds)
        if contrary:
            found += [claim, *contrary]
    told = about(
        list({id(one): one for one in found}.values()),
        "success is claimed, and the contrary stands beside it",
        cause="the message is printed whatever happened: nobody looks at the outcome",
        remedy="ask the program itself (its health address, the status of its process) before saying that it runs",
        fault=Fault.success_unfounded,
    )
    yield from answer(ledger, told)


@check("incidents.ending")
def ending(ledger: Ledger) -> Iterator[Finding]:
    """No log breaks off in the middle of a training."""
    if ledger.closed or not any(training.read_from for training in ledger.trainings) or of_kind(ledger, *ENDINGS):
        yield from answer(ledger)
        return
    last = max(training.round for training in ledger.trainings)
    cut = [
        (training, wanted)
        for training in ledger.trainings
        if training.round == last
        and "steps" not in training.missing
        and isinstance(wanted := training.settings.get("local-steps"), int)
        and training.steps < wanted
    ]
    for training, wanted in cut:
        yield warned(
            f"it ends at step {training.steps} of {wanted} without a word",
            at=where(training),
            evidence=[point("steps done", training.steps, where(training), "steps")],
            cause="the process was killed, as Linux does where memory runs out; or the log was cut, or it goes on",
            remedy="look for the process, and for oom-kill in the machine's log: journalctl -k",
            fault=Fault.killed,
            confidence=LIKELY,
        )
    if not cut:
        yield from answer(ledger)


@check("incidents.secrets")
def secrets(ledger: Ledger) -> Iterator[Finding]:
    """No secret stands in a log."""
    found = about(
        of_kind(ledger, IncidentKind.secret_shown),
        "secrets stand in the log, told {} times",
        cause="a configuration, an environment or local variables of a traceback were printed",
        remedy="withdraw them where they were given out, then delete the log; with loguru set diagnose=False",
    )
    yield from answer(ledger, found)
