"""The project's own agent works on a step that waits for one, and is judged as anybody is."""

import json

import pytest

from zk0.core.agent_mark import AGENT_MARKS
from zk0.workflow.engine import Engine
from zk0.workflow.live_effects import LiveEffects
from zk0.workflow.state import RunStatus, StepStatus

FIX = """\
- {id: fix, title: Fix, ask: agent, instruction: Make it., scope: [fixed, said], accept: [run: [test, -e, fixed]]}
- {id: after, title: After, run: ['true']}
"""


@pytest.fixture
def agent(project, monkeypatch):
    """Let the project name a shell script as its agent."""
    for name in AGENT_MARKS:
        monkeypatch.delenv(name, raising=False)

    def write(script: str) -> None:
        argv = json.dumps(["sh", "-c", f'{script}\necho "$0"'])
        (project.root / "pyproject.toml").write_text(f"[tool.zk0]\nagent = {argv}\n")

    return write


def test_the_agent_is_started_with_the_handover_and_judged(agent, run):
    agent("touch fixed")

    outcome = run(FIX)

    assert outcome.state.status is RunStatus.done
    step = outcome.state.step("fix")
    assert step.receipt.outputs["changed"] == ["added fixed"]
    assert [(one.check, one.verdict) for one in step.receipt.findings] == [
        ("agent", "pass"),
        ("run", "pass"),
        ("scope", "pass"),
    ]
    log = outcome.directory.log("fix").read_text()
    assert "steps/fix/handover.md and do the task in it" in log
    assert outcome.state.step("after").verdict == "pass"


def test_what_it_says_decides_nothing(agent, run):
    agent("echo all is well")
    waiting = run(FIX).state.step("fix")
    assert (waiting.status, waiting.attempt) == (StepStatus.waiting, 1)
    assert waiting.missing[0].message == "test -e fixed ended with exit status 1"


def test_its_exit_status_is_a_warning(agent, run):
    agent("touch fixed; trap 'exit 7' EXIT")

    receipt = run(FIX).state.step("fix").receipt

    assert receipt.verdict == "warn"
    assert receipt.findings[0].message == "sh ended with exit status 7"


def test_it_is_asked_as_often_as_the_step_says_and_told_what_was_missing(agent, run):
    steps = FIX.replace("scope:", "retry: {attempts: 3}, scope:")
    agent('case "$0" in *"test -e fixed ended"*) touch fixed;; esac')

    step = run(steps).state.step("fix")

    assert (step.verdict, step.attempt) == ("pass", 2)


def test_it_fails_after_so_many_attempts(agent, run):
    agent("echo . >> said")

    outcome = run(FIX.replace("scope:", "retry: {attempts: 3}, scope:"))

    assert outcome.state.step("fix").verdict == "fail"
    assert outcome.state.step("fix").attempt == 3
    assert outcome.state.step("after").verdict == "not-available"


def test_it_is_held_to_the_scope(agent, run, project):
    agent("touch fixed other")

    step = run(FIX).state.step("fix")

    assert step.status is StepStatus.waiting
    assert step.missing[0].message == "changed outside of the scope: added other"


def test_an_agent_that_can_t_be_started_leaves_a_run_that_waits(agent, run, project):
    agent("")
    (project.root / "pyproject.toml").write_text('[tool.zk0]\nagent = ["no-such-agent"]\n')

    outcome = run(FIX)

    assert outcome.state.status is RunStatus.waiting
    step = outcome.state.step("fix")
    assert step.attempt == 0
    assert "no-such-agent" in step.missing[0].message


def test_an_agent_gets_the_time_of_the_step(agent, run):
    agent("sleep 60")

    outcome = run(FIX.replace("scope:", "timeout: 1s, scope:"))

    assert outcome.state.status is RunStatus.waiting
    assert outcome.state.step("fix").missing[0].check == "agent"


def test_a_resumed_run_judges_first(agent, run, project, make_plan):
    agent("echo . >> said")
    outcome = run(FIX)
    (project.root / "fixed").touch()

    ended = Engine(project, LiveEffects(project)).resume(outcome.directory, lambda _: make_plan(FIX))

    assert ended.state.status is RunStatus.done
    assert (project.root / "said").read_text() == ".\n"


def test_an_agent_that_runs_zk0_starts_no_other(agent, run, monkeypatch):
    agent("touch fixed")
    monkeypatch.setenv("CLAUDECODE", "1")

    assert run(FIX).state.step("fix").status is StepStatus.waiting


def test_two_agents_steps_take_turns_and_a_person_is_still_waited_for(agent, run):
    agent('case "$0" in *steps/a/*) touch a;; *) touch b;; esac')
    ask = "ask: agent, instruction: Do it, accept: [run: [test, -e, {file}]]"
    steps = (
        f"- {{id: a, title: A, {ask.format(file='a')}}}\n- {{id: b, title: B, needs: [], {ask.format(file='b')}}}\n"
        "- {id: gate, title: G, ask: person, instruction: Yes?}\n"
    )

    outcome = run(steps)

    assert [step.status for step in outcome.state.steps] == ["finished", "finished", "waiting"]
    assert [step.attempt for step in outcome.state.steps] == [1, 1, 0]


def test_the_agent_has_the_mark_of_the_run_so_that_it_answers_for_no_person(agent, run):
    agent('touch fixed; echo "mark: $ZK0_RUN"')

    outcome = run(FIX)

    assert f"mark: {outcome.directory.path}" in outcome.directory.log("fix").read_text()


def test_an_agent_that_edits_the_workflow_in_both_places_meanwhile_is_found_out(agent, run, project):
    agent('touch fixed; echo new > workflows/trial.yaml; cp workflows/trial.yaml "$ZK0_RUN/spec.yaml"')

    step = run(FIX).state.step("fix")

    assert "added workflows/trial.yaml" in step.missing[0].message


def test_an_agent_that_replaces_the_list_of_files_meanwhile_fails(agent, run):
    agent('touch fixed other; for list in "$ZK0_RUN"/steps/fix/files-*.json; do echo "{}" > "$list"; done')

    assert run(FIX).state.step("fix").receipt.failure.code == "ZK208"
