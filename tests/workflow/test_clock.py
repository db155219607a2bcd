"""A clock that is set back or forward changes no verdict, no duration and no order."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from zk0.core.errors import ExitStatus
from zk0.core.receipts import Receipt, ReceiptStore
from zk0.workflow.clock import Ticks, microseconds, next_number, read_ticks, seconds_between
from zk0.workflow.engine import Engine
from zk0.workflow.event_log import ReceiptRecorder
from zk0.workflow.live_effects import LiveEffects
from zk0.workflow.run import find_run, run_directories, run_id

AT = datetime(2026, 1, 24, 13, 15, 2, tzinfo=UTC)


class OtherClock(LiveEffects):
    """The same world, in which the wall clock jumps by so many hours each time it is read."""

    def __init__(self, project, hours, *, once=False):
        super().__init__(project)
        self.hours, self.once, self.reads = hours, once, 0

    def now(self):
        self.reads += 1
        return super().now() + timedelta(hours=self.hours * (1 if self.once else self.reads))


@pytest.mark.parametrize("hours", [-2, 2])
def test_a_clock_that_is_set_changes_no_verdict_and_no_duration(project, hours):
    from .test_nesting import plan_of

    inner = """\
        - {id: one, title: One, run: ['true']}
        - {id: two, title: Two, run: ['false'], retry: {attempts: 2, wait: 0.1s}}
        """
    outer = """\
        - {id: part, title: Part, workflow: inner, timeout: 60s}
        - {id: then, title: Then, needs: [], run: [sleep, 0.2], timeout: 30s}
        """

    outcome = Engine(project, OtherClock(project, hours)).run(plan_of(project, outer, inner))

    verdicts = {step.id: (step.verdict, step.attempt) for step in outcome.state.steps}
    assert verdicts == {"part": ("fail", 1), "part/one": ("pass", 1), "part/two": ("fail", 2), "then": ("pass", 1)}
    assert outcome.state.step("part").receipt.failure is None
    assert 0.2 <= outcome.state.step("then").seconds < 30
    assert all(0 <= step.seconds < 30 for step in outcome.state.steps)
    assert 0.2 <= outcome.state.seconds < 60


ASK = "- {id: a, title: A, ask: agent, instruction: B, timeout: 2d, accept: [run: [test, -e, done]]}\n"


@pytest.mark.parametrize("hours", [-100, 100])
def test_the_time_to_answer_is_not_that_of_the_wall_clock(project, make_plan, hours):
    run = Engine(project, LiveEffects(project)).run(make_plan(ASK)).directory
    (project.root / "done").touch()

    outcome = Engine(project, OtherClock(project, hours, once=True)).resume(run, lambda _: make_plan(ASK))

    assert outcome.exit_status is ExitStatus.done


def test_after_a_restart_of_the_machine_the_wall_clock_has_to_do():
    before, after = Ticks("one", 100.0), Ticks("two", 5.0)

    assert after.since(before) is None
    assert seconds_between(before, after, AT, AT + timedelta(seconds=7)) == 7
    assert seconds_between(before, after, AT, AT - timedelta(seconds=7)) == 0
    assert seconds_between(before, replace(before, seconds=103.0), AT, AT) == 3
    assert read_ticks().since(read_ticks()) <= 0


def test_the_newest_run_is_the_latest_although_the_clock_went_back_a_day(project, make_plan):
    plan = make_plan("- {id: a, title: A, run: ['true']}\n")
    for hours in (0, -24, -48, 24, 0):
        run = Engine(project, OtherClock(project, hours, once=True), [ReceiptRecorder(project)]).run(plan).directory

        assert find_run(project, "latest") == run

    receipts = list(ReceiptStore(project.runs_dir).all())
    assert [receipt.run for receipt in sorted(receipts, key=lambda receipt: receipt.order)] == [
        run.id for run in reversed(run_directories(project))
    ]


def test_an_id_is_later_than_all_that_there_are():
    assert run_id("b", AT, ["20260124-131502-a-ffff"]) == "20260124-131503-b-0000"
    assert run_id("b", AT, ["20270124-131502-a-00ff", "junk", "zzz", ".zk0"]) == "20270124-131502-b-0100"
    assert run_id("b", AT, ["20250124-131502-a-00ff"]) == "20260124-131502-b-0000"


def test_a_run_from_the_end_of_the_calendar_stops_no_other():
    assert run_id("b", AT, ["99991231-235959-a-ffff"]) == "20260124-131502-b-0000"


@pytest.mark.parametrize("hours", [-24, 24])
def test_a_checklist_rests_on_the_newest_run_although_the_clock_went_back(project, make_plan, hours):
    def run(program, hours):
        plan = make_plan(f"- {{id: a, title: A, run: [{program}], checks: [run: [{program}]]}}\n")
        return Engine(project, OtherClock(project, hours, once=True), [ReceiptRecorder(project)]).run(plan).directory

    older, newer = run("true", 0), run("true", hours)

    folders = sorted((folder.stat().st_mtime_ns, folder.parent.name) for folder in project.runs_dir.glob("*/receipts"))
    assert [name for _, name in folders] == [older.id, newer.id]


def test_numbers_only_grow(tmp_path):
    numbers = [next_number(tmp_path, AT + timedelta(hours=hours)) for hours in (0, -1, 1, 0)]

    assert numbers == sorted(set(numbers))
    assert numbers[0] == microseconds(AT)
    (tmp_path / "sequence").write_text("torn\n")
    assert next_number(tmp_path, AT) == microseconds(AT)


def test_a_receipt_of_an_older_zk0_is_ordered_by_its_time():
    content = {"run": "r", "workflow": "w", "step": "s", "title": "T", "uses": "run", "inputs": {}, "code": {}}
    old = Receipt(**content, environment={}, started=AT, finished=AT + timedelta(seconds=2), verdict="pass")
    new = old.changed(sequence=microseconds(AT) + 5_000_000, duration=3.0, finished=AT)

    assert (old.seconds, new.seconds) == (2, 3)
    assert old.order < new.order
    assert "duration" not in old.model_dump_json()
