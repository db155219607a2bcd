"""What a run adds to the memory: one result, its new faults, and the faults it shows to be gone."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from zk0.core.errors import ExitStatus
from zk0.core.git import GitState
from zk0.core.receipts import Failure, Receipt
from zk0.core.verdicts import Evidence, Finding, Verdict, failed, not_available, passed, warned, worst
from zk0.memory.entries import Entry, FactSource, Kind, RunRecord, Status, with_id
from zk0.memory.evidence import value_at
from zk0.memory.results import EndedRun, entries_of, step_record
from zk0.memory.snapshot import BankSnapshot

type MakeReceipt = Callable[..., Receipt]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def found(finding: Finding, check: str = "loss.trend") -> Finding:
    return finding.model_copy(update={"check": check})


FALLS = found(passed("falls", at="client 1"))
RISES = found(
    failed(
        "it rises",
        at="client 1",
        evidence=[Evidence(name="growth", value=0.81)],
        cause="the learning rate is too high",
        remedy="divide it by 5",
        workflow="fedprox-debug",
    )
)


def ended(receipts: Sequence[Receipt], run: str = "run-1", exit_status: ExitStatus = ExitStatus.done) -> EndedRun:
    record = RunRecord(
        id=run,
        workflow="train",
        verdict=worst(receipt.verdict for receipt in receipts),
        ended=exit_status.name,
        seconds=sum(receipt.seconds for receipt in receipts),
        steps=tuple(step_record(receipt) for receipt in receipts),
    )
    return EndedRun(record, receipts, NOON + HOUR, "process:zk0 0")


def added(run: EndedRun, *before: Entry) -> tuple[Entry, ...]:
    """Return the entries a run adds to a bank, as the bank would hold them."""
    return tuple(with_id(entry) for entry in entries_of(run, BankSnapshot(before)))


def test_a_run_becomes_one_result_with_its_steps_and_numbers(make_receipt: MakeReceipt) -> None:
    code = GitState(commit="f" * 40, branch="main")
    data = make_receipt(step="data", code=code)
    federate = make_receipt(
        found(warned("falls slowly", evidence=[Evidence(name="ratio", value=0.9)])), code=code, after=HOUR
    )

    [result] = added(ended([data, federate]))

    assert result.title == "train: warn after 4 s"
    assert (result.commit, result.branch) == (code.commit, code.branch)
    assert result.generated.by == "process:zk0 0"
    assert result.run
    assert [(step.id, step.verdict, step.receipt) for step in result.run.steps] == [
        ("data", Verdict.passed, data.digest),
        ("federate", Verdict.warned, federate.digest),
    ]
    assert "- The step federate: warn (falls slowly)" in result.body
    assert [(source.name, source.receipt) for source in result.sources] == [("loss.trend: ratio", federate.digest)]


def test_a_run_supersedes_the_last_result_of_its_workflow_and_no_other(make_receipt: MakeReceipt) -> None:
    [first] = added(ended([make_receipt()]))
    assert first.run
    other = with_id(first.model_copy(update={"run": first.run.model_copy(update={"workflow": "testing"})}))

    [second] = added(ended([make_receipt(run="run-2")], run="run-2"), first, other)

    assert second.supersedes == (first.id,)
    assert set(BankSnapshot((first, other, second)).counting(Kind.result)) == {other, second}


def test_an_interrupted_run_does_not_read_as_a_pass(make_receipt: MakeReceipt) -> None:
    [result] = added(ended([make_receipt(FALLS)], exit_status=ExitStatus.interrupted))

    assert result.title == "train: interrupted after 2 s"


def test_a_run_without_a_receipt_is_remembered_too() -> None:
    [result] = added(ended([]))

    assert "No step was performed." in result.body
    assert (result.sources, result.commit) == ((), None)


def test_each_failed_finding_becomes_a_fault_with_cause_remedy_and_evidence(make_receipt: MakeReceipt) -> None:
    receipt = make_receipt(RISES, found(passed("ok"), "data.units"))

    _, fault = added(ended([receipt]))

    assert (fault.kind, fault.title) == (Kind.fault, "it rises")
    assert fault.fault
    assert fault.fault.key == ("train", "federate", "loss.trend", "", "client 1")
    assert (fault.fault.cause, fault.fault.repaired_by) == ("the learning rate is too high", "fedprox-debug")
    assert fault.sources == (
        FactSource(receipt=receipt.digest, metric="findings.0.verdict", value="fail"),
        FactSource(
            name="loss.trend: growth (client 1)",
            receipt=receipt.digest,
            metric="findings.0.evidence.0.value",
            value=0.81,
        ),
    )
    assert all(value_at(receipt, source.metric or "") == source.value for source in fault.sources)


def test_the_same_finding_twice_in_a_run_is_one_fault_and_another_client_is_another(make_receipt: MakeReceipt) -> None:
    elsewhere = RISES.model_copy(update={"at": "client 2"})

    _, *faults = added(ended([make_receipt(RISES, RISES, elsewhere)]))

    assert [fault.fault and fault.fault.at for fault in faults] == ["client 1", "client 2"]


def test_a_fault_that_is_open_is_not_written_again(make_receipt: MakeReceipt) -> None:
    before = added(ended([make_receipt(RISES)]))

    assert len(added(ended([make_receipt(RISES, run="run-2")], run="run-2"), *before)) == 1


def test_an_error_that_ended_a_step_is_a_fault(make_receipt: MakeReceipt) -> None:
    failure = Failure(code="ZK102", message="round 2 has no\nvalid reply", remedy="zk0 show run-1")

    _, fault = added(ended([make_receipt(failure=failure)]))

    assert fault.title == "round 2 has no valid reply"
    assert fault.fault
    assert (fault.fault.code, fault.fault.verdict, fault.fault.remedy) == ("ZK102", Verdict.error, "zk0 show run-1")


def test_a_finding_without_a_message_does_not_keep_the_run_from_being_remembered(make_receipt: MakeReceipt) -> None:
    _, fault = added(ended([make_receipt(found(failed("")))]))

    assert fault.title == "loss.trend without a message"


def test_a_fault_that_a_later_run_finds_right_is_closed(make_receipt: MakeReceipt) -> None:
    before = added(ended([make_receipt(RISES)]))
    good = make_receipt(FALLS, run="run-2")

    after = added(ended([good], run="run-2"), *before)

    closing = after[1]
    assert (closing.status, closing.supersedes) == (Status.closed, (before[1].id,))
    assert closing.sources[0].receipt == good.digest
    assert BankSnapshot(before + after).counting(Kind.fault) == []


def test_a_step_that_failed_is_right_again_when_it_comes_to_its_end(make_receipt: MakeReceipt) -> None:
    before = added(ended([make_receipt(failure=Failure(code="ZK102", message="no reply"))]))

    assert BankSnapshot(before + added(ended([make_receipt()]), *before)).counting(Kind.fault) == []


@pytest.mark.parametrize(
    "findings",
    [
        [],
        [found(not_available("too few steps", at="client 1"))],
        [found(passed("ok"), "data.units")],
        [found(passed("falls", at="client 2")), found(failed("it rises", at="client 3"))],
        [FALLS, RISES],
    ],
)
def test_a_fault_that_was_not_found_right_stays_open(make_receipt: MakeReceipt, findings: list[Finding]) -> None:
    before = added(ended([make_receipt(RISES)]))

    after = added(ended([make_receipt(*findings, run="run-2")], run="run-2"), *before)

    assert before[1] in BankSnapshot(before + after).counting(Kind.fault)


def test_a_step_that_ended_in_an_error_shows_nothing_to_be_right(make_receipt: MakeReceipt) -> None:
    before = added(ended([make_receipt(RISES)]))
    broken = make_receipt(FALLS, run="run-2", failure=Failure(code="ZK102", message="no reply"))

    after = added(ended([broken], run="run-2"), *before)

    assert before[1] in BankSnapshot(before + after).counting(Kind.fault)


def test_a_fault_of_another_step_stays_open(make_receipt: MakeReceipt) -> None:
    before = added(ended([make_receipt(RISES)]))

    after = added(ended([make_receipt(FALLS, step="validation", run="run-2")], run="run-2"), *before)

    assert before[1] in BankSnapshot(before + after).counting(Kind.fault)
