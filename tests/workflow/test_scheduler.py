"""Several steps at a time: in the order they need, bounded, recorded one by one, ended together, resumed exactly."""

import os
import signal
import threading
import time

import pytest

from zk0.core.errors import StorageError
from zk0.workflow.engine import Engine
from zk0.workflow.events import StepFinished, StepProgressed, StepStarted
from zk0.workflow.journal import read_events
from zk0.workflow.live_effects import LiveEffects
from zk0.workflow.state import RunStatus, StepStatus

# Each waits for the other's file: they end only if both run at the same time.
MEET = """\
- {{id: a, title: A, run: [sh, -c, '{wait}', b, a], timeout: 20s}}
- {{id: b, title: B, needs: [], run: [sh, -c, '{wait}', a, b], timeout: 20s}}
- {{id: c, title: C, needs: [a, b], run: [sh, -c, 'test -e a && test -e b']}}
""".format(wait="touch $1; until test -e $0; do sleep 0.01; done")


@pytest.fixture
def side_by_side(project, make_plan):
    def perform(steps, head="", *, jobs=2, effects=None, subscribers=(), **inputs):
        engine = Engine(project, effects or LiveEffects(project), subscribers, jobs=jobs)
        return engine.run(make_plan(steps, head, **inputs))

    return perform


@pytest.fixture
def resume(project, make_plan):
    def go_on(outcome, steps, jobs=2):
        return Engine(project, LiveEffects(project), jobs=jobs).resume(outcome.directory, lambda _: make_plan(steps))

    return go_on


def begun(outcome):
    return [event.step for event in read_events(outcome.directory.journal) if isinstance(event, StepStarted)]


def verdicts(outcome):
    return {step.id: step.verdict for step in outcome.state.steps}


@pytest.fixture
def threads():
    """Return the threads there are before; the runner of the tests may have some."""
    return set(threading.enumerate())


def test_steps_that_do_not_need_each_other_run_at_the_same_time(side_by_side):
    outcome = side_by_side(MEET)

    assert outcome.state.status is RunStatus.done
    assert begun(outcome)[-1] == "c"


def test_without_needs_a_step_waits_for_all_before_it(side_by_side):
    outcome = side_by_side(
        "- {id: a, title: A, run: [sh, -c, 'sleep 0.1; touch a']}\n"
        "- {id: b, title: B, run: [sh, -c, 'test -e a && touch b']}\n"
        "- {id: c, title: C, needs: [], run: ['true']}\n"
        "- {id: d, title: D, run: [test, -e, b]}\n",
        jobs=4,
    )

    assert outcome.state.status is RunStatus.done


def test_a_step_waits_for_what_it_reads_in_any_place(side_by_side):
    outcome = side_by_side(
        "- {id: a, title: A, run: [sleep, 0.1]}\n"
        "- {id: b, title: B, needs: [], run: [echo, '{{ steps.a.outputs.exit_status }}']}\n"
        "- id: c\n  title: C\n  needs: []\n  run: ['true']\n"
        "  checks: [trial.say: {verdict: '{{ steps.a.verdict }}'}]\n"
        "- {id: d, title: D, needs: [], when: \"{{ steps.a.verdict == 'pass' }}\", run: ['true']}\n",
        jobs=4,
    )

    assert verdicts(outcome) == dict.fromkeys("abcd", "pass")


@pytest.mark.parametrize("jobs", [1, 3])
def test_no_more_is_done_at_once_than_there_are_jobs(side_by_side, project, jobs):
    script = "mkdir -p now; touch now/$$; ls now | wc -l >> most; sleep 0.3; rm now/$$"
    steps = f"- {{id: a, title: A, foreach: {list(range(8))}, run: [sh, -c, '{script}']}}\n"

    outcome = side_by_side(steps, jobs=jobs)

    assert outcome.state.status is RunStatus.done
    assert max(map(int, (project.root / "most").read_text().split())) == jobs


def test_items_come_in_their_order_whichever_ends_first(side_by_side):
    steps = "- {id: a, title: A, foreach: [0.2, 0.1, 0], run: [sh, -c, 'sleep $0; echo $0', '{{ item }}']}\n"

    outcome = side_by_side(steps, jobs=3)

    assert [step.id for step in outcome.state.steps] == ["a", "a/0", "a/1", "a/2"]
    logs = [each["log"] for each in outcome.state.step("a").receipt.outputs["each"]]
    assert [log.rpartition("/")[2] for log in logs] == ["0.log", "1.log", "2.log"]


def test_actions_are_called_one_at_a_time_in_the_engines_thread_and_programs_beside_them(side_by_side, project):
    steps = """\
        - {id: a, title: A, uses: trial.witness}
        - {id: b, title: B, needs: [], uses: trial.witness}
        - {id: each, title: Each, needs: [], foreach: [1, 2], uses: trial.witness}
        - {id: c, title: C, needs: [], run: [touch, ready]}
        """

    outcome = side_by_side(steps, jobs=2)

    assert outcome.state.status is RunStatus.done
    for step in ("a", "b", "each/0", "each/1"):
        assert outcome.state.step(step).receipt.outputs == {"main": True, "others": 0}
        assert outcome.directory.log(step).read_text() == f"{step}\n"


def test_events_are_told_and_recorded_one_at_a_time(side_by_side):
    told, inside = [], threading.Lock()

    def listener(event):
        assert inside.acquire(blocking=False)
        time.sleep(0.002)
        told.append(event)
        inside.release()

    steps = "".join(
        f"- {{id: s{n}, title: S, needs: [], uses: trial.note, with: {{text: a}}}}\n"
        f"- {{id: p{n}, title: P, needs: [], run: ['true']}}\n"
        for n in range(6)
    )
    outcome = side_by_side(steps, jobs=4, subscribers=(listener,))

    assert outcome.subscriber_errors == ()
    recorded = read_events(outcome.directory.journal)
    assert [event for event in told if not isinstance(event, StepProgressed)] == recorded
    assert len([event for event in recorded if isinstance(event, StepFinished)]) == 12


