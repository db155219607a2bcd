"""How a process ended, and what it waited for, by the words of a line."""

import pytest

from zk0.ledger import IncidentKind
from zk0.ledger.importers.failures import SIGNS, WORDS, kind_of


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("Killed", IncidentKind.killed),
        ("./run.sh: line 3: 41 Killed                  python train.py", IncidentKind.killed),
        ("slurmstepd: error: Detected 1 oom_kill event in StepId=7.batch.", IncidentKind.out_of_memory),
        (
            "slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2025-11-28T10:00:00 DUE TO TIME LIMIT ***",
            IncidentKind.time_limit,
        ),
        ("Segmentation fault (core dumped)", IncidentKind.crashed),
        ("[Rank 7] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=9)", IncidentKind.collective_timeout),
        ("jaxlib.xla_extension.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory", IncidentKind.out_of_memory),
        ("OOM when allocating tensor with shape[32,7]", IncidentKind.out_of_memory),
        ("numpy.core._exceptions._ArrayMemoryError: Unable to allocate 3 GiB", IncidentKind.out_of_memory),
        ("RuntimeError: DataLoader worker (pid 7) is killed by signal: Killed.", IncidentKind.killed),
        ("Waiting for nodes to connect: 1 connected (minimum required: 2).", IncidentKind.waiting),
        ("I1002 [Rank 2] NCCL watchdog thread started!", None),
        ("the skilled operator was Killed by boredom, they say", None),
        ("training went on", None),
    ],
)
def test_a_line_says_what_happened(line, kind):
    assert kind_of(line) is kind


def test_each_word_holds_a_sign_that_is_looked_for_first():
    assert [word for word, _ in WORDS if not any(sign in word for sign in SIGNS)] == []


def test_waiting_is_counted_with_its_times(import_text):
    lines = [f"2025-11-28 10:{minute:02}:00,000 - app - INFO - Waiting for nodes: {minute}\n" for minute in range(30)]

    [incident] = import_text("".join(lines)).ledger.incidents

    assert (incident.kind, incident.count) == (IncidentKind.waiting, 30)
    assert (incident.last_at - incident.first_at).total_seconds() == 29 * 60
