"""The engine runs steps in order, judges them, says what happens, and outlives what goes wrong."""

import json
from pathlib import Path

import pytest

from zk0.core.errors import DatasetError, ExitStatus, StorageError
from zk0.core.receipts import file_digest
from zk0.core.verdicts import Verdict
from zk0.workflow.engine import Engine
from zk0.workflow.events import (
    RunFinished,
    RunStarted,
    Selection,
    StepFinished,
    StepProgressed,
    StepRetried,
    StepSkipped,
    StepStarted,
)
from zk0.workflow.journal import read_tail
from zk0.workflow.live_effects import LiveEffects
from zk0.workflow.run import find_run
from zk0.workflow.state import RunStatus, StepStatus

NOTE = '- {id: note, title: A note, uses: trial.note, with: {text: "hello", number: 2}}\n'


def verdicts(outcome):
    return {step.id: step.verdict for step in outcome.state.steps}


def test_a_step_leaves_a_receipt_of_what_ran_and_what_came_out(run, project):
    outcome = run(NOTE, seed=7)

    [receipt] = outcome.state.receipts
    assert receipt.run == outcome.directory.id
    assert (receipt.workflow, receipt.step, receipt.title, receipt.uses) == ("trial", "note", "A note", "trial.note")
    assert receipt.inputs == {"text": "hello", "number": 2, "folder": None, "tags": []}
    assert receipt.seed == 7
    assert receipt.outputs["length"] == 5
    assert receipt.verdict is Verdict.passed
    assert "numpy" in receipt.environment
    file = outcome.directory.step("note") / "note.txt"
    assert [(made.name, made.path) for made in receipt.artifacts] == [
        ("file", "steps/note/note.txt"),
        ("copies.first", "steps/note/copy"),
    ]
    assert receipt.artifacts[0].sha256 == file_digest(file)
    assert outcome.exit_status is ExitStatus.done


def test_a_run_keeps_its_file_its_inputs_and_its_journal(run, project):
    outcome = run(NOTE, head="inputs: {where: {type: path, default: a/b}}\n")

    assert outcome.directory.path.parent == project.runs_dir
    assert outcome.directory.spec.read_text() == "the file's text\n"
    assert json.loads(outcome.directory.inputs.read_text()) == {"where": "a/b"}
    assert outcome.directory.state() == outcome.state
    assert (project.state_dir / ".gitignore").read_text() == "*\n"


def test_later_steps_read_what_earlier_ones_gave(run):
    outcome = run(
        NOTE
        + """\
- {id: show, title: Show it, run: [cat, "{{ steps.note.outputs.file }}"]}
- {id: echo, title: Echo, run: [echo, "{{ inputs.words }}", "{{ steps.show.outputs.exit_status }}", "{{ run.id }}"]}
""",
        head="inputs: {words: {type: list, default: [a, b c]}}\n",
    )

    assert outcome.directory.log("show").read_text() == "hellohello"
    assert outcome.directory.log("echo").read_text() == f"a b c 0 {outcome.directory.id}\n"
    assert outcome.state.step("show").receipt.uses == "run"


def test_subscribers_hear_every_event_in_order(run):
    told = []

    run(NOTE, subscribers=(told.append,))

    assert [type(event) for event in told] == [
        RunStarted,
        StepStarted,
        StepProgressed,
        StepProgressed,
        StepFinished,
        RunFinished,
    ]
    assert (told[2].done, told[2].total, told[2].note) == (1, 2, "written")
    assert told[-1].verdict is Verdict.passed


def test_an_event_is_recorded_before_it_is_told(run, project):
    recorded = []

    def listener(event):
        if hasattr(event, "kind"):
            [journal] = project.runs_dir.glob("*/journal.jsonl")
            recorded.append((event.kind, read_tail(journal)["kind"]))

    outcome = run(NOTE, subscribers=(listener,))

    assert outcome.subscriber_errors == ()  # errors of the listener are caught by the engine
    assert recorded == [(kind, kind) for kind in ("run-started", "step-started", "step-finished", "run-finished")]


