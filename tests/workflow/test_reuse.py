"""An outcome is reused exactly where all it rests on is the same, and either way one sentence says why."""

import pytest

from zk0.workflow import live_effects as live
from zk0.workflow.engine import Engine
from zk0.workflow.events import StepStarted
from zk0.workflow.journal import read_events
from zk0.workflow.live_effects import LiveEffects
from zk0.workflow.reuse import explanation

HEAD = "inputs: {text: {type: string, default: hello}}\n"
NOTE = """\
- id: note
  title: A note
  reuse: true
  uses: trial.note
  with: {text: "{{ inputs.text }}", number: 2}
  checks: [trial.length]
- {id: show, title: Show, reuse: true, reads: [], makes: [], run: [cat, "{{ steps.note.outputs.file }}"]}
"""
COSMETIC = """\
- title: The note, by another title   # and a comment
  id: note
  checks: [trial.length]
  with: {number: 2, text: "{{ inputs.text }}"}
  uses: trial.note
  reuse: true
- {title: Show it, reads: [], makes: [], reuse: true, id: show, run: [cat, "{{ steps.note.outputs.file }}"]}
"""


def why(outcome, step="note"):
    return explanation(outcome.state.step(step))


def begun(outcome):
    return [event.step for event in read_events(outcome.directory.journal) if isinstance(event, StepStarted)]


def test_the_first_time_a_step_runs_because_it_never_did(run):
    assert why(run(NOTE, HEAD)) == "note ran because no earlier run of it did its work"


@pytest.mark.parametrize("steps", [NOTE, COSMETIC], ids=["the same", "a cosmetic edit"])
def test_what_rests_on_the_same_is_reused(run, steps):
    first = run(NOTE, HEAD)

    second = run(steps, HEAD)

    assert begun(second) == []
    run_id = first.directory.id
    assert (
        why(second) == f"note reused because action, inputs, code, environment and checks equal those of run {run_id}"
    )
    assert why(second, "show").startswith("show reused because")
    receipt = second.state.step("note").receipt
    assert receipt.run == second.directory.id
    assert receipt.artifacts[0].path == f".zk0/runs/{run_id}/steps/note/note.txt"
    third = run(steps, HEAD)
    assert begun(third) == []


def test_what_is_not_the_same_runs_and_says_what_changed(run, project):
    first = run(NOTE, HEAD)

    assert why(run(NOTE, HEAD, text="world")) == (
        f"note ran because the inputs changed (text 'hello' → 'world') since run {first.directory.id}"
    )
    assert "the seed changed" in why(run(NOTE, HEAD, seed=3))
    assert "the checks changed" in why(run(NOTE.replace("[trial.length]", "[trial.length: {minimum: 2}]"), HEAD))
    (project.root / "new.py").write_text("x = 1")
    assert "the code changed" in why(run(NOTE, HEAD))


@pytest.mark.parametrize("name", ["settings.json", "page.md.j2", "data/list.yaml"])
def test_a_file_that_a_program_may_read_is_code(run, project, name):
    run(NOTE, HEAD)
    (project.root / name).parent.mkdir(exist_ok=True)
    (project.root / name).write_text("changed")

    assert "the code changed" in why(run(NOTE, HEAD))


def test_what_is_gone_or_was_changed_is_made_again(run):
    first = run(NOTE, HEAD)
    (first.directory.step("note") / "note.txt").write_text("changed")

    second = run(NOTE, HEAD)

    assert why(second) == f"note ran because what run {first.directory.id} made is gone or was changed"
    assert (second.directory.step("note") / "note.txt").read_text() == "hellohello"


def test_the_outcome_of_a_run_whose_journal_was_altered_is_not_reused(run):
    first = run(NOTE, HEAD)
    text = first.directory.journal.read_text()
    first.directory.journal.write_text(text.replace('"title":"A note"', '"title":"Another"'))

    assert begun(run(NOTE, HEAD)) == ["note", "show"]


def test_a_file_is_told_by_its_content_and_not_by_its_place(run, project):
    steps = "- {id: show, title: Show, reuse: true, reads: [], makes: [], run: [cat, ./given.txt]}\n"
    (project.root / "given.txt").write_text("a")
    run(steps)
    assert begun(run(steps)) == []
    (project.root / "given.txt").write_text("b")

    changed = run(steps)

    assert begun(changed) == ["show"]
    assert "the content of given.txt changed since" in why(changed, "show")