def test_a_failure_lets_others_end_and_nothing_that_needs_it_begin(side_by_side):
    outcome = side_by_side(
        "- {id: bad, title: Bad, run: ['false']}\n"
        "- {id: slow, title: Slow, needs: [], run: [sleep, 0.2]}\n"
        "- {id: after, title: After, needs: [bad], run: ['true']}\n"
        "- {id: free, title: Free, needs: [slow], run: ['true']}\n"
        "- {id: last, title: Last, finally: true, run: ['true']}\n"
    )

    assert verdicts(outcome) == {
        "bad": "fail",
        "slow": "pass",
        "after": "not-available",
        "free": "pass",
        "last": "pass",
    }
    assert begun(outcome)[-1] == "last"


def test_a_later_step_that_failed_first_does_not_stop_an_earlier_one(side_by_side):
    outcome = side_by_side(
        "- {id: slow, title: Slow, run: [sleep, 0.2]}\n"
        "- {id: next, title: Next, run: ['true']}\n"
        "- {id: bad, title: Bad, needs: [], run: ['false']}\n"
    )

    assert verdicts(outcome) == {"slow": "pass", "next": "pass", "bad": "fail"}


def test_what_does_not_need_a_step_that_waits_is_done_meanwhile(side_by_side, resume, project):
    steps = """\
        - {id: gate, title: Gate, ask: agent, instruction: Do it, accept: [run: [test, -e, done]]}
        - {id: other, title: Other, needs: [], run: [sleep, 0.1]}
        - {id: last, title: Last, run: ['true']}
        """
    outcome = side_by_side(steps)
    assert [step.status for step in outcome.state.steps] == ["waiting", "finished", "pending"]
    (project.root / "done").touch()

    resumed = resume(outcome, steps)

    assert resumed.state.status is RunStatus.done
    assert begun(resumed) == ["gate", "other", "last"]


def test_an_interruption_ends_all_programs_and_a_resumption_does_just_those_again(
    side_by_side, resume, project, threads
):
    steps = """\
        - {id: a, title: A, run: [sh, -c, 'test -e ready || { echo $$ >> pids; exec sleep 60; }']}
        - {id: b, title: B, needs: [], run: [sh, -c, 'test -e ready || { echo $$ >> pids; exec sleep 60; }']}
        - {id: c, title: C, needs: [], run: ['true']}
        """
    pids = project.root / "pids"

    def interrupt():
        while not (pids.exists() and pids.read_text().count("\n") == 2):
            time.sleep(0.01)
        [journal] = project.runs_dir.glob("*/journal.jsonl")
        while "step-finished" not in journal.read_text():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    outcome = side_by_side(steps, jobs=3)

    assert outcome.state.status is RunStatus.interrupted
    assert [step.status for step in outcome.state.steps] == ["interrupted", "interrupted", "finished"]
    for pid in map(int, pids.read_text().split()):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert set(threading.enumerate()) <= threads
    (project.root / "ready").touch()
    resumed = resume(outcome, steps)
    assert resumed.state.status is RunStatus.done
    assert sorted(begun(resumed)) == ["a", "a", "b", "b", "c"]


def test_an_interrupted_action_ends_what_runs_beside_it(side_by_side, threads):
    outcome = side_by_side(
        "- {id: a, title: A, run: [sleep, 60]}\n"
        "- {id: b, title: B, needs: [], uses: trial.fail, with: {how: interrupt}}\n"
        "- {id: c, title: C, needs: [], foreach: [1, 2], run: [sleep, 60]}\n",
        jobs=4,
    )

    assert outcome.state.status is RunStatus.interrupted
    assert outcome.state.step("a").status is StepStatus.interrupted
    assert set(threading.enumerate()) <= threads


def test_a_journal_that_can_t_be_written_ends_all_that_runs(side_by_side, project, threads):
    class FullDisk(LiveEffects):
        def append(self, run, event):
            if isinstance(event, StepFinished):
                raise StorageError("the disk is full")
            super().append(run, event)

    with pytest.raises(StorageError, match="the disk is full"):
        side_by_side(
            "- {id: a, title: A, run: [sh, -c, sleep 60; touch slept]}\n"
            "- {id: b, title: B, needs: [], uses: trial.sleep, with: {seconds: 60}}\n"
            "- {id: c, title: C, needs: [], foreach: [1], run: [sleep, 0.1]}\n",
            jobs=3,
            effects=FullDisk(project),
        )

    assert not (project.root / "slept").exists()
    assert set(threading.enumerate()) <= threads


def test_of_steps_that_failed_a_resumption_does_them_and_what_needs_them_again(side_by_side, resume, project):
    steps = """\
        - {id: bad, title: Bad, run: [test, -e, ready]}
        - {id: good, title: Good, needs: [], run: ['true']}
        - {id: each, title: Each, needs: [], foreach: [ready, .], run: [test, -e, '{{ item }}']}
        - {id: behind, title: Behind, needs: [bad], run: ['true']}
        - {id: all, title: All, run: ['true']}
        """
    outcome = side_by_side(steps)
    before = begun(outcome)
    (project.root / "ready").touch()

    resumed = resume(outcome, steps)

    assert resumed.state.status is RunStatus.done
    again = begun(resumed)[len(before) :]
    assert sorted(again) == ["all", "bad", "behind", "each", "each/0"]
