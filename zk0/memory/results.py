"""The entries that a run adds to the memory: its result, new faults, and faults that were repaired; pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from zk0.core.errors import ExitStatus
from zk0.core.receipts import Receipt
from zk0.core.verdicts import Finding, Verdict
from zk0.memory.bank import BankSnapshot
from zk0.memory.entries import Entry, FactSource, FaultRecord, Kind, Mark, RunRecord, Status, StepRecord, one_line
from zk0.memory.evidence import evidence_of, numbers_of


@dataclass(frozen=True)
class ObservedFault:
    """Something found wrong in one receipt: by a finding, or by the failure that ended the step."""

    receipt: Receipt
    record: FaultRecord
    message: str
    sources: tuple[FactSource, ...]


def faults_of(receipt: Receipt) -> Iterator[ObservedFault]:
    """Yield each failed finding of a receipt, and the error that ended its step."""
    for number, finding in enumerate(receipt.findings):
        if finding.verdict.stops:
            record = FaultRecord(
                workflow=receipt.workflow,
                step=receipt.step,
                check=finding.check,
                at=finding.at,
                verdict=finding.verdict,
                cause=finding.cause,
                remedy=finding.remedy,
                repaired_by=finding.workflow,
            )
            yield ObservedFault(receipt, record, finding.message, _sources(receipt, number, finding))
    if failure := receipt.failure:
        record = FaultRecord(
            workflow=receipt.workflow,
            step=receipt.step,
            code=failure.code,
            verdict=Verdict.error,
            remedy=failure.remedy,
        )
        source = FactSource(receipt=receipt.digest, metric="failure.code", value=failure.code)
        yield ObservedFault(receipt, record, failure.message, (source,))


def _sources(receipt: Receipt, number: int, finding: Finding) -> tuple[FactSource, ...]:
    verdict = FactSource(receipt=receipt.digest, metric=f"findings.{number}.verdict", value=str(finding.verdict))
    own = (source for source in evidence_of(receipt) if (source.metric or "").startswith(f"findings.{number}."))
    return (verdict, *own)


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
    """A run that is over, and who writes about it.

    `tree` is the digest of the code it vouches for, `files` those that changed while it ran.
    """

    run: str
    workflow: str
    verdict: Verdict
    exit_status: ExitStatus
    at: datetime
    by: str
    receipts: Sequence[Receipt]
    steps: Sequence[StepRecord]
    proposals: Sequence[str] = ()
    tree: str | None = None
    files: Sequence[str] = ()

    @property
    def seconds(self) -> float:
        """How long its steps took together."""
        return sum(receipt.seconds for receipt in self.receipts)

    @property
    def outcome(self) -> str:
        """The verdict; of a run that did not get to its end, that it did not."""
        complete = self.exit_status in (ExitStatus.done, ExitStatus.failed)
        return str(self.verdict) if complete else f"{self.exit_status.name.replace('_', ' ')} ({self.verdict})"


def entries_of(ended: EndedRun, bank: BankSnapshot) -> list[Entry]:
    """Return one result, one fault for each new failed finding, and one closing entry for each fault repaired.

    The result supersedes the workflow's earlier ones. A fault that is open already is not written again.
    """
    faults = [fault for receipt in ended.receipts for fault in faults_of(receipt)]
    known = {entry.fault.key: entry for entry in bank.counting(Kind.fault) if entry.fault}
    new: dict[tuple[str, ...], ObservedFault] = {}
    for fault in faults:
        if fault.record.key not in known:
            new.setdefault(fault.record.key, fault)
    repaired = [
        (entry, entry.fault, receipt)
        for entry in known.values()
        for receipt in ended.receipts
        if entry.fault and (receipt.workflow, receipt.step) == (entry.fault.workflow, entry.fault.step)
        if is_repaired(entry.fault, receipt)
    ]
    return [
        _result(ended, bank),
        *(_fault_entry(ended, fault) for fault in new.values()),
        *(_closing_entry(ended, entry, fault, receipt) for entry, fault, receipt in repaired),
    ]


def step_records(receipts: Sequence[Receipt]) -> list[StepRecord]:
    """Return the steps that were performed, one record each."""
    return [
        StepRecord(
            id=receipt.step,
            title=one_line(receipt.title),
            verdict=receipt.verdict,
            seconds=round(receipt.seconds, 3),
            receipt=receipt.digest,
            note=one_line(_note(receipt)),
        )
        for receipt in receipts
    ]


def _note(receipt: Receipt) -> str:
    """Return why a step did not simply pass."""
    if receipt.failure:
        return receipt.failure.message
    messages = (finding.message for finding in receipt.findings if finding.verdict is receipt.verdict)
    return "" if receipt.verdict is Verdict.passed else next(messages, "")


def _result(ended: EndedRun, bank: BankSnapshot) -> Entry:
    record = RunRecord(
        id=ended.run,
        workflow=ended.workflow,
        verdict=ended.verdict,
        ended=ended.exit_status.name,
        seconds=round(ended.seconds, 3),
        steps=tuple(ended.steps),
        proposals=tuple(ended.proposals),
        files=tuple(ended.files),
    )
    earlier = [entry.id for entry in bank.counting(Kind.result) if entry.run and entry.run.workflow == ended.workflow]
    steps = "\n".join(f"- {step.title}: {step.verdict}{f' ({step.note})' if step.note else ''}" for step in ended.steps)
    return _entry(
        ended,
        ended.receipts[-1] if ended.receipts else None,
        kind=Kind.result,
        title=f"{ended.workflow}: {ended.outcome} after {ended.seconds:.0f} s",
        sources=numbers_of(ended.receipts),
        supersedes=tuple(earlier),
        tree=ended.tree,
        run=record,
        body=f"Run `{ended.run}`.\n\n{steps or 'No step was performed.'}",
    )


def _fault_entry(ended: EndedRun, fault: ObservedFault) -> Entry:
    record = fault.record.model_copy(
        update={name: one_line(text) for name in ("cause", "remedy") if (text := getattr(fault.record, name))}
    )
    where = f" ({record.at})" if record.at else ""
    lines = (
        f"Found by `{record.check or record.code}` in step `{record.step}` of run `{ended.run}`{where}.",
        record.cause and f"Cause: {record.cause.rstrip('.')}.",
        record.remedy and f"Remedy: {record.remedy.rstrip('.')}.",
        record.repaired_by and f"Repaired by: `zk0 run {record.repaired_by}`.",
    )
    return _entry(
        ended,
        fault.receipt,
        kind=Kind.fault,
        title=one_line(fault.message) or f"{record.check or record.code} without a message",
        sources=fault.sources,
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
        body=f"Step `{receipt.step}` of run `{ended.run}` found it right.",
    )


def _entry(ended: EndedRun, receipt: Receipt | None, **fields: object) -> Entry:
    code = receipt.code if receipt else None
    origin = {"commit": code.commit, "branch": code.branch} if code else {}
    return Entry.model_validate({"generated": Mark(by=ended.by, at=ended.at), **origin, **fields})
