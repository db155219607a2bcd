"""A step that somebody does: it is handed over in full, judged when the run goes on, done when it is good enough."""

import subprocess

import pytest

from zk0.core.errors import ConfigurationError, ExitStatus
from zk0.core.project import Project
from zk0.workflow.approval import ApprovalAnswer
from zk0.workflow.engine import Engine
from zk0.workflow.events import StepWaiting
from zk0.workflow.live_effects import LiveEffects
from zk0.workflow.state import RunStatus, StepStatus

FIX = """\
- {id: broken, title: Broken, run: [sh, -c, 'test -e fixed']}
- id: fix
  title: Fix it
  when: "{{ steps.broken.verdict == 'fail' }}"
  ask: agent
  instruction: "Make the file fixed, {{ inputs.name }}; see {{ steps.broken.verdict }}."
  constraints: [change no test]
  accept:
    - run: [test, -e, fixed]
    - trial.say: {verdict: pass}
"""
HEAD = """\
inputs: {name: {type: string, default: friend}}
notes: [files are cheap]
issues: [{sign: It is still broken., remedy: Look again.}]
"""
AFTER = """\
- id: after
  title: After
  when: "{{ steps.fix.verdict == 'pass' }}"
  run: [echo, "{{ steps.fix.outputs.by }}"]
"""
GATE = "- {id: gate, title: Approve, ask: person, instruction: Approve it.}\n- {id: go, title: Go, run: ['true']}\n"


@pytest.fixture
def resume(project, make_plan):
    def go_on(outcome, steps, head="", answers=None):
        engine = Engine(project, LiveEffects(project, answers))
        return engine.resume(outcome.directory, lambda _: make_plan(steps, head))

    return go_on


def test_an_agent_is_handed_all_that_the_run_knows(run):
    told = []

    outcome = run(FIX, HEAD, subscribers=(told.append,))

    assert outcome.exit_status is ExitStatus.waiting
    assert outcome.state.status is RunStatus.waiting
    step = outcome.state.step("fix")
    assert (step.status, step.ask, step.attempt) == (StepStatus.waiting, "agent", 0)
    assert isinstance(told[-1], StepWaiting)
    text = step.handover.read_text()
    for words in (
        "# Fix it",
        f"fix of run {outcome.directory.id}",
        "Make the file fixed, friend; see fail.",
        "`test -e fixed` ends with exit status 0",
        "`trial.say` (verdict=pass): Say what it is told to.",
        "broken (Broken): fail",
        "sh ended with exit status 1",
        "change no test",
        "input name = 'friend'",
        "files are cheap",
        "It is still broken. Remedy: Look again.",
        f"zk0 resume {outcome.directory.id}",
    ):
        assert words in text


def test_a_run_goes_on_when_all_is_accepted_and_counts_what_was_not(run, resume, project):
    outcome = run(FIX + AFTER, HEAD)

    first = resume(outcome, FIX + AFTER, HEAD)
    second = resume(outcome, FIX + AFTER, HEAD)

    assert second.exit_status is ExitStatus.waiting
    assert (first.state.step("fix").attempt, second.state.step("fix").attempt) == (1, 2)
    [missing] = second.state.step("fix").missing
    assert (missing.check, missing.message) == ("run", "test -e fixed ended with exit status 1")
    (project.root / "fixed").touch()

    third = resume(outcome, FIX + AFTER, HEAD)

    assert third.state.step("fix").verdict == "pass"
    assert third.state.step("fix").attempt == 3
    assert third.state.step("after").status is StepStatus.finished
    assert third.exit_status is ExitStatus.failed  # what was broken was broken
    receipt = third.state.step("fix").receipt
    assert receipt.uses == "ask.agent"
    assert [made.name for made in receipt.artifacts] == ["handover"]


def test_an_agent_that_may_try_only_so_often_fails(run, resume):
    steps = FIX.replace("  accept:", "  retry: {attempts: 2}\n  accept:")
    outcome = run(steps, HEAD)
    resume(outcome, steps, HEAD)

    ended = resume(outcome, steps, HEAD)

    assert ended.state.status is RunStatus.failed
    assert ended.state.step("fix").verdict == "fail"
    assert ended.state.step("fix").receipt.findings[-1].message == "was judged 2 times and is not good enough"


def test_what_can_t_be_told_is_not_accepted(run, resume):
    steps = "- {id: a, title: A, ask: agent, instruction: B, accept: [trial.say: {verdict: not-available}]}\n"

    assert resume(run(steps), steps).exit_status is ExitStatus.waiting


def test_an_instruction_without_a_value_fails_its_step(run):
    steps = (
        "- {id: a, title: A, when: '{{ 1 == 2 }}', uses: trial.seed}\n"
        "- {id: b, title: B, ask: agent, instruction: 'see {{ steps.a.outputs.seed }}'}\n"
    )

    assert run(steps).exit_status is ExitStatus.wrong_request


def test_a_person_who_says_nothing_is_waited_for(run, resume):
    outcome = resume(run(GATE), GATE)

    assert outcome.exit_status is ExitStatus.waiting
    [missing] = outcome.state.step("gate").missing
    assert missing.message == "no person has answered yet"
    assert "approve.txt" in missing.remedy


def stated(outcome, step="gate", *, approved=True, reason=""):
    return {step: ApprovalAnswer(approved, "ada", "stated", outcome.state.step(step).statement, reason)}


