"""Did the run come to its end, and did it get there by working? (`progress.*`)

A log that stops is not a log of a run that ended. An end is a line that says so, or the last planned round, epoch or
step. Where neither is in the log, it may have been killed, cut, or be running still, and nobody can say that it is
healthy.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from statistics import median

from zk0.core.checks import check
from zk0.core.faults import Fault
from zk0.core.verdicts import Evidence, Finding, failed, not_applicable, not_available, passed, warned
from zk0.diagnostics.exceptions import is_ending_line, went_on
from zk0.diagnostics.known import recognize
from zk0.diagnostics.series import by_client, joined, judge_each, point
from zk0.ledger import Incident, IncidentKind, Ledger, LogProgress, Training

SURE = 0.95
LIKELY = 0.6
UNKNOWN = 0.2  # whether anything is wrong at all: every other finding comes first
SOME_WAITS = 4  # and then the log ends
MANY_WAITS = 10  # the same line so often is no start that takes its time
WAITED = 600.0  # seconds of waiting after which somebody should look
LOADER_BOUND = 2.0  # times the step: above it the accelerator idles two thirds of the time
ENOUGH_STEPS = 5  # logged times of loading; the first is slow for everybody
_NUMBERS = re.compile(r"\d+(?:\.\d+)?")  # in which lines of one wait differ
RUNNING = 600.0  # seconds since the last line within which a process is taken to be alive

BROKEN_OFF = "the process was killed, the log was cut, or the run goes on"
LOADING = "it was killed while it loaded (most often its memory ran out), or waits for a download or a lock"

# How a process ended: message, cause, remedy, fault. What is named first is the nearest to a cause.
ENDINGS: dict[IncidentKind, tuple[str, str, str, Fault]] = {
    IncidentKind.collective_timeout: (
        "a step that all processes do together timed out",
        "one of them died, hangs, or does another number of steps than the others",
        "find the rank that is missing or behind; a longer timeout only waits longer",
        Fault.collective_timeout,
    ),
    IncidentKind.time_limit: (
        "the scheduler's time limit ended it",
        "the job asked for less time than the training needs",
        "ask for more time, or save checkpoints and resume from the last",
        Fault.killed,
    ),
    IncidentKind.crashed: (
        "a process crashed",
        "a compiled library failed: a decoder, a driver, or two libraries that don't fit each other",
        "run with PYTHONFAULTHANDLER=1, which prints the Python line; num_workers=0 shows whether it is the loader",
        Fault.crashed,
    ),
    IncidentKind.killed: (
        "a process was killed",
        "the kernel or the scheduler ended it, most often because its memory ran out",
        "journalctl -k | grep -i oom, or sacct -j JOB -o State,MaxRSS, shows whether it was the memory",
        Fault.killed,
    ),
    IncidentKind.interrupted: (
        "it was interrupted",
        "a person or a scheduler stopped it",
        "resume from the last checkpoint",
        Fault.killed,
    ),
}


@check("progress.ended")
def ended(ledger: Ledger) -> Finding:
    """The run came to its planned end, or is running still."""
    if ledger.closed is not None:
        return _closed(ledger)
    if ledger.opened is not None:
        return not_available("the ledger has no end: the run goes on, or was killed")
    done = [one for one in ledger.progress if one.planned and one.reached is not None]
    if done:
        return _planned(ledger, done)
    if _has_not_begun(ledger) and not _ended_otherwise(ledger) and not _is_written_still(ledger):
        return _broken_off(ledger, "its start, before the first step,", [], LOADING)
    if _is_written_still(ledger):
        return passed("the log is being written")
    return _steps(ledger) or not_available("needs the run's last line, or how many rounds, epochs or steps it has")


def _planned(ledger: Ledger, done: list[LogProgress]) -> Finding:
    """Judge by what was planned, in the coarsest unit: the steps of an epoch begin again with each."""
    unit = min(done, key=lambda one: ("round", "epoch", "step").index(one.unit)).unit
    of_unit = [_as_aggregated(one, ledger) for one in done if one.unit == unit]
    # A program that logs every 50 steps says nothing of the last 40.
    short = [
        one
        for one in of_unit
        if (one.planned or 0) - (one.reached or 0) >= max(one.stride or 1, 2 if _counts_from_0(one) else 1)
    ]
    evidence = [_amount(one) for one in of_unit]
    if not short:
        return passed(f"all {of_unit[0].planned:g} {unit}s", evidence=evidence)
    if _is_written_still(ledger):
        return passed(f"{_amount(short[0]).value}, and the log is being written", evidence=evidence)
    if _ended_otherwise(ledger):
        return not_available("another finding says how it ended")
    return _broken_off(ledger, f"{unit} {short[0].reached or 0:g} of {short[0].planned or 0:g}", evidence)


def _counts_from_0(one: LogProgress) -> bool:
    """Return whether the count may begin with 0: steps may, and whole epochs do where the first one is 0."""
    return one.unit == "step" or (one.unit == "epoch" and one.begins == 0 and one.reached == int(one.reached or 0))


def _as_aggregated(one: LogProgress, ledger: Ledger) -> LogProgress:
    """Return how far rounds came where the server's aggregates are in the log: one that began is not yet done."""
    averaged = [each.round for each in ledger.aggregations if each.accepted]  # empty where no line says it
    if one.unit != "round" or not averaged:
        return one
    return one.model_copy(update={"reached": min(one.reached or 0, max(averaged))})


