"""What a program says of its end in words that no table has."""

import pytest

from zk0.core.faults import Fault
from zk0.core.verdicts import Verdict
from zk0.diagnostics.outcome import RunOutcome

LEARNING = "".join(f"Epoch {n}/9 loss: {1 / n:.3f}\n" for n in range(1, 8))
ENDS = {
    "a licence server": "[flexlm] checkout refused: server lic01 does not answer\ngiving back 4 workers\n",
    "a level without an exception": "2026-01-02 10:00:00,100 - Controller - ERROR - quota of project 7 is used up\n",
    "a simulation engine": "ERROR :     An exception occured!! ActorPool is empty. Check `num_gpus`\n",
    "an assertion, the program's name before it": "GGML_ASSERT: ggml.c:12621: ne2 == ne02\n",
    "a level in small letters": "2024-09-05 14:18:43 [759ms] [Error] [omni.physx] buffer overflow, increase its size\n",
    "a compiled library": "F0501 10:00:02 7 mesh.cc:55] Check failed: faces.size() > 0\nAborted (core dumped)\n",
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_the_last_error_that_a_log_reports_is_what_it_ended_with(diagnose_text, end):
    said = diagnose_text(LEARNING + end)

    assert (said.root.check, said.root.fault) == ("reported.errors", Fault.exception)
    assert said.whole.outcome is RunOutcome.failed


def test_of_several_errors_in_a_row_the_first_counts(diagnose_text):
    said = diagnose_text(LEARNING + "cannot map segment 7\nloader failed\njob aborted\n")

    assert said.root.message.endswith("cannot map segment 7")
    assert len(said.root.evidence) == 3


def test_a_row_of_the_table_is_found_in_a_line_without_an_exception(diagnose_text):
    said = diagnose_text("loading\nCUDA driver version is insufficient for CUDA runtime version, giving up: failed\n")

    assert said.root.check == "exceptions.raised"
    assert "driver" in said.root.cause


QUIET = {
    "an error behind which work went on": "reading failed: shard 3\n" + LEARNING,
    "one far from the end": LEARNING + "reading failed: shard 3\n" + "".join(f"note {n}\n" for n in range(40)),
    "one before a good end": LEARNING + "upload refused by proxy\nTraining finished\n",
    "what is done without": LEARNING + "could not load plugin x, falling back to y\n",
    "what is assumed": LEARNING + "KeyToMap: value not found, adding value with assumed modality\n",
    "a metric called error": LEARNING + "Will train until eval error hasn't decreased in 5 rounds.\n",
    "a count of none": LEARNING + "0 errors, no failures\n",
    "a warning": LEARNING + "2026-01-02 10:00:00,100 - Loader - WARNING - cache refused\n",
    "a frame of a compiled program": LEARNING + "    @     0x7f0b  google::LogMessage::Fail()\n",
}


@pytest.mark.parametrize("text", QUIET.values(), ids=QUIET)
def test_other_lines_end_nothing(diagnose_text, text):
    said = diagnose_text(text)

    assert [one.check for one in said.problems if one.verdict is not Verdict.warned] == []


def test_an_exception_is_not_reported_a_second_time(diagnose_text):
    said = diagnose_text(
        LEARNING + 'Traceback (most recent call last):\n  File "a.py", line 3, in f\nValueError: odd\n\njob 7 failed\n'
    )

    assert [one.check for one in said.problems] == ["exceptions.raised"]
