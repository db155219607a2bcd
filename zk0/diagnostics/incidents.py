"""Findings from the lines of a log: errors, refusals, controls that do nothing, claims (`incidents.*`).

What most kinds of incident mean stands in a table (`meanings`). A few checks read several lines together, or numbers
beside them: a success that is claimed beside a missing program is not a success.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from zk0.core.checks import check
from zk0.core.faults import Fault
from zk0.core.verdicts import Finding, Verdict, failed, not_applicable, not_available, passed, warned
from zk0.diagnostics.exceptions import judge_groups, lost_something, raised_groups, went_on
from zk0.diagnostics.known import recognize
from zk0.diagnostics.meanings import (
    DEAD_CONTROL,
    LIKELY,
    MEANINGS,
    NOT_FINITE,
    OUT_OF_MEMORY,
    PROGRAM,
    SURE,
    UNFOUNDED,
    WEAK_CONTROL,
    lines_of,
    place,
    total,
)
from zk0.diagnostics.series import point
from zk0.ledger import Incident, IncidentKind, Ledger

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


def _memory(ledger: Ledger) -> Iterator[Finding]:
    """Yield the finding on memory that ran out, whichever program said so; caught and got over, it is none."""
    groups = [one for one in raised_groups(ledger) if one.fault is Fault.out_of_memory]
    yield from judge_groups(ledger, groups)
    told = {id(one) for group in groups for one in group.incidents}
    lines = [one for one in _of_kind(ledger, IncidentKind.out_of_memory) if id(one) not in told]
    over = [one for one in lines if went_on(one)]
    if over and len(over) == len(lines) and not lost_something(ledger):
        yield passed(f"memory ran out, and the work went on: {over[0].text[:160]}", evidence=lines_of(over))
    elif lines and not groups:
        known = next(filter(None, (recognize(one.text) for one in lines)), None)
        yield OUT_OF_MEMORY.finding(lines) if known is None else OUT_OF_MEMORY.with_cause(known).finding(lines)


def _damaged(ledger: Ledger) -> Iterator[Finding]:
    """Yield the finding on batches that could not be decoded: how many, and whether the loader lost its place."""
    decoding = _of_kind(ledger, IncidentKind.decode_error, IncidentKind.batch_skipped)
    if not decoding:
        return
    restarts = _of_kind(ledger, IncidentKind.loader_restarted)
    lost, steps, at = total(decoding), sum(one.steps for one in ledger.trainings), place(decoding)
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
            *lines_of([*decoding, *restarts]),
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
