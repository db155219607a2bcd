"""A run is at its end where a line says so or the plan is fulfilled; else something ended it, or nobody knows."""

from datetime import UTC, datetime, timedelta, tzinfo

import pytest

from zk0.core.faults import Fault
from zk0.core.verdicts import Verdict
from zk0.ledger import Incident, IncidentKind, RunClosed
from zk0.ledger.log_events import LogProgress, LogRead, RaisedException

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def incident(kind: IncidentKind, text: str = "a line", **fields) -> Incident:
    return Incident(kind=kind, round=1, client=None, text=text, read_from="run.log:9", **fields)


def progress(reached: int, planned: int | None = 10, unit: str = "round") -> LogProgress:
    return LogProgress(unit=unit, planned=planned, reached=reached)


def log(last_before: float | None = None, zone: tzinfo | None = UTC) -> LogRead:
    last = None if last_before is None else (NOON - timedelta(seconds=last_before)).replace(tzinfo=zone)
    return LogRead(
        source="run.log",
        format="text",
        understood=9,
        noise=0,
        unknown=0,
        last_at=last,
        modified_at=NOON,
        read_at=NOON,
    )


@pytest.mark.parametrize(
    "event", [RunClosed(outcome="done", rounds=3), progress(10), progress(11), progress(500, 500, "step")]
)
def test_a_line_or_the_fulfilled_plan_is_an_end(judge, event):
    assert judge("progress.ended", event)[0].verdict is Verdict.passed


def test_a_plan_that_is_not_fulfilled_is_a_log_that_breaks_off(judge):
    [finding] = judge("progress.ended", progress(4), log())

    assert (finding.verdict, finding.fault) == (Verdict.warned, Fault.killed)
    assert "round 4 of 10" in finding.message


@pytest.mark.parametrize(("accepted", "verdict"), [(2, Verdict.passed), (0, Verdict.warned)])
def test_a_last_round_counts_when_its_replies_are_averaged(judge, events, accepted, verdict):
    """A server that is killed while its clients train has begun the round, and not done it."""
    last = events.aggregation(round=10)
    last = last if accepted else last.model_copy(update={"accepted": []})

    assert judge("progress.ended", events.aggregation(round=9), last, progress(10), log())[0].verdict is verdict


@pytest.mark.parametrize(("begins", "verdict"), [(0, Verdict.passed), (1, Verdict.warned)])
def test_epochs_that_begin_with_0_end_one_before_their_number(judge, begins, verdict):
    epochs = LogProgress(unit="epoch", planned=300, reached=299, begins=begins)

    assert judge("progress.ended", epochs, log())[0].verdict is verdict


def test_the_coarsest_unit_counts(judge):
    """The steps of an epoch are done with each epoch."""
    [finding] = judge("progress.ended", progress(500, 500, "step"), progress(2, 10, "epoch"))

    assert "epoch 2 of 10" in finding.message


@pytest.mark.parametrize("zone", [UTC, None])
def test_a_log_whose_last_line_is_of_now_is_of_a_run_that_runs(judge, zone):
    [running] = judge("progress.ended", progress(4), log(last_before=20, zone=zone))
    [old] = judge("progress.ended", progress(4), log(last_before=500_000, zone=zone))

    assert (running.verdict, old.verdict) == (Verdict.passed, Verdict.warned)


def test_a_file_that_was_just_copied_is_not_being_written(judge):
    assert judge("progress.ended", progress(4), log())[0].verdict is Verdict.warned


def test_without_a_plan_nobody_knows(judge, events):
    [finding] = judge("progress.ended", events.training(policy_loss=[1.0] * 9, read_from="run.log:1"))

    assert finding.verdict is Verdict.not_available


def test_where_a_line_says_what_ended_it_that_is_the_finding(judge):
    killed = incident(IncidentKind.killed, "Killed")

    assert judge("progress.ended", progress(4), killed)[0].verdict is Verdict.not_available
    assert judge("progress.stopped", progress(4), killed)[0].fault == Fault.killed


def test_a_training_that_ends_before_its_last_step_is_reported(judge, events):
    cut = events.training(policy_loss=[1.0] * 12, settings={"local-steps": 50}, read_from="client.log:2")

    [finding] = judge("progress.ended", cut)

    assert (finding.verdict, finding.fault) == (Verdict.warned, Fault.killed)
    assert "step 12 of 50" in finding.message


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        (IncidentKind.killed, Fault.killed),
        (IncidentKind.crashed, Fault.crashed),
        (IncidentKind.time_limit, Fault.killed),
        (IncidentKind.interrupted, Fault.killed),
        (IncidentKind.collective_timeout, Fault.collective_timeout),
    ],
)
def test_an_end_from_outside_fails_with_its_remedy(judge, kind, fault):
    [finding] = judge("progress.stopped", incident(kind))

    assert (finding.verdict, finding.fault) == (Verdict.failed, fault)
    assert finding.remedy
    assert judge("progress.stopped", incident(kind, progress_after=5))[0].verdict is Verdict.not_applicable


def test_a_signal_printed_as_an_exception_is_an_end(judge):
    killed = incident(IncidentKind.killed, "Killed", exceptions=(RaisedException(type="Killed", message=""),))

    assert judge("progress.stopped", killed)[0].fault == Fault.killed


def test_the_same_wait_again_and_again_is_a_wait_without_an_end(judge):
    [finding] = judge("progress.waiting", incident(IncidentKind.waiting, "Waiting for nodes: 1 of 2", count=120))

    assert (finding.verdict, finding.fault) == (Verdict.failed, Fault.waiting)


def test_retries_that_differ_in_their_numbers_are_one_wait(judge):
    tries = [
        incident(IncidentKind.retried, f"Connection attempt failed, retrying in {2**n} seconds") for n in range(12)
    ]

    [finding] = judge("progress.waiting", *tries)

    assert "12 times" in finding.message
    assert "nothing answers" in finding.cause


def test_a_wait_of_an_hour_counts_however_often_it_is_printed(judge):
    long = incident(IncidentKind.waiting, count=2, first_at=NOON, last_at=NOON + timedelta(hours=1))

    assert judge("progress.waiting", long)[0].verdict is Verdict.failed


@pytest.mark.parametrize("fields", [{"count": 3}, {"count": 120, "progress_after": 9}])
def test_a_start_that_takes_its_time_is_no_wait_without_an_end(judge, fields):
    assert judge("progress.waiting", incident(IncidentKind.waiting, **fields))[0].verdict is Verdict.not_applicable


@pytest.mark.parametrize(("loading", "verdict"), [(9.8, Verdict.warned), (0.01, Verdict.passed)])
def test_steps_that_wait_for_their_data_are_warned_of(judge, events, loading, verdict):
    training = events.training(policy_loss=[1.0] * 9, step_seconds=[0.1] * 9, data_seconds=[loading] * 9)

    [finding] = judge("progress.loading", training)

    assert finding.verdict is verdict
