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


def test_lines_set_in_behind_an_exception_without_a_traceback_are_its_message(diagnose_text):
    said = diagnose_text(
        "loading\nRuntimeError: Could not load libtorchcodec. Likely causes:\n          1. FFmpeg is not installed\n"
        "          2. another version of PyTorch\ngoing down\n"
    )

    assert said.root is not None
    assert "FFmpeg is not installed" in said.root.message
    assert "going down" not in said.root.message


def test_a_frame_of_a_package_is_not_called_your_own(diagnose_text):
    said = diagnose_text(
        "ERROR :     Traceback (most recent call last):\n"
        '  File "/home/me/flower/src/py/flwr/client/client_app.py", line 12, in ffn\n'
        "flwr.client.client_app.ClientAppException:\nException ClientAppException occurred. Message: odd reply\n"
    )

    assert said.root is not None
    assert "none of your own code is shown" in (said.root.cause or "")


@pytest.mark.parametrize(
    ("frames", "own"),
    [
        (
            (
                "<ipython-input-7-0a1b> in <module>()\n      1 for epoch in range(3):\n----> 2     train(epoch)\n\n"
                "2 frames\n/usr/lib/python3.10/dist-packages/p/hook.py in <lambda>(i)\n---> 34     get: lambda i: i,\n"
            ),
            "<ipython-input-7-0a1b>:2 in <module>",
        ),
        (
            (
                "Cell In[28], line 10\n      1 from x import y\n---> 10 trainer.train()\n\n"
                "File ~/site-packages/p/trainer.py:85, in T.train(self)\n     83  x\n-> 85     return inner()\n"
            ),
            "Cell In[28]:10",
        ),
    ],
)
def test_a_notebooks_own_cell_is_named(diagnose_text, frames, own):
    said = diagnose_text(f"KeyError                  Traceback (most recent call last)\n{frames}\nKeyError: 'w'\n")

    assert said.root is not None
    assert own in (said.root.cause or "")


def test_an_exceptions_line_may_begin_with_an_underscore(diagnose_text):
    said = diagnose_text(
        "_InactiveRpcError: <_InactiveRpcError of RPC that terminated with:\n\tstatus = StatusCode.UNAVAILABLE\n"
        '\tdetails = "failed to connect to all addresses"\n>\n'
    )

    assert said.root is not None
    assert "nothing answers" in (said.root.cause or "")


def test_a_cut_traceback_behind_a_kill_is_its_consequence(diagnose_text):
    said = diagnose_text(
        "ERROR:api:failed (exitcode: -9) local_rank: 0 (pid: 7)\nTraceback (most recent call last):\n"
        '  File "/a/run.py", line 1, in <module>\n'
    )

    assert said.root is not None
    assert said.root.fault == Fault.killed


def test_a_traceback_without_its_end_is_named_by_the_error_logged_before_it(diagnose_text):
    said = diagnose_text(
        "[ERROR] [2020-11-30 14:55:53,830] - executor.py[line:144]: federation get None from arbiter, tag fit.19\n"
        'Traceback (most recent call last):\n  File "/app/executor.py", line 135, in run\n    task.run()\n'
    )

    assert "federation get None from arbiter" in said.root.message


def test_the_lines_of_a_launcher_are_no_part_of_an_exceptions_message(diagnose_text):
    said = diagnose_text(
        'Traceback (most recent call last):\n  File "/app/main.py", line 29, in <module>\n    from apex import amp\n'
        "ImportError: cannot import name 'Cookie' from 'pyramid.session' (unknown location)\n"
        "E0202 14:00:27.983000 3957034 torch/distributed/elastic/multiprocessing/api.py:984] failed (exitcode: 1)\n"
    )

    assert said.root.message.endswith("(unknown location)")
    assert "version" in said.root.cause


def test_another_connection_that_is_ready_is_no_work_behind_a_traceback(diagnose_text):
    ready = "2025-04-20 23:44:42,332 [DEBUG] ChannelConnectivity.READY\n"
    died = (
        '2025-04-20 23:44:42,534 [ERROR] died:\nTraceback (most recent call last):\n  File "main.py", line 42, in f\n'
        '  File "/usr/lib/python3.12/site-packages/grpc/_channel.py", line 967, in _next\nStopIteration\n'
    )

    assert diagnose_text(ready + died + ready).root.check == "exceptions.raised"