@pytest.mark.parametrize(
    ("verdict", "status", "exit_status"),
    [
        ("pass", RunStatus.done, 0),
        ("warn", RunStatus.done, 0),
        ("not-applicable", RunStatus.done, 0),
        ("not-available", RunStatus.done, 0),
        ("fail", RunStatus.failed, 1),
        ("error", RunStatus.failed, 1),
    ],
)
def test_a_step_is_as_good_as_its_worst_finding(run, verdict, status, exit_status):
    outcome = run(
        "- {id: a, title: A, run: ['true'],"
        f" checks: [trial.say: {{verdict: {verdict}}}, trial.say: {{verdict: pass}}]}}\n"
        "- {id: b, title: B, run: ['true']}\n"
    )

    assert outcome.state.status is status
    assert outcome.exit_status == exit_status
    # A step that did its work passes, even where no check of it applies.
    assert outcome.state.steps[0].verdict == ("pass" if verdict == "not-applicable" else verdict)
    assert outcome.state.steps[1].status is (StepStatus.finished if exit_status == 0 else StepStatus.skipped)


def test_after_a_failure_only_steps_run_that_ask_for_it(run):
    outcome = run("""\
        - {id: ok, title: Ok, run: ["true"]}
        - {id: bad, title: Bad, run: ["false"]}
        - {id: next, title: Next, run: ["true"]}
        - {id: repair, title: Repair, when: "{{ steps.bad.verdict == 'fail' }}", run: ["true"]}
        - {id: other, title: Other, when: "{{ steps.bad.verdict == 'pass' }}", run: ["true"]}
        - {id: unrelated, title: Unrelated, when: "{{ steps.ok.verdict == 'pass' }}", run: ["true"]}
        """)

    assert verdicts(outcome) == {
        "ok": "pass",
        "bad": "fail",
        "next": "not-available",
        "repair": "pass",
        "other": "not-applicable",
        "unrelated": "not-available",
    }
    assert outcome.state.step("next").reason == "step bad did not do its work"
    assert (
        outcome.state.step("other").reason
        == "it runs only if steps.bad.verdict == 'pass', and steps.bad.verdict is 'fail'"
    )
    assert outcome.exit_status is ExitStatus.failed


def test_a_step_whose_when_is_false_is_skipped_and_tells_it(run):
    told = []

    outcome = run("- {id: a, title: A, when: '{{ 1 == 2 }}', run: ['true']}\n", subscribers=(told.append,))

    [skipped] = [event for event in told if isinstance(event, StepSkipped)]
    assert skipped.verdict is Verdict.not_applicable
    assert outcome.exit_status is ExitStatus.done


@pytest.mark.parametrize(
    ("how", "verdict", "code", "exit_status"),
    [
        ("training", "fail", "ZK101", 1),
        ("missing", "fail", "ZK401", 4),
        ("bug", "error", "ZK500", 5),
        ("exit", "error", "ZK500", 5),
    ],
)
def test_an_action_that_raises_fails_its_step_and_not_the_engine(run, how, verdict, code, exit_status):
    outcome = run(f"- {{id: a, title: A, uses: trial.fail, with: {{how: {how}}}}}\n")

    [receipt] = outcome.state.receipts
    assert receipt.verdict == verdict
    assert receipt.failure.code == code
    assert outcome.exit_status == exit_status


def test_a_bug_leaves_its_traceback_in_a_log_of_the_run(run):
    outcome = run("- {id: a, title: A, uses: trial.fail, with: {how: bug}}\n")

    [receipt] = outcome.state.receipts
    log = outcome.directory.log("a")
    assert receipt.failure.message == "RuntimeError: unheard of"
    assert str(log.name) in receipt.failure.remedy
    assert "Traceback" in log.read_text()


def test_a_check_that_breaks_is_an_error_with_its_name(run):
    outcome = run("- {id: a, title: A, run: ['true'], checks: [trial.crash, trial.unread]}\n")

    crash, unread = outcome.state.receipts[0].findings
    assert (crash.check, crash.verdict) == ("trial.crash", Verdict.error)
    assert "in the check" in crash.message
    assert (unread.check, unread.verdict, unread.remedy) == ("trial.unread", Verdict.error, "run again")
    assert outcome.state.receipts[0].failure is None
    assert outcome.exit_status is ExitStatus.bug


def test_outputs_that_no_receipt_can_hold_are_an_error_of_the_step(run):
    outcome = run("- {id: a, title: A, uses: trial.strange}\n")

    assert outcome.state.receipts[0].verdict is Verdict.error
    assert outcome.exit_status is ExitStatus.bug