def test_what_failed_or_does_not_ask_for_it_is_never_reused(run):
    steps = "- {id: bad, title: Bad, reuse: true, reads: [], makes: [], run: ['false']}\n"
    run(steps)
    plain = "- {id: note, title: A note, uses: trial.note, with: {text: a}}\n"
    run(plain)

    assert begun(run(steps)) == ["bad"]
    second = run(plain)
    assert begun(second) == ["note"]
    assert why(second) == 'note ran because it is not to be reused (it has no "reuse: true")'


def test_from_a_step_on_nothing_is_reused(run, project, make_plan):
    run(NOTE, HEAD)
    second = run(NOTE, HEAD)
    engine = Engine(project, LiveEffects(project))

    again = engine.resume(second.directory, lambda _: make_plan(NOTE, HEAD), from_step="note")

    assert begun(again) == ["note", "show"]
    assert why(again) == "note ran because a fresh run was requested"


def test_a_step_of_others_refers_to_them(run):
    outcome = run(
        "- {id: sweep, title: Sweep, foreach: [a], reuse: true, reads: [], makes: [], run: [echo, '{{ item }}']}\n"
    )

    assert why(outcome, "sweep") == "sweep ran because it consists of others; each of them has a reason of its own"
    assert why(outcome, "sweep/0") == "sweep/0 ran because no earlier run of it did its work"


def test_a_default_that_is_written_out_and_another_order_of_checks_change_nothing(run):
    step = "- {id: note, title: A note, reuse: true, uses: trial.note, "
    run(step + "with: {text: a}, checks: [trial.length, run: [ls]]}\n")

    again = run(step + "with: {number: 1, text: a}, checks: [run: [ls], trial.length: {minimum: 1}]}\n")

    assert begun(again) == []


def test_each_of_two_programs_that_judge_counts(run):
    declared = "id: a, title: A, reuse: true, reads: [], makes: []"
    steps = f"- {{{declared}, run: ['true'], checks: [run: [test, 1], run: [test, 2]]}}\n"
    first = run(steps)

    changed = run(steps.replace("test, 1", "test, 3"))

    assert why(changed, "a") == f"a ran because the checks changed since run {first.directory.id}"


def test_only_the_inputs_that_changed_are_told(run):
    steps = "- {id: note, title: A note, reuse: true, uses: trial.note, with: {text: a, number: 2, tags: [x]}}\n"
    first = run(steps)

    changed = run(steps.replace("number: 2, tags", "tags"))

    assert why(changed) == f"note ran because the inputs changed (number 2 → 1) since run {first.directory.id}"


def test_an_item_is_told_by_what_it_is_and_not_by_its_number(run):
    steps = (
        "- {id: sweep, title: Sweep, reuse: true, reads: [], makes: [], foreach: [a, b], run: [echo, '{{ item }}']}\n"
    )
    first = run(steps)

    more = run(steps.replace("[a, b]", "[c, a, b]"))

    assert begun(more) == ["sweep", "sweep/0"]
    assert why(more, "sweep/2").endswith(f"equal those of run {first.directory.id}")
    assert more.state.step("sweep/2").receipt.inputs["argv"] == ["echo", "b"]
    assert more.state.step("sweep/2").receipt.title == "Sweep (3 of 3)"


def test_where_the_newest_is_gone_an_older_one_stands(run, project, make_plan):
    first = run(NOTE, HEAD)
    second = run(NOTE, HEAD)
    Engine(project, LiveEffects(project)).resume(second.directory, lambda _: make_plan(NOTE, HEAD), from_step="note")
    (second.directory.step("note") / "note.txt").unlink()

    assert why(run(NOTE, HEAD)).endswith(f"equal those of run {first.directory.id}")


def test_of_many_items_not_each_reads_all_journals_anew(run, monkeypatch):
    steps = "- {id: sweep, title: Sweep, reuse: true, foreach: [1, 2, 3, 4, 5, 6], uses: trial.seed}\n"
    run(steps)
    read = []
    monkeypatch.setattr(live, "read_events", lambda path: read.append(path) or read_events(path))

    again = run(steps)

    assert begun(again) == ["sweep"]
    assert len(read) == 1
