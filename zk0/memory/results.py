"""The entries that a run adds to the memory: its result, new faults, and faults that were repaired; pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from zk0.core.portable_paths import without_interpreters
from zk0.core.receipts import Receipt
from zk0.core.verdicts import Verdict
from zk0.memory.entries import Entry, FactSource, FaultRecord, Kind, Mark, RunRecord, Status, StepRecord, one_line
from zk0.memory.evidence import evidence_of, numbers_of
from zk0.memory.snapshot import BankSnapshot


def is_repaired(fault: FaultRecord, receipt: Receipt) -> bool:
    """Whether a later receipt of the same step shows that the fault is gone; not finding it is not enough."""
    if receipt.failure:
        return False
    if fault.code:
        return True
    same_check = [finding for finding in receipt.findings if finding.check == fault.check]
    same_place = [finding for finding in same_check if finding.at == fault.at] or same_check
    verdicts = {finding.verdict for finding in same_place}
    return Verdict.passed in verdicts and not any(verdict.stops for verdict in verdicts)


@dataclass(frozen=True)
class EndedRun:
    """A run that is over with its receipts, and who writes about it when; `tree` is the code that it vouches for."""

    record: RunRecord
    receipts: Sequence[Receipt]
    at: datetime
    by: str
    tree: str | None = None


def entries_of(ended: EndedRun, bank: BankSnapshot) -> list[Entry]:
    """Return one result, one fault for each new failed finding, and one closing entry for each fault repaired.

    The result supersedes the workflow's earlier ones; that of a run that was broken off, only others of that sort. A
    fault that is open already is not written again.
    """
    known = {entry.fault.key: entry for entry in bank.counting(Kind.fault) if entry.fault}
    new: dict[tuple[str, ...], Entry] = {}
    for receipt in ended.receipts:
        for entry in _faults(ended, receipt):
            if entry.fault and entry.fault.key not in known:
                new.setdefault(entry.fault.key, entry)
    repaired = [
        _closing_entry(ended, entry, entry.fault, receipt)
        for entry in known.values()
        for receipt in ended.receipts
        if entry.fault and (receipt.workflow, receipt.step) == (entry.fault.workflow, entry.fault.step)
        if is_repaired(entry.fault, receipt)
    ]
    return [_result(ended, bank), *new.values(), *repaired]


def step_record(receipt: Receipt) -> StepRecord:
    """Return the record of a step that was performed."""
    return StepRecord(
        id=receipt.step,
        title=one_line(receipt.title),
        verdict=receipt.verdict,
        seconds=round(receipt.seconds, 3),
        receipt=receipt.digest,
        note=one_line(_note(receipt)),
    )


def _note(receipt: Receipt) -> str:
    """Return why a step did not simply pass."""
    if receipt.failure:
        return receipt.failure.message
    messages = (finding.message for finding in receipt.findings if finding.verdict is receipt.verdict)
    return "" if receipt.verdict is Verdict.passed else next(messages, "")


def _result(ended: EndedRun, bank: BankSnapshot) -> Entry:
    run = ended.record
    before = [(entry.id, entry.run) for entry in bank.counting(Kind.result) if entry.run]
    earlier = [
        name for name, one in before if one.workflow == run.workflow and (run.is_complete or not one.is_complete)
    ]
    steps = "\n".join(f"- {step.title}: {step.verdict}{f' ({step.note})' if step.note else ''}" for step in run.steps)
    return _entry(
        ended,
        ended.receipts[-1] if ended.receipts else None,
        kind=Kind.result,
        title=f"{run.workflow}: {run.outcome} after {run.seconds:.0f} s",
        sources=numbers_of(ended.receipts),
        supersedes=tuple(earlier),
        tree=ended.tree,
        run=run,
        body=f"Run `{run.id}`.\n\n{steps or 'No step was performed.'}",
    )


def _faults(ended: EndedRun, receipt: Receipt) -> Iterator[Entry]:
    """Yield an entry for each failed finding of a receipt, and for the error that ended its step."""
    place = {"workflow": receipt.workflow, "step": receipt.step}
    for number, finding in enumerate(receipt.findings):
        if finding.verdict.stops:
            record = FaultRecord(
                **place,
                check=finding.check,
                at=finding.at,
                verdict=finding.verdict,
                cause=finding.cause and one_line(finding.cause),
                remedy=finding.remedy and one_line(finding.remedy),
                repaired_by=finding.workflow,
            )
            verdict = FactSource(
                receipt=receipt.digest, metric=f"findings.{number}.verdict", value=str(finding.verdict)
            )
            yield _fault(ended, receipt, record, finding.message, [verdict, *evidence_of(receipt, number)])
    if failure := receipt.failure:
        remedy = failure.remedy and one_line(failure.remedy)
        record = FaultRecord(**place, code=failure.code, verdict=Verdict.error, remedy=remedy)
        source = FactSource(receipt=receipt.digest, metric="failure.code", value=failure.code)
        yield _fault(ended, receipt, record, failure.message, [source])


def _fault(
    ended: EndedRun, receipt: Receipt, record: FaultRecord, message: str, sources: Sequence[FactSource]
) -> Entry:
    where = f" ({record.at})" if record.at else ""
    lines = (
        f"Found by `{record.check or record.code}` in step `{record.step}` of run `{ended.record.id}`{where}.",
        record.cause and f"Cause: {record.cause.rstrip('.')}.",
        record.remedy and f"Remedy: {record.remedy.rstrip('.')}.",
        record.repaired_by and f"Repaired by: `zk0 run {record.repaired_by}`.",
    )
    return _entry(
        ended,
        receipt,
        kind=Kind.fault,
        title=one_line(message) or f"{record.check or record.code} without a message",
        sources=tuple(sources),
        fault=record,
        body="\n".join(line for line in lines if line),
    )


def _closing_entry(ended: EndedRun, entry: Entry, fault: FaultRecord, receipt: Receipt) -> Entry:
    return _entry(
        ended,
        receipt,
        kind=Kind.fault,
        title=f"no longer found: {entry.title}",
        status=Status.closed,
        sources=(FactSource(receipt=receipt.digest, metric="verdict", value=str(receipt.verdict)),),
        supersedes=(entry.id,),
        fault=fault,
        body=f"Step `{receipt.step}` of run `{ended.record.id}` found it right.",
    )


def _entry(ended: EndedRun, receipt: Receipt | None, **fields: object) -> Entry:
    code = receipt.code if receipt else None
    origin = {"commit": code.commit, "branch": code.branch} if code else {}
    return Entry.model_validate({"generated": Mark(by=ended.by, at=ended.at), **origin, **without_interpreters(fields)})