def test_a_step_is_tried_again_after_the_verdicts_it_names(run):
    told = []

    outcome = run(
        "- {id: a, title: A, uses: trial.fail, with: {how: bug, times: 2}, retry: {attempts: 5, on: [error]}}\n",
        subscribers=(told.append,),
    )

    again = [event for event in told if isinstance(event, StepRetried)]
    assert [(event.attempt, event.verdict) for event in again] == [(1, "error"), (2, "error")]
    assert again[0].reason == "RuntimeError: unheard of"
    assert outcome.state.step("a").attempt == 3
    assert outcome.state.step("a").verdict is Verdict.passed
    assert outcome.exit_status is ExitStatus.done


def test_a_step_is_not_tried_again_after_another_verdict(run):
    outcome = run(
        "- {id: a, title: A, uses: trial.fail, with: {how: training}, retry: {attempts: 5, on: [error]}}\n",
    )

    assert outcome.state.step("a").attempt == 1


def test_what_repairs_a_fault_is_proposed(run):
    told = []

    outcome = run(
        "- {id: a, title: A, uses: trial.note, with: {text: a}, checks: [trial.length: {minimum: 9}],"
        " on_fail: {propose: fedprox-debug}}\n",
        subscribers=(told.append,),
    )

    assert outcome.state.proposals == ("note-repair", "fedprox-debug")
    assert told[-1].proposals == ("note-repair", "fedprox-debug")


def test_inputs_that_can_t_work_are_refused_before_anything_is_written(run, project):
    with pytest.raises(DatasetError, match="is not ready"):
        run(NOTE + "- {id: b, title: B, uses: trial.note, with: {text: refused}}\n")

    assert not project.state_dir.exists()


def test_a_step_that_may_not_run_is_not_looked_at_beforehand(run):
    outcome = run(
        "- {id: a, title: A, run: ['true']}\n"
        "- {id: b, title: B, when: \"{{ steps.a.verdict == 'fail' }}\", uses: trial.note, with: {text: refused}}\n"
    )

    assert outcome.exit_status is ExitStatus.done


def test_a_value_known_only_on_the_way_is_judged_there(run):
    outcome = run(
        "- {id: a, title: A, uses: trial.seed}\n"
        "- {id: b, title: B, uses: trial.note, with: {text: a, number: '{{ steps.a.outputs.seed - 1 }}'}}\n"
    )

    failure = outcome.state.step("b").receipt.failure
    assert failure.code == "ZK203"
    assert failure.message == 'trial.note: "number": input should be greater than or equal to 0, got -1'
    assert outcome.exit_status is ExitStatus.wrong_request


def test_a_when_without_a_value_fails_its_step(run):
    outcome = run(
        "- {id: a, title: A, when: '{{ 1 == 2 }}', uses: trial.seed}\n"
        "- {id: b, title: B, when: '{{ steps.a.outputs.seed == 1 }}', run: ['true']}\n"
    )

    assert "step 'a' has no outputs" in outcome.state.step("b").receipt.failure.message
    assert outcome.exit_status is ExitStatus.wrong_request


def test_an_interruption_ends_the_run_with_what_is_done(run):
    outcome = run(
        NOTE + "- {id: b, title: B, uses: trial.fail, with: {how: interrupt}}\n" + NOTE.replace("note,", "c,", 1)
    )

    assert outcome.state.status is RunStatus.interrupted
    assert [step.status for step in outcome.state.steps] == ["finished", "interrupted", "pending"]
    assert outcome.exit_status is ExitStatus.interrupted
    assert outcome.directory.state() == outcome.state


def test_a_subscriber_that_fails_is_named_and_does_not_lose_the_run(run):
    class Recorder:
        def __call__(self, event):
            if isinstance(event, StepFinished):
                raise OSError("no room in the bank")

    told = []
    outcome = run(NOTE, subscribers=(Recorder(), told.append))

    assert outcome.subscriber_errors == ("Recorder: no room in the bank",)
    assert outcome.state.status is RunStatus.done
    assert outcome.exit_status is ExitStatus.failed
    assert isinstance(told[-1], RunFinished)
    assert "Traceback" in outcome.directory.log("subscribers").read_text()


def test_what_an_action_prints_goes_into_a_log_of_its_step(run, capfd):
    outcome = run("- {id: a, title: A, uses: trial.talk}\n")

    assert "words from below" in outcome.directory.log("a").read_text()
    assert "words from below" not in capfd.readouterr().out


