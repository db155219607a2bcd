"""A step that fails is tried again after a wait, or behind a repair, and a resumption knows where in that it was."""

import pytest

from zk0.core.errors import ExitStatus, InputError
from zk0.workflow.effects import DryEffects
from zk0.workflow.engine import Engine
from zk0.workflow.events import StepFinished, StepPlanned, StepRepairing, StepRetried, StepStarted
from zk0.workflow.inputs import resolve_inputs
from zk0.workflow.journal import read_events
from zk0.workflow.live_effects import LiveEffects
from zk0.workflow.loading import load, load_performed
from zk0.workflow.plan import plan
from zk0.workflow.reuse import explanation
from zk0.workflow.state import RunStatus

from .test_nesting import plan_of


class Patient(LiveEffects):
    """The same world, in which waits are counted and not waited."""

    def __init__(self, project):
        super().__init__(project)
        self.waits = []

    def pause(self, seconds):
        self.waits.append(seconds)


def begun(outcome):
    return [event.step for event in read_events(outcome.directory.journal) if isinstance(event, StepStarted)]


@pytest.mark.parametrize(
    ("retry", "waits"),
    [
        ("attempts: 4, wait: 5s", [5, 10, 20]),
        ("attempts: 5, wait: 1m, factor: 3, longest: 5m", [60, 180, 300, 300]),
        ("attempts: 3, wait: 2s, factor: 1", [2, 2]),
        ("attempts: 3", []),
    ],
)
def test_the_wait_before_another_attempt_grows_up_to_a_bound(project, make_plan, retry, waits):
    effects = Patient(project)

    outcome = Engine(project, effects).run(make_plan(f"- {{id: a, title: A, run: ['false'], retry: {{{retry}}}}}\n"))

    assert effects.waits == waits
    again = [event for event in read_events(outcome.directory.journal) if isinstance(event, StepRetried)]
    assert [event.wait for event in again if event.wait] == waits
    assert outcome.state.step("a").verdict == "fail"


@pytest.mark.parametrize(("status", "attempts"), [(75, 3), (1, 1)], ids=["one that it names", "another one"])
def test_a_program_is_tried_again_after_the_exit_statuses_it_names(run, status, attempts):
    outcome = run(
        f"- {{id: a, title: A, run: [sh, -c, 'exit {status}'], retry: {{attempts: 3, exit_statuses: [75, 111]}}}}\n"
    )

    assert outcome.state.step("a").attempt == attempts


def test_an_interruption_ends_a_wait(project, make_plan):
    import os
    import signal

    def interrupt(event):
        if isinstance(event, StepRetried):
            os.kill(os.getpid(), signal.SIGINT)

    steps = "- {id: a, title: A, run: ['false'], retry: {attempts: 2, wait: 1h}}\n"
    outcome = Engine(project, LiveEffects(project), [interrupt]).run(make_plan(steps))

    assert outcome.state.status is RunStatus.interrupted
    assert outcome.state.step("a").attempt == 2


BROKEN = """\
- {id: first, title: First, run: ['true']}
- id: broken
  title: Broken
  run: [test, -e, fixed]
  on_fail: {run: inner, with: {why: "{{ steps.broken.verdict }} {{ steps.broken.outputs.exit_status }}"}}
- {id: then, title: Then, run: ['true']}
"""
FIX = """\
- {id: see, title: See, run: [sh, -c, 'echo "$0" >> seen', "{{ inputs.why }}"]}
- {id: fix, title: Fix, run: [touch, fixed]}
"""
IN_VAIN = FIX.replace("touch, fixed", "'false'")
WHY = "inputs: {why: {type: string}}\n"


@pytest.fixture
def repaired(project):
    """Plan a workflow with a step that another workflow repairs, given the steps of both."""

    def made(outer=BROKEN, inner=FIX):
        planned = plan_of(project, outer, inner, head=WHY)
        return planned, load(project, "outer")

    return made


def perform(project, made, effects=None, subscribers=(), jobs=1):
    planned, loaded = made
    engine = Engine(project, effects or LiveEffects(project), subscribers, jobs=jobs)
    return engine.run(planned, source=loaded.text, nested=loaded.sources)


def go_on(project, outcome, since=None, effects=None):
    def replan(state):
        loaded = load_performed(outcome.directory)
        return plan(loaded.spec, resolve_inputs(loaded.spec, state.inputs), loaded.library)

    return Engine(project, effects or LiveEffects(project)).resume(outcome.directory, replan, from_step=since)


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_step_that_fails_is_repaired_and_tried_once_more_and_that_outcome_counts(project, repaired, jobs):
    outcome = perform(project, repaired(), jobs=jobs)

    assert outcome.state.status is RunStatus.done
    assert begun(outcome) == [
        "first",
        "broken",
        "broken/on-fail",
        "broken/on-fail/see",
        "broken/on-fail/fix",
        "broken",
        "then",
    ]
    assert (project.root / "seen").read_text() == "fail 1\n"
    step = outcome.state.step("broken")
    assert (step.verdict, step.attempt) == ("pass", 2)
    assert step.failed.receipt.failure.message == "test ended with exit status 1"  # it stays on record
    assert outcome.state.step("broken/on-fail").receipt.uses == "workflow.inner"
    assert explanation(step) == "broken ran again because broken/on-fail repaired what had made it fail"