def test_what_a_person_says_in_the_terminal_decides(run, resume):
    first, second = run(GATE), run(GATE)

    approved = resume(first, GATE, answers=stated(first))
    rejected = resume(second, GATE, answers=stated(second, approved=False, reason="too early"))

    assert approved.state.status is RunStatus.done
    outputs = approved.state.step("gate").receipt.outputs
    assert (outputs["by"], outputs["how"], outputs["key"]) == ("ada", "stated", "")
    assert approved.state.step("gate").receipt.findings[0].message == "approved by ada, stated in a terminal"
    assert rejected.state.step("gate").receipt.findings[0].message == "rejected by ada, stated in a terminal: too early"
    assert rejected.state.step("go").status is StepStatus.skipped
    assert rejected.exit_status is ExitStatus.failed


def git(project, *arguments):
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run(["git", "-C", str(project.root), *identity, *arguments], check=True, capture_output=True)


def key(project, name):
    path = project.root.parent / f"{project.root.name}-{name}"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)], check=True)
    return path, f"{name}@example.org {path.with_name(path.name + '.pub').read_text()}"


def fingerprint(path):
    shown = subprocess.run(["ssh-keygen", "-lf", str(path)], check=True, capture_output=True, text=True)
    return shown.stdout.split()[1]


def sign(path, file, namespace="zk0"):
    subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-n", namespace, "-f", str(path), str(file)], check=True, capture_output=True
    )


@pytest.fixture
def keys(project):
    """Commit the key of ada, who may answer; an agent has one of its own."""
    ada, line = key(project, "ada")
    agent, own_line = key(project, "agent")
    (project.root / "allowed_signers").write_text(line)
    git(project, "init", "-q")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "who may answer")
    return ada, agent, own_line


def test_a_signature_of_who_may_answer_is_an_approval(run, resume, keys):
    outcome = run(GATE)
    sign(keys[0], outcome.directory.step("gate") / "approve.txt")

    approved = resume(outcome, GATE)

    assert approved.state.status is RunStatus.done
    receipt = approved.state.step("gate").receipt
    assert receipt.findings[0].message == f"approved by ada@example.org, signed with {fingerprint(keys[0])}"
    assert (receipt.outputs["how"], receipt.outputs["key"]) == ("signed", fingerprint(keys[0]))
    assert [made.name for made in receipt.artifacts] == ["handover", "answer", "signature"]


def test_what_ends_beside_a_question_is_no_part_of_it(run, resume, keys):
    steps = GATE.replace("- {id: go", "- {id: free, title: Free, needs: [], run: ['true']}\n- {id: go")
    outcome = run(steps)
    assert [step.status for step in outcome.state.steps] == ["waiting", "finished", "pending"]
    sign(keys[0], outcome.directory.step("gate") / "approve.txt")

    assert resume(outcome, steps).state.status is RunStatus.done


def test_two_may_be_asked_at_the_same_time(run, resume, project):
    ask = "ask: agent, instruction: Do it, accept: [run: [test, -e, {file}]]"
    steps = f"- {{id: a, title: A, {ask.format(file='a')}}}\n- {{id: b, title: B, needs: [], {ask.format(file='b')}}}\n"
    outcome = run(steps)
    assert [step.status for step in outcome.state.steps] == ["waiting", "waiting"]
    (project.root / "b").touch()
    half = resume(outcome, steps)
    assert [step.status for step in half.state.steps] == ["waiting", "finished"]
    assert half.exit_status is ExitStatus.waiting
    (project.root / "a").touch()

    assert resume(outcome, steps).state.status is RunStatus.done


def test_a_rejection_is_signed_with_its_reason(run, resume, keys):
    outcome = run(GATE)
    file = outcome.directory.step("gate") / "reject.txt"
    sign(keys[0], file)
    with pytest.raises(ConfigurationError, match="gives no reason"):
        resume(outcome, GATE)
    file.with_name("reject.txt.sig").unlink()
    file.write_text(file.read_text() + "too early\n")
    sign(keys[0], file)

    rejected = resume(outcome, GATE)

    assert (
        rejected.state.step("gate")
        .receipt.findings[0]
        .message.endswith(f"signed with {fingerprint(keys[0])}: too early")
    )


def test_an_agent_can_not_approve_with_a_key_of_its_own(run, resume, keys, project):
    _, agent, own_line = keys
    outcome = run(GATE)
    sign(agent, outcome.directory.step("gate") / "approve.txt")
    (project.root / "allowed_signers").write_text(own_line)
    git(project, "commit", "-qam", "let me in")

    asked_again = resume(outcome, GATE).state.step("gate")

    assert "changed allowed_signers" in asked_again.missing[0].message
    sign(agent, asked_again.handover.with_name("approve.txt"))
    with pytest.raises(ConfigurationError, match=r"not a signature of approve\.txt by anyone"):
        resume(outcome, GATE)
    assert outcome.directory.state().status is RunStatus.waiting


@pytest.mark.parametrize("namespace", ["git", "file"])
def test_a_signature_for_another_purpose_does_not_count(run, resume, keys, namespace):
    outcome = run(GATE)
    sign(keys[0], outcome.directory.step("gate") / "approve.txt", namespace)

    with pytest.raises(ConfigurationError):
        resume(outcome, GATE)


def test_a_signature_of_another_run_does_not_count(run, resume, keys):
    first, second = run(GATE), run(GATE)
    sign(keys[0], first.directory.step("gate") / "approve.txt")
    for name in ("approve.txt", "approve.txt.sig"):
        (second.directory.step("gate") / name).write_bytes((first.directory.step("gate") / name).read_bytes())

    with pytest.raises(ConfigurationError, match="says something else than what is asked"):
        resume(second, GATE)


def test_without_a_commit_nobody_is_allowed_to_sign(run, resume, project: Project):
    outcome = run(GATE)
    sign(key(project, "ada")[0], outcome.directory.step("gate") / "approve.txt")

    with pytest.raises(ConfigurationError, match="has no allowed_signers"):
        resume(outcome, GATE)