def test_a_journal_that_can_t_be_written_ends_the_run_and_keeps_what_it_holds(make_plan, project):
    class FullDisk(LiveEffects):
        def append(self, run, event):
            if isinstance(event, StepFinished):
                raise StorageError("the disk is full")
            super().append(run, event)

    with pytest.raises(StorageError):
        Engine(project, FullDisk(project)).run(make_plan(NOTE))

    [directory] = project.runs_dir.glob("*/")
    from zk0.workflow.run import RunDirectory

    assert RunDirectory(Path(directory)).state().status is RunStatus.unfinished


def test_a_state_directory_that_can_t_be_made_is_an_error_with_its_place(run, project):
    project.state_dir.write_text("a file where the directory should be")

    with pytest.raises(StorageError, match=r"\.zk0"):
        run(NOTE)


OUTPUTS = 'outputs: {length: "{{ steps.note.outputs.length }}", file: "{{ steps.note.outputs.file }}"}\n'
GIVES = """\
- {id: note, title: Note, uses: trial.note, with: {text: words}}
- {id: gate, title: Gate, run: [test, -e, open]}
"""


def test_a_run_that_succeeds_has_its_workflow_s_outputs_in_the_journal(run, project, make_plan):
    failed = run(GIVES, OUTPUTS)
    assert failed.state.outputs == {}  # of a run that failed, outputs would be of half its work
    (project.root / "open").touch()

    directory = find_run(project, "latest")
    outcome = Engine(project, LiveEffects(project)).resume(directory, lambda _: make_plan(GIVES, OUTPUTS))

    assert outcome.exit_status == 0
    assert outcome.state.outputs == {"length": 5, "file": str(directory.step("note") / "note.txt")}
    assert directory.state() == outcome.state


def test_an_output_without_a_value_fails_the_run_though_its_steps_passed(run):
    head = 'outputs: {length: "{{ steps.maybe.outputs.length }}"}\n'
    steps = """\
        - {id: first, title: First, run: ["true"]}
        - {id: maybe, title: Maybe, when: "{{ 1 == 2 }}", uses: trial.note, with: {text: words}}
        """

    outcome = run(steps, head)

    assert outcome.exit_status == 1
    assert (outcome.state.verdict, outcome.state.status) == ("fail", "failed")
    assert "the output length of trial has no value" in outcome.state.failure.message
    assert outcome.directory.state() == outcome.state


def test_a_part_of_a_workflow_has_the_outputs_that_it_can_have(project, make_plan):
    (project.root / "open").touch()
    head = OUTPUTS.replace("}\n", ', status: "{{ steps.gate.outputs.exit_status }}"}\n')
    planned = make_plan(GIVES, head)
    selection = Selection("--only gate", ("gate",))

    outcome = Engine(project, LiveEffects(project)).run(planned, selection=selection)

    assert outcome.exit_status == 0
    assert outcome.state.outputs == {"status": 0}


@pytest.mark.parametrize(
    ("when", "reason"),
    [
        ("inputs.publish", "inputs.publish, and inputs.publish is false"),
        ("not inputs.quiet", "not inputs.quiet, and inputs.quiet is true"),
        ("inputs.name == 'b' and inputs.quiet", "inputs.name == 'b', and inputs.name is 'a\\n'"),
        ("inputs.quiet and (inputs.publish and true)", "(inputs.publish and true), and inputs.publish is false"),
        ("inputs.quiet and inputs.publish or false", "inputs.quiet and inputs.publish or false, and inputs.quiet is"),
        ("steps.first.verdict != 'pass'", "steps.first.verdict != 'pass', and steps.first.verdict is 'pass'"),
        ("1 == 2", "1 == 2"),
        (
            "inputs.publish and steps.none.outputs.log",
            "inputs.publish, and inputs.publish is false",
        ),
    ],
)
def test_a_skipped_step_says_which_condition_was_false_and_why(run, when, reason):
    head = """\
        inputs:
          publish: {type: boolean, default: false}
          quiet: {type: boolean, default: true}
          name: {type: string}
        """
    steps = f"""\
        - {{id: first, title: First, run: ["true"]}}
        - {{id: none, title: None, when: "{{{{ false }}}}", run: ["true"]}}
        - {{id: maybe, title: Maybe, when: "{{{{ {when} }}}}", run: ["false"]}}
        """

    assert run(steps, head, name="a\n").state.step("maybe").reason.startswith(f"it runs only if {reason}")