def test_a_repair_that_does_not_help_leaves_the_second_failure(project, repaired):
    outcome = perform(project, repaired(inner=FIX.replace("touch, fixed", "touch, other")))

    assert outcome.state.status is RunStatus.failed
    assert begun(outcome).count("broken") == 2
    assert outcome.state.step("broken/on-fail").verdict == "pass"
    assert outcome.state.step("then").verdict == "not-available"


def test_behind_a_repair_that_failed_the_step_is_not_tried_and_its_failure_counts(project, repaired):
    outcome = perform(project, repaired(inner=IN_VAIN))

    assert begun(outcome).count("broken") == 1
    assert outcome.state.step("broken/on-fail").verdict == "fail"
    step = outcome.state.step("broken")
    assert (step.verdict, step.attempt, step.exit_status) == ("fail", 1, ExitStatus.failed)
    ends = [event.receipt for event in read_events(outcome.directory.journal) if isinstance(event, StepFinished)]
    [told] = [e for e in read_events(outcome.directory.journal) if isinstance(e, StepRepairing)]
    assert ends[-1] == told.failed.receipt


def test_what_is_not_broken_is_not_repaired(project, repaired):
    (project.root / "fixed").touch()

    assert begun(perform(project, repaired())) == ["first", "broken", "then"]


def test_a_step_is_repaired_only_when_it_may_be_tried_no_more(project, repaired):
    outcome = perform(project, repaired(BROKEN.replace("  on_fail", "  retry: {attempts: 3}\n  on_fail")))

    assert outcome.state.step("broken").attempt == 4
    assert begun(outcome).count("broken/on-fail") == 1


def test_a_failure_after_a_failed_repair_gets_a_repair_of_its_own_when_the_run_goes_on(project, repaired):
    outcome = perform(project, repaired(inner=FIX.replace("touch, fixed", "mv, patch, fixed")))
    before = begun(outcome)
    (project.root / "patch").touch()

    resumed = go_on(project, outcome)

    assert resumed.state.status is RunStatus.done
    assert begun(resumed)[len(before) :] == [
        "broken",
        "broken/on-fail",
        "broken/on-fail/see",
        "broken/on-fail/fix",
        "broken",
        "then",
    ]


def test_an_agent_may_repair_and_the_run_waits_within(project, repaired):
    inner = FIX + "- {id: agent, title: Agent, ask: agent, instruction: x, accept: [run: [test, -e, ok]]}\n"
    outcome = perform(project, repaired(inner=inner))
    assert outcome.exit_status is ExitStatus.waiting
    assert go_on(project, outcome).exit_status is ExitStatus.waiting
    (project.root / "ok").touch()

    done = go_on(project, outcome)

    assert done.state.status is RunStatus.done
    assert [begun(done).count(step) for step in ("broken", "broken/on-fail/see", "then")] == [2, 1, 1]


def test_a_repair_without_the_inputs_it_needs_fails_and_tells_why(project, repaired):
    outer = BROKEN.replace("steps.broken.outputs.exit_status", "steps.broken.outputs.log[9]")

    outcome = perform(project, repaired(outer))

    assert outcome.state.step("broken").verdict == "fail"
    assert outcome.state.step("broken/on-fail").receipt.failure.code == "ZK202"


def test_a_repair_that_can_t_take_its_inputs_is_refused_before_the_run(project, repaired):
    inner = FIX + "- {id: note, title: N, uses: trial.note, with: {text: a, number: '{{ inputs.why | int }}'}}\n"

    with pytest.raises(InputError, match="greater than or equal to 0"):
        repaired(BROKEN.replace('"{{ steps.broken.verdict }} {{ steps.broken.outputs.exit_status }}"', "'-1'"), inner)


def test_a_repaired_outcome_is_not_reused(project, repaired):
    outer = BROKEN.replace("  on_fail", "  reuse: true\n  reads: []\n  makes: []\n  on_fail")
    perform(project, repaired(outer))

    assert begun(perform(project, repaired(outer))).count("broken") == 1


def test_a_dry_run_tells_what_would_repair_a_step(project, repaired):
    told = []

    perform(project, repaired(), DryEffects(project), [told.append])

    [broken] = [event.plan for event in told if isinstance(event, StepPlanned) and event.step == "broken"]
    assert broken["on_fail"] == {"run": "inner"}
    assert not (project.root / "seen").exists()
