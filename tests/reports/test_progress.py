"""Progress: plain lines where nobody watches, one live line where somebody does."""

import io
import os
import pty
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from zk0.core.errors import ExitStatus
from zk0.core.git import GitState
from zk0.core.receipts import Failure, Receipt
from zk0.core.verdicts import Verdict, warned
from zk0.reports.progress import PlainProgress, duration, progress_report
from zk0.workflow.events import (
    RunFinished,
    RunStarted,
    StepFinished,
    StepProgressed,
    StepRepairing,
    StepRetried,
    StepSkipped,
    StepStarted,
)

NOW = datetime(2026, 1, 24, tzinfo=UTC)


def finished(title: str, verdict: Verdict, step: str = "s", **more) -> StepFinished:
    return StepFinished(
        Receipt(
            run="r1",
            workflow="train",
            step=step,
            title=title,
            uses="run",
            inputs={},
            code=GitState(),
            environment={},
            started=NOW,
            finished=NOW + timedelta(seconds=65),
            verdict=verdict,
            **more,
        )
    )


EVENTS = [
    RunStarted("r1", "train", Path("/r1"), ("a", "b", "c"), NOW),
    StepStarted("r1", "a", "Prepare [data]", 1, NOW),
    StepProgressed("r1", "a", 1, 4, "client_0"),
    finished("Prepare [data]", Verdict.warned, step="a", findings=(warned("7 episodes"),)),
    StepStarted("r1", "b", "Train", 1, NOW),
    StepRetried("r1", "b", 1, Verdict.error, "out of memory", NOW),
    StepStarted("r1", "b", "Train", 2, NOW),
    finished("Train", Verdict.failed, step="b", failure=Failure(code="ZK101", message="no batch to be had")),
    StepSkipped("r1", "c", "Validate", "step b did not do its work", NOW, Verdict.not_available),
    RunFinished("r1", "train", Path("/r1"), Verdict.failed, ExitStatus.failed, (), NOW),
]


def test_where_nobody_watches_each_finished_step_is_one_plain_line():
    stream = io.StringIO()

    with progress_report(stream) as report:
        for event in EVENTS:
            report(event)

    assert stream.getvalue().splitlines() == [
        "run r1",
        "warn            Prepare [data]  1 min 5 s  7 episodes",
        "again           b  attempt 1: out of memory",
        "fail            Train  1 min 5 s  no batch to be had",
        "skipped         Validate  step b did not do its work",
    ]


def test_on_a_terminal_the_step_that_runs_is_live_and_what_is_finished_stays(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal, progress_report(terminal) as report:
        for event in EVENTS:
            report(event)
            report.progress.refresh()
    shown = _read(ours)

    for words in ("Prepare [data]", "client_0", "Train (attempt 2)", "no batch to be had", "Validate"):
        assert words in shown
    assert shown.rstrip().endswith("\x1b[?25h") or "\x1b[?25h" in shown  # the cursor is back


def test_on_a_terminal_each_step_that_runs_has_a_line_of_its_own(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal, progress_report(terminal) as report:
        for step in ("one", "two", "sweep", "sweep/0", "sweep/1"):
            report(StepStarted("r1", step, step.title(), 1, NOW))
        report(StepProgressed("r1", "one", 1, 4, "client_0"))
        running = [(task.description, task.fields["note"]) for task in report.progress.tasks]
        report(finished("One", Verdict.passed, step="one"))
        left = [task.description for task in report.progress.tasks]
    _read(ours)

    assert running == [("One", "client_0"), ("Two", ""), ("Sweep/0", ""), ("Sweep/1", "")]
    assert left == ["Two", "Sweep/0", "Sweep/1"]


def test_a_wait_and_a_repair_are_told():
    stream = io.StringIO()
    failed = finished("Train", Verdict.failed, step="b", failure=Failure(code="ZK101", message="no batch to be had"))

    with progress_report(stream) as report:
        report(StepRetried("r1", "b", 1, Verdict.error, "out of memory", NOW, 90.0))
        report(StepRepairing(failed, "fedprox-debug", NOW))

    assert stream.getvalue().splitlines() == [
        "again           b  attempt 1: out of memory, again in 1 min 30 s",
        "repair          Train  fedprox-debug runs, since no batch to be had",
    ]


def test_without_a_stream_it_writes_to_a_copy_of_stderr(capfd):
    with progress_report() as report:
        report(EVENTS[0])

    assert capfd.readouterr().err == "run r1\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (3.14, "3.1 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.9, "1 min 0 s"),
        (125, "2 min 5 s"),
        (7900, "2 h 11 min"),
    ],
)
def test_a_time_is_said_as_people_say_it(seconds, text):
    assert duration(seconds) == text


def _read(descriptor: int) -> str:
    parts = []
    while True:
        try:
            part = os.read(descriptor, 65536)
        except OSError:  # the other side of a terminal was closed
            break
        if not part:
            break
        parts.append(part)
    os.close(descriptor)
    return b"".join(parts).decode()


def test_a_long_step_tells_each_round_what_is_left_of_it_where_nobody_watches():
    stream, now = io.StringIO(), 0.0
    report = PlainProgress(Console(file=stream), clock=lambda: now)

    report(StepStarted("r1", "b", "Train", 1, NOW))
    for number in range(4):
        now += 10.0
        report(StepProgressed("r1", "b", number, 3, f"round {number}: held-out loss 1.5"))
        now += 1.0
        report(StepProgressed("r1", "b", number, 3, "a moment later"))

    assert [line.strip() for line in stream.getvalue().splitlines()] == [
        "0 of 3  round 0: held-out loss 1.5",
        "1 of 3  round 1: held-out loss 1.5, about 22 s left",
        "2 of 3  round 2: held-out loss 1.5, about 11 s left",
        "3 of 3  round 3: held-out loss 1.5",
    ]
