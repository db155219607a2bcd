"""Exceptions as one finding a root: with its cause, its remedy, the own line, and whether anything went on."""

import pytest

from zk0.core.faults import Fault
from zk0.core.verdicts import Verdict
from zk0.ledger import Incident, IncidentKind
from zk0.ledger.log_events import EvaluationReplies, RaisedException


def raised(
    type_: str, message: str = "", *, after: int = 0, count: int = 1, frame: str | None = None, **fields
) -> Incident:
    return Incident(
        kind=fields.pop("kind", IncidentKind.traceback),
        round=1,
        client=fields.pop("client", None),
        text=f"{type_}: {message}",
        count=count,
        exceptions=(RaisedException(type=type_, message=message, frame=frame),),
        progress_after=after,
        read_from="run.log:7",
        **fields,
    )


def test_a_known_exception_has_its_cause_its_remedy_and_the_thread(judge, numbers):
    [finding] = judge("exceptions.raised", raised("RuntimeError", "Could not load libtorchcodec"))

    assert (finding.verdict, finding.fault) == (Verdict.failed, Fault.exception)
    assert "FFmpeg" in finding.cause
    assert numbers(finding)["others met it in"] == "https://github.com/huggingface/lerobot/issues/964"


def test_of_any_other_the_last_own_frame_is_named(judge):
    [finding] = judge("exceptions.raised", raised("ValueError", "bad", frame="my/train.py:9 in step"))

    assert finding.cause == "raised at my/train.py:9 in step"
    assert "my/train.py:9" in finding.remedy


def test_one_root_that_many_log_is_one_finding(judge):
    many = [raised("ValueError", "bad", client=f"client {number}", count=2) for number in range(3)]

    [finding] = judge("exceptions.raised", *many)

    assert "(6 times)" in finding.message
    assert finding.at == "3 clients, round 1"


def test_the_first_root_is_the_surest(judge):
    first, second = judge("exceptions.raised", raised("ValueError", "one"), raised("TypeError", "two"))

    assert first.message.startswith("ValueError")
    assert first.confidence > second.confidence


def test_what_follows_from_another_s_end_is_in_its_evidence(judge, numbers):
    [finding] = judge(
        "exceptions.raised", raised("ConnectionResetError", "reset by peer"), raised("ValueError", "the cause")
    )

    assert finding.message == "ValueError: the cause"
    assert numbers(finding)["and then"].startswith("ConnectionResetError")


def test_alone_a_lost_connection_is_what_there_is(judge):
    [finding] = judge("exceptions.raised", raised("ConnectionResetError", "reset by peer"))

    assert finding.verdict is Verdict.failed


def test_an_exception_behind_which_the_work_went_on_was_caught(judge):
    [finding] = judge("exceptions.raised", raised("ValueError", "try again", after=20))

    assert finding.verdict is Verdict.passed
    assert finding.message == "caught, and the work went on: ValueError: try again"


def test_caught_at_the_price_of_replies_it_is_a_failure(judge):
    lost = EvaluationReplies(round=1, answered=0, failed=2)

    [finding] = judge("exceptions.raised", lost, raised("ValueError", "try again", after=20))

    assert finding.verdict is Verdict.failed


@pytest.mark.parametrize("type_", ["Killed", "KeyboardInterrupt"])
def test_a_signal_is_no_exception(judge, type_):
    kind = IncidentKind.killed if type_ == "Killed" else IncidentKind.interrupted

    [finding] = judge("exceptions.raised", raised(type_, kind=kind))

    assert finding.verdict is Verdict.not_applicable


@pytest.mark.parametrize(
    "text",
    [
        "jaxlib.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to allocate 5 bytes",
        "ResourceExhaustedError: OOM when allocating tensor with shape[64]",
        "_ArrayMemoryError: Unable to allocate 12.4 GiB for an array",
        "RuntimeError: DataLoader worker (pid 4) is killed by signal: Killed.",
    ],
)
def test_memory_is_judged_as_memory_whoever_lacks_it(judge, text):
    type_, _, message = text.partition(": ")

    [finding] = judge("incidents.memory", raised(type_, message))
    [quiet] = judge("exceptions.raised", raised(type_, message))

    assert (finding.verdict, finding.fault) == (Verdict.failed, Fault.out_of_memory)
    assert quiet.verdict is Verdict.not_applicable


def test_memory_that_a_search_for_the_batch_size_ran_out_of_is_no_failure(judge):
    [finding] = judge("incidents.memory", raised("torch.OutOfMemoryError", "CUDA out of memory.", after=40))

    assert finding.verdict is Verdict.passed


def test_a_line_of_an_error_that_says_nothing_known_is_no_exception(judge):
    line = Incident(kind=IncidentKind.error_logged, round=1, client=None, text="something is odd", level="ERROR")

    [finding] = judge("exceptions.raised", line)

    assert finding.verdict is Verdict.not_applicable
