"""A step that takes too long is ended, whatever it does, and says so."""

import signal
import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from zk0.core.errors import ExitStatus, RequestError, TimeLimitError
from zk0.workflow.engine import Engine
from zk0.workflow.live_effects import LiveEffects
from zk0.workflow.timeouts import TimeLimit, _TimeIsUp, enforce_limit


def verdicts(outcome):
    return {step.id: step.verdict for step in outcome.state.steps}


def test_an_action_that_takes_too_long_is_interrupted(run):
    outcome = run("- {id: a, title: A, uses: trial.sleep, with: {seconds: 60}, timeout: 0.2s}\n")

    failure = outcome.state.step("a").receipt.failure
    assert (failure.code, failure.message) == ("ZK105", "trial.sleep did not end within 0.2 s")
    assert failure.remedy.endswith("or raise the timeout")
    assert outcome.exit_status is ExitStatus.failed
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_an_action_that_swallows_exceptions_is_interrupted_all_the_same(run):
    outcome = run("- {id: a, title: A, uses: trial.stubborn, with: {seconds: 60}, timeout: 0.2s}\n")

    assert outcome.state.step("a").receipt.failure.code == "ZK105"


def test_an_action_that_is_in_time_is_left_alone(run):
    outcome = run("- {id: a, title: A, uses: trial.sleep, with: {seconds: 0.01}, timeout: 30s}\n")

    assert outcome.state.step("a").verdict == "pass"


def test_an_action_beside_programs_is_interrupted_too(project, make_plan):
    steps = (
        "- {id: a, title: A, uses: trial.sleep, with: {seconds: 60}, timeout: 0.2s}\n"
        "- {id: b, title: B, needs: [], run: [sleep, 60], timeout: 0.2s}\n"
        "- {id: c, title: C, needs: [], run: ['true']}\n"
    )

    outcome = Engine(project, LiveEffects(project), jobs=2).run(make_plan(steps))

    assert verdicts(outcome) == {"a": "fail", "b": "fail", "c": "pass"}


def test_the_time_of_a_step_with_items_is_for_each_of_them(run):
    outcome = run(
        "- {id: a, title: A, foreach: [0, 0.1, 60], run: [sleep, '{{ item }}'], timeout: 1s}\n"
        "- {id: b, title: B, needs: [], foreach: [0.6, 0.6, 0.6], run: [sleep, '{{ item }}'], timeout: 1.5s}\n"
    )

    assert [outcome.state.step(f"a/{number}").verdict for number in range(3)] == ["pass", "pass", "fail"]
    assert outcome.state.step("b").verdict == "pass"


def test_a_program_that_judges_has_no_more_time_than_the_step(run):
    outcome = run("- {id: a, title: A, run: ['true'], timeout: 0.2s, checks: [run: [sleep, 60]]}\n")

    [finding] = outcome.state.step("a").receipt.findings
    assert finding.message == "sleep did not end within 0.2 s"


def test_a_workflow_within_is_ended_with_the_step_in_flight_but_for_what_cleans_up(project):
    from .test_nesting import plan_of

    inner = """\
        - {id: first, title: First, run: ['true']}
        - {id: slow, title: Slow, uses: trial.sleep, with: {seconds: 60}}
        - {id: free, title: Free, needs: [], run: ['true']}
        - {id: clean, title: Clean, finally: true, run: ['true']}
        """
    outer = "- {id: part, title: The part, workflow: inner, timeout: 0.5s}\n- {id: then, title: Then, run: ['true']}\n"

    outcome = Engine(project, LiveEffects(project)).run(plan_of(project, outer, inner))

    assert verdicts(outcome) == {
        "part": "fail",
        "part/first": "pass",
        "part/slow": "fail",
        "part/free": "not-available",
        "part/clean": "pass",
        "then": "not-available",
    }
    assert outcome.state.step("part").receipt.failure.message == "The part did not end within 0.5 s"
    assert "s that were left of step part" in outcome.state.step("part/slow").receipt.failure.message
    assert outcome.state.step("part/free").reason == "step part had no time left"


def test_a_step_is_not_tried_again_when_its_time_would_be_over_before(project):
    from .test_nesting import plan_of

    inner = "- {id: bad, title: Bad, run: ['false'], retry: {attempts: 9, wait: 1h}}\n"
    outer = "- {id: part, title: The part, workflow: inner, timeout: 30m}\n"

    outcome = Engine(project, LiveEffects(project)).run(plan_of(project, outer, inner))

    assert outcome.state.step("part/bad").attempt == 1
    assert outcome.state.step("part").verdict == "fail"


class Later(LiveEffects):
    """The same world, so much later."""

    def __init__(self, project, days):
        super().__init__(project)
        self.days = days

    def now(self):
        return super().now() + timedelta(days=self.days)

    def ticks(self):
        now = super().ticks()
        return replace(now, seconds=now.seconds + self.days * 86400)


ASK = "- {id: a, title: A, ask: agent, instruction: B, timeout: 2d, accept: [run: [test, -e, done]]}\n"


@pytest.mark.parametrize(
    ("days", "done", "status"), [(1, True, "done"), (1, False, "waiting"), (3, False, "failed"), (3, True, "failed")]
)
def test_what_is_asked_for_has_to_be_done_in_time(run, project, make_plan, days, done, status):
    outcome = run(ASK)
    if done:
        (project.root / "done").touch()

    resumed = Engine(project, Later(project, days)).resume(outcome.directory, lambda _: make_plan(ASK))

    assert resumed.state.status == status
    if status == "failed":
        failure = resumed.state.step("a").receipt.failure
        assert failure.message == "a was not done within 2 d of being asked for"
        assert failure.remedy == f"zk0 resume {outcome.directory.id} --from a"


def test_the_time_to_answer_counts_from_the_question_and_not_from_the_last_judgement(run, project, make_plan):
    outcome = run(ASK)
    Engine(project, Later(project, 1.5)).resume(outcome.directory, lambda _: make_plan(ASK))

    late = Engine(project, Later(project, 2.5)).resume(outcome.directory, lambda _: make_plan(ASK))

    assert late.state.status == "failed"
    again = Engine(project, Later(project, 3)).resume(outcome.directory, lambda _: make_plan(ASK), from_step="a")
    assert again.state.status == "waiting"


def test_outside_of_the_main_thread_a_limit_is_refused_rather_than_ignored(tmp_path):
    caught = []

    def elsewhere():
        with (
            pytest.raises(RequestError, match="main thread") as raised,
            enforce_limit("a", TimeLimit(1.0), tmp_path / "log"),
        ):
            pass
        caught.append(raised)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()

    assert caught


def test_a_limit_that_strikes_late_strikes_no_one_else(tmp_path):
    for _ in range(200):
        try:
            with enforce_limit("a", TimeLimit(0.0002), tmp_path / "log"):
                sum(range(2000))
        except TimeLimitError:
            continue
        finally:
            assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
            assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL


def test_a_limit_that_strikes_while_it_is_lifted_is_lifted_all_the_same(tmp_path, monkeypatch):
    """The signal comes after the work is done, and before the limit is known to be over."""
    lifted = signal.setitimer

    def strike_first(which, seconds, interval=0.0):
        if seconds == 0 and not struck:
            struck.append(True)
            raise _TimeIsUp
        return lifted(which, seconds, interval)

    struck = []
    monkeypatch.setattr(signal, "setitimer", strike_first)

    with pytest.raises(TimeLimitError), enforce_limit("a", TimeLimit(60), tmp_path / "log"):
        pass

    assert struck
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
