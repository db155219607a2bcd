"""What a receipt says is wrong, and whether a later receipt shows that it is right again; pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from zk0.core.receipts import Receipt
from zk0.core.verdicts import Finding, Verdict
from zk0.memory.entries import FaultRecord, Source
from zk0.memory.receipt_values import evidence_of


@dataclass(frozen=True)
class Fault:
    """Something found wrong in one receipt: by a finding, or by the failure that ended the step."""

    receipt: Receipt
    record: FaultRecord
    message: str
    sources: tuple[Source, ...]


def faults_of(receipt: Receipt) -> Iterator[Fault]:
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
            yield Fault(receipt, record, finding.message, _sources(receipt, number, finding))
    if failure := receipt.failure:
        record = FaultRecord(
            workflow=receipt.workflow,
            step=receipt.step,
            code=failure.code,
            verdict=Verdict.error,
            remedy=failure.remedy,
        )
        source = Source(receipt=receipt.digest, metric="failure.code", value=failure.code)
        yield Fault(receipt, record, failure.message, (source,))


def _sources(receipt: Receipt, number: int, finding: Finding) -> tuple[Source, ...]:
    verdict = Source(receipt=receipt.digest, metric=f"findings.{number}.verdict", value=str(finding.verdict))
    own = (source for source in evidence_of(receipt) if (source.metric or "").startswith(f"findings.{number}."))
    return (verdict, *own)


def is_repaired(fault: FaultRecord, receipt: Receipt) -> bool:
    """Whether a later receipt of the same step shows that the fault is gone; not finding it is not enough."""
    if receipt.failure:
        return False
    if fault.code:
        return True
    judged = [finding for finding in receipt.findings if finding.check == fault.check]
    same_place = [finding for finding in judged if finding.at == fault.at] or judged
    verdicts = {finding.verdict for finding in same_place}
    return Verdict.passed in verdicts and not any(verdict.stops for verdict in verdicts)
