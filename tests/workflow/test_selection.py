"""A part of a workflow is performed in a run of its own, on what earlier runs gave on the same inputs."""

import pytest

from zk0.cli.wiring import select
from zk0.core.errors import RequestError, UnknownNameError
from zk0.workflow.engine import Engine
from zk0.workflow.events import StepStarted
from zk0.workflow.journal import read_events
from zk0.workflow.live_effects import LiveEffects
from zk0.workflow.reuse import explanation
from zk0.workflow.state import RunStatus

HEAD = "inputs: {text: {type: string, default: hello}, last: {type: string, default: x}}\n"
STEPS = """\
- {id: note, title: Note, uses: trial.note, with: {text: "{{ inputs.text }}"}}
- {id: apart, title: Apart, run: ['true']}
- {id: show, title: Show, run: [cat, "{{ steps.note.outputs.file }}"]}
- {id: last, title: Last, run: [sh, -c, 'cat "$0"; echo "$1"', "{{ steps.show.outputs.log }}", "{{ inputs.last }}"]}
"""


@pytest.fixture
def run_part(project, make_plan):
    def perform(steps=STEPS, *, only=(), since=None, seed=0, **inputs):
        planned = make_plan(steps, HEAD, **inputs)
        selection = select(project, planned, only, since, seed=seed)
        return Engine(project, LiveEffects(project)).run(planned, seed=seed, selection=selection)

    return perform


def begun(outcome):
    return [event.step for event in read_events(outcome.directory.journal) if isinstance(event, StepStarted)]


def why(outcome, step):
    return explanation(outcome.state.step(step))


def test_from_a_step_on_a_new_run_takes_what_it_reads_from_the_newest_run_that_fits(run_part):
    run_part(text="other")
    run_part()
    newest = run_part()
    run_part(text="other")

    part = run_part(since="last", last="y")

    assert part.state.status is RunStatus.done
    assert part.directory != newest.directory
    assert begun(part) == ["last"]
    assert part.directory.log("last").read_text() == "helloy\n"
    taken = f"was left out, and what it gave is taken from run {newest.directory.id}"
    assert why(part, "show") == f"show {taken}"
    assert why(part, "note") == f"note {taken}"
    assert why(part, "apart") == "apart was skipped because --from last leaves it out"
    receipt = part.state.step("note").receipt
    assert receipt.run == part.directory.id
    assert receipt.artifacts[0].path == f".zk0/runs/{newest.directory.id}/steps/note/note.txt"


def test_only_the_steps_that_are_named_are_done_in_the_order_of_the_file(run_part):
    part = run_part(only=["show", "note"])

    assert begun(part) == ["note", "show"]
    assert part.state.status is RunStatus.done


def test_what_a_partial_run_did_serves_the_next_one(run_part):
    run_part(only=["note"])
    second = run_part(only=["show"])

    third = run_part(only=["last"])

    assert begun(third) == ["last"]
    assert second.directory.id in why(third, "show")


@pytest.mark.parametrize(
    "change",
    [{"text": "new"}, {"seed": 3}, {"steps": STEPS.replace('"{{ inputs.text }}"}', '"{{ inputs.text }}", number: 2}')}],
    ids=["another input", "another seed", "another argument"],
)
def test_what_was_done_on_other_inputs_does_not_serve(run_part, project, change):
    run_part()
    before = list(project.runs_dir.iterdir())

    with pytest.raises(RequestError) as raised:
        run_part(since="last", **change)

    assert raised.value.message == (
        "step show reads step note, which is left out, and no earlier run of trial did that one's work on these inputs"
    )
    assert list(project.runs_dir.iterdir()) == before


def test_what_failed_or_is_gone_does_not_serve(run_part):
    steps = STEPS.replace("run: [cat, ", "run: [ls, absent, ")
    run_part(steps)
    with pytest.raises(RequestError, match="step last reads step show"):
        run_part(steps, only=["last"])
    whole = run_part()
    (whole.directory.step("note") / "note.txt").unlink()
    with pytest.raises(RequestError, match="step last reads step show"):
        run_part(only=["last"])


def test_a_newer_run_that_got_less_far_does_not_hide_an_older_one_that_has_all(run_part):
    whole = run_part()
    run_part(only=["note"])

    assert whole.directory.id in why(run_part(only=["last"]), "show")


def test_where_no_run_has_all_each_is_taken_from_the_newest_that_has_it(run_part):
    steps = (
        STEPS
        + '- {id: both, title: Both, run: [cat, "{{ steps.note.outputs.file }}", "{{ steps.apart.outputs.log }}"]}\n'
    )
    note, apart = run_part(steps, only=["note"]), run_part(steps, only=["apart"])

    part = run_part(steps, only=["both"])

    assert note.directory.id in why(part, "note")
    assert apart.directory.id in why(part, "apart")


def test_a_wrong_request_is_refused(run_part):
    with pytest.raises(UnknownNameError, match='trial has no step "nota"; did you mean "note"'):
        run_part(only=["nota"])
    with pytest.raises(UnknownNameError, match='trial has no step "shew"'):
        run_part(since="shew")
    with pytest.raises(RequestError, match="exclude each other"):
        run_part(only=["note"], since="show")


def test_a_step_that_reads_only_a_verdict_gets_one(run_part):
    steps = (
        "- {id: a, title: A, run: ['true']}\n"
        "- {id: b, title: B, when: \"{{ steps.a.verdict == 'pass' }}\", run: ['true']}\n"
    )
    run_part(steps)

    assert begun(run_part(steps, only=["b"])) == ["b"]


def test_groups_serve_too(run_part):
    steps = (
        "- {id: a, title: A, foreach: [1, 2], run: [echo, '{{ item }}']}\n"
        "- {id: b, title: B, run: [echo, '{{ steps.a.outputs.each[1].exit_status }}']}\n"
    )
    run_part(steps)

    part = run_part(steps, only=["b"])

    assert part.directory.log("b").read_text() == "0\n"
    with pytest.raises(RequestError):
        run_part(steps.replace("[1, 2]", "[1, 3]"), only=["b"])


def test_a_partial_run_goes_on_as_the_part_it_is(run_part, project, make_plan):
    whole = run_part()
    steps = STEPS.replace('\'cat "$0"; echo "$1"\'', "'test -e ready'")
    part = run_part(steps, since="last")
    assert part.state.status is RunStatus.failed
    (project.root / "ready").touch()
    run_part()  # a newer one that would serve as well

    engine = Engine(project, LiveEffects(project))
    resumed = engine.resume(part.directory, lambda _: make_plan(steps, HEAD))

    assert resumed.state.status is RunStatus.done
    assert begun(resumed) == ["last", "last"]
    assert whole.directory.id in why(resumed, "show")