def _closed(ledger: Ledger) -> Finding:
    closed = ledger.closed
    if closed is None or closed.outcome == "done":
        return passed(f"it ended after {closed.rounds} rounds" if closed and closed.rounds else "it ended")
    return failed(
        f"the run failed: {closed.reason or 'without a reason'}",
        cause="the run's own record says so",
        remedy="the other findings, or the run's log, say why",
        fault=Fault.exception,
        confidence=LIKELY,
    )


def _steps(ledger: Ledger) -> Finding | None:
    """Judge by the configured number of local steps; None where it is not known."""
    if not ledger.trainings or not any(one.read_from for one in ledger.trainings):
        return None
    last = max(one.round for one in ledger.trainings)
    known = [
        (one, wanted)
        for one in ledger.trainings
        if one.round == last
        and "steps" not in one.missing
        and isinstance(wanted := one.settings.get("local-steps"), int)
    ]
    short = [(one, wanted) for one, wanted in known if one.steps < wanted]
    if not short or _ended_otherwise(ledger):
        return None
    evidence = [point(f"steps of {one.client} done", one.steps, "steps") for one, _ in short]
    one, wanted = short[0]
    return _broken_off(ledger, f"step {one.steps} of {wanted}", evidence)


def _has_not_begun(ledger: Ledger) -> bool:
    """Return whether a program began to load what it trains, and logged no step."""
    return not ledger.trainings and any(one.unit == "step" and one.reached == 0 for one in ledger.progress)


def _broken_off(ledger: Ledger, where: str, evidence: Sequence[Evidence], cause: str = BROKEN_OFF) -> Finding:
    shown = [point("last line", one.last_line, at=one.source) for one in ledger.logs if one.last_line]
    return warned(
        f"the log ends at {where} without an error",
        evidence=[*evidence, *shown[:2]],
        cause=cause,
        remedy="look for the process; if it is gone, for oom-kill in the machine's log: journalctl -k",
        fault=Fault.killed,
        confidence=UNKNOWN,
    )


def _amount(one: LogProgress) -> Evidence:
    return point(
        f"{one.unit}s",
        f"{one.reached or 0:g} of {one.planned or 0:g} {one.unit}s",
        at=one.client or one.read_from or "",
    )


def _is_written_still(ledger: Ledger) -> bool:
    """Return whether the last time in a log is that of reading it: a file's own time is new with every copy of it."""
    return any(
        one.last_at is not None and one.read_at is not None and _apart(one.last_at, one.read_at) < RUNNING
        for one in ledger.logs
    )


def _apart(logged: datetime, read: datetime) -> float:
    """Return the seconds between two times; one without a zone is local or UTC, as logs print either."""
    if logged.tzinfo is not None:
        return abs((read - logged).total_seconds())
    here = (read.astimezone(zone).replace(tzinfo=None) for zone in (UTC, None))
    return min(abs((time - logged).total_seconds()) for time in here)


def _ended_otherwise(ledger: Ledger) -> bool:
    """Return whether a line says how the run ended: by a signal, an exception, or for want of memory."""
    kinds = (
        *ENDINGS,
        IncidentKind.traceback,
        IncidentKind.out_of_memory,
        IncidentKind.actor_died,
        IncidentKind.waiting,
    )
    loop = (IncidentKind.decode_error, IncidentKind.step_skipped)
    return any(one.kind in (*kinds, *loop) and not went_on(one) for one in ledger.incidents)


@check("progress.stopped")
def stopped(ledger: Ledger) -> Iterator[Finding]:
    """No process was killed, crashed, interrupted or timed out."""
    if not ledger.events:
        yield not_available("nothing was read")
        return
    empty = True
    # A chain of exceptions is `exceptions.raised`; a process that went on was not ended.
    ends = [one for one in ledger.incidents if one.kind in ENDINGS and not went_on(one) and is_ending_line(one)]
    # A watchdog aborts its process, and what does not end when it is asked to is killed: the first line counts.
    first = (
        ends[0].kind if ends and ends[0].kind in (IncidentKind.collective_timeout, IncidentKind.interrupted) else None
    )
    for kind, (message, cause, remedy, fault) in ENDINGS.items():
        found = [one for one in ends if one.kind is kind or first]
        if found and (kind is first or not first):
            empty = False
            row = recognize(found[0].text) if kind is IncidentKind.interrupted else None
            yield failed(
                message if len(found) == 1 else f"{message}, reported {sum(one.count for one in found)} times",
                at=found[0].client or "",
                evidence=[point(kind.value, one.text, at=one.read_from or "") for one in found[:4]],
                cause=row.cause if row else cause,
                remedy=row.remedy if row else remedy,
                fault=fault,
                confidence=SURE,
            )
    if empty:
        yield not_applicable("no line mentions it")


@check("progress.waiting")
def waiting(ledger: Ledger) -> Iterator[Finding]:
    """Nothing waits without an end."""
    kinds = (IncidentKind.waiting, IncidentKind.retried)
    found: dict[tuple[str | None, str], list[Incident]] = {}
    for one in ledger.incidents:
        if one.kind in kinds and not one.progress_after:
            found.setdefault((one.client, _NUMBERS.sub("#", one.text)), []).append(one)
    last = {one.last_line.strip() for one in ledger.logs}
    long = [same for same in found.values() if _times(same) >= MANY_WAITS or max(map(_seconds, same)) >= WAITED]
    ends = [
        same for same in found.values() if same not in long and _times(same) >= SOME_WAITS and same[-1].text in last
    ]
    for same in ends:
        yield warned(
            f"the log ends in waiting, and says so {_times(same)} times: {same[0].text[:160]}",
            at=same[0].client or "",
            evidence=[point("lines that say so", _times(same), at=same[0].read_from or "")],
            cause="what it waits for has not come yet: not started, at another address, or gone",
            remedy="see whether the other side runs, and whether its name has the right address here (getent hosts)",
            fault=Fault.waiting,
            confidence=LIKELY,
        )
    if not long and not ends:
        yield (
            not_applicable("no line says that something waits") if ledger.events else not_available("nothing was read")
        )
    for same in long:
        first, seconds = same[0], max(map(_seconds, same))
        how_long = f" for {seconds:.0f} s" if seconds else ""
        known = recognize(first.text)
        yield failed(
            f"it waits{how_long}, and says so {_times(same)} times: {first.text[:160]}",
            at=first.client or "",
            evidence=[point("lines that say so", _times(same), at=first.read_from or "")],
            cause=known.cause if known else "what it waits for is fewer than it needs: not started, gone, or elsewhere",
            remedy=known.remedy
            if known
            else "start what is missing, or lower the number wanted; its own log says more",
            fault=Fault.waiting,
            confidence=SURE,
        )


def _times(same: Sequence[Incident]) -> int:
    return sum(one.count for one in same)


def _seconds(one: Incident) -> float:
    return (one.last_at - one.first_at).total_seconds() if one.first_at and one.last_at else 0.0


@check("progress.loading")
def loading(ledger: Ledger) -> Iterator[Finding]:
    """Steps do not wait for their data longer than they take."""
    return judge_each(
        by_client(ledger.trainings), _loading, nothing="needs the seconds of a step and of loading its batch"
    )


def _loading(trainings: list[Training]) -> Finding:
    load = joined(trainings, lambda one: one.data_seconds)
    step = joined(trainings, lambda one: one.step_seconds)
    if min(len(load), len(step)) < ENOUGH_STEPS or not median(step):
        return not_available(f"needs {ENOUGH_STEPS} measurements of loading and of the step, has {len(load)}")
    loads, steps = median(load), median(step)
    evidence = [point("loading a batch, median", loads, "s"), point("the step itself, median", steps, "s")]
    if loads <= LOADER_BOUND * steps:
        return passed(f"loading takes {loads / steps:.2g} times the step", evidence=evidence)
    return warned(
        f"each step waits {loads:.3g} s for its data and works {steps:.3g} s",
        evidence=evidence,
        cause="reading and decoding are slower than the accelerator: too few workers, a slow disk, or video decoding",
        remedy="raise num_workers, copy the data to a local disk, or decode with torchcodec",
        fault=Fault.loader_bound,
        confidence=0.9,
    )
