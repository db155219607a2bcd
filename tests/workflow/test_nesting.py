"""Workflows within workflows, steps for each item, needs and finally: performed, judged and resumed exactly."""

from textwrap import dedent, indent

import pytest

from zk0.core.errors import SpecError
from zk0.workflow.effects import DryEffects
from zk0.workflow.engine import Engine
from zk0.workflow.events import StepPlanned, StepStarted
from zk0.workflow.inputs import resolve_inputs
from zk0.workflow.journal import read_events
from zk0.workflow.live_effects import LiveEffects
from zk0.workflow.loading import load, load_performed, parse_workflow
from zk0.workflow.plan import plan

INNER = """\
name: inner
title: Inner
purpose: To be performed.
inputs:
  text: {type: string}
  number: {type: integer, minimum: 1, default: 1}
steps:
  - {id: note, title: Note, uses: trial.note, with: {text: "{{ inputs.text }}", number: "{{ inputs.number }}"}}
  - {id: check, title: Check, run: [test, -e, ready]}
outputs:
  length: "{{ steps.note.outputs.length }}"
  file: "{{ steps.note.outputs.file }}"
"""
OUTER = """\
name: outer
title: Outer
purpose: To perform.
steps:
  - {id: first, title: First, workflow: inner, with: {text: some words}}
  - {id: then, title: Then, uses: trial.note, with: {text: a, number: "{{ steps.first.outputs.length }}"}}
"""


def plan_of(project, outer, inner, head="", **inputs):
    """Plan a workflow that performs another one, given the steps of both, and what the inner one takes."""
    for name, steps, taken in (("inner", inner, head), ("outer", outer, "")):
        text = f"name: {name}\ntitle: A\npurpose: B\n{taken}steps:\n{indent(dedent(steps), '  ')}"
        (project.root / "workflows" / f"{name}.yaml").write_text(text)
    loaded = load(project, "outer")
    return plan(loaded.spec, resolve_inputs(loaded.spec, inputs), loaded.library)


@pytest.fixture
def perform(project):
    def write(name, text):
        (project.root / "workflows" / f"{name}.yaml").write_text(text)

    def performed(outer=OUTER, inner=INNER, effects=None, **inputs):
        write("inner", inner)
        write("outer", outer)
        loaded = load(project, "outer")
        planned = plan(loaded.spec, resolve_inputs(loaded.spec, inputs), loaded.library)
        engine = Engine(project, effects or LiveEffects(project))
        return engine.run(planned, source=loaded.text, nested=loaded.sources)

    return performed


@pytest.fixture
def resume(project):
    def go_on(run, since=None):
        def replan(state):
            loaded = load_performed(run)
            return plan(loaded.spec, resolve_inputs(loaded.spec, state.inputs), loaded.library)

        return Engine(project, LiveEffects(project)).resume(run, replan, from_step=since)

    return go_on


def begun(outcome):
    return [event.step for event in read_events(outcome.directory.journal) if isinstance(event, StepStarted)]


def test_a_step_gives_what_its_workflow_gives(perform, project):
    (project.root / "ready").touch()

    outcome = perform()

    assert [step.id for step in outcome.state.steps] == ["first", "first/note", "first/check", "then"]
    receipt = outcome.state.step("first").receipt
    assert receipt.uses == "workflow.inner"
    assert receipt.inputs == {"text": "some words"}
    assert receipt.outputs["length"] == 10
    assert (outcome.directory.step("then") / "note.txt").read_text() == "a" * 10
    assert (outcome.directory.nested / "inner.yaml").read_text() == INNER


def test_a_failure_within_fails_the_step_and_resumes_within(perform, resume, project):
    outcome = perform()
    assert outcome.state.step("first").verdict == "fail"
    assert outcome.state.step("then").verdict == "not-available"
    (project.root / "ready").touch()
    (project.root / "workflows" / "inner.yaml").write_text("changed since")

    resumed = resume(outcome.directory)

    assert resumed.state.status == "done"
    assert begun(resumed) == ["first", "first/note", "first/check", "first", "first/check", "then"]
    whole = resume(outcome.directory, since="first")
    assert begun(whole)[6:] == ["first", "first/note", "first/check", "then"]


def test_a_dry_run_tells_the_steps_within(perform, project):
    told = []
    (project.root / "workflows" / "inner.yaml").write_text(INNER)
    (project.root / "workflows" / "outer.yaml").write_text(OUTER)
    loaded = load(project, "outer")
    planned = plan(loaded.spec, {}, loaded.library)

    Engine(project, DryEffects(project), [told.append]).run(planned)

    assert [event.plan["id"] for event in told if isinstance(event, StepPlanned)] == [
        "first",
        "first/note",
        "first/check",
        "then",
    ]


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        ("{id: a, title: A, workflow: inner}", 'inner: the input "text" must be given'),
        ("{id: a, title: A, workflow: inner, with: {txt: a}}", 'inner has no input "txt"; did you mean "text"?'),
        ("{id: a, title: A, workflow: inner, with: {text: a, number: 0}}", "number must be at least 1, got 0"),
        ("{id: a, title: A, workflow: inne, with: {text: a}}", 'there is no workflow "inne"; did you mean "inner"?'),
        ("{id: a, title: A, workflow: outer}", "a circle: outer → outer"),
        ("{id: a, title: A, run: [b], needs: [c]}", 'unknown step "c"'),
        ("{id: a, title: A, run: [b], needs: [a]}", "a step can't need itself"),
        ("{id: a, title: A, run: ['{{ item }}']}", "there is an item only in a step with"),
        ("{id: a, title: A, run: [b], foreach: [1], when: '{{ item == 1 }}'}", "there is an item only in a step with"),
        ("{id: a, title: A, run: [b], foreach: x}", '"foreach" is a list, a matrix'),
        ("{id: a, title: A, ask: agent, instruction: b, foreach: [1]}", 'the key "foreach" does not go with "ask"'),
    ],
)
def test_what_can_t_be_performed_is_found_at_load_time(project, step, problem):
    (project.root / "workflows" / "inner.yaml").write_text(INNER)
    text = f"name: outer\ntitle: A\npurpose: B\nsteps:\n  - {step}\n"
    (project.root / "workflows" / "outer.yaml").write_text(text)

    with pytest.raises(SpecError) as raised:
        load(project, "outer")

    assert problem in raised.value.message


def test_an_output_the_workflow_does_not_declare_is_found_at_load_time(project):
    (project.root / "workflows" / "inner.yaml").write_text(INNER)
    (project.root / "workflows" / "outer.yaml").write_text(OUTER.replace("outputs.length", "outputs.lenght"))

    with pytest.raises(SpecError, match='step "first" has no output "lenght"; did you mean "length"'):
        load(project, "outer")


def test_an_output_of_what_is_not_there_is_found_at_load_time():
    text = (
        OUTER.replace("workflow: inner, with: {text: some words}", "run: [b]")
        + 'outputs: {x: "{{ steps.no.verdict }}"}\n'
    )

    _, problems = parse_workflow(dedent(text))

    assert any('unknown step "no"' in problem.message for problem in problems)


EACH = """\
- id: sweep
  title: Sweep
  foreach: "{{ inputs.texts }}"
  uses: trial.note
  with: {text: "{{ item }}"}
  checks: [trial.length: {minimum: 2}]
- {id: show, title: Show, run: [echo, "{{ steps.sweep.outputs.each[1].length }}", "{{ steps.sweep.outputs.verdicts }}"]}
"""
EACH_HEAD = "inputs: {texts: {type: list, default: [ab, cde]}}\n"


def test_a_step_is_done_for_each_item_and_judged_each_time(run):
    outcome = run(EACH, EACH_HEAD)

    assert [step.id for step in outcome.state.steps] == ["sweep", "sweep/0", "sweep/1", "show"]
    assert outcome.state.step("sweep/1").title == "Sweep (2 of 2)"
    assert outcome.directory.log("show").read_text() == "3 pass pass\n"
    assert outcome.state.step("sweep").receipt.inputs == {"foreach": ["ab", "cde"]}
    assert len(outcome.state.step("sweep/0").receipt.findings) == 1


def test_all_items_are_done_though_one_fails_and_only_that_one_again(run, project, make_plan):
    steps = """\
        - id: sweep
          title: Sweep
          foreach: [ready, .]
          run: [test, -e, "{{ item }}"]
        """
    outcome = run(steps)
    assert [step.verdict for step in outcome.state.steps] == ["fail", "fail", "pass"]
    (project.root / "ready").touch()

    engine = Engine(project, LiveEffects(project))
    resumed = engine.resume(outcome.directory, lambda _: make_plan(steps))

    assert [step.verdict for step in resumed.state.steps] == ["pass", "pass", "pass"]
    assert begun(resumed) == ["sweep", "sweep/0", "sweep/1", "sweep", "sweep/0"]


def test_a_matrix_is_all_combinations(run):
    outcome = run("""\
        - id: sweep
          title: Sweep
          foreach: {mu: [0, 0.1], copy: [a, b]}
          run: [echo, "{{ item.mu }}", "{{ item.copy }}"]
        """)

    logs = [outcome.directory.log(f"sweep/{number}").read_text() for number in range(4)]
    assert logs == ["0 a\n", "0 b\n", "0.1 a\n", "0.1 b\n"]


def test_no_item_is_no_failure(run):
    assert run(EACH.split("- {id: show", maxsplit=1)[0], EACH_HEAD, texts="").state.step("sweep").verdict == "pass"


def test_items_may_be_what_an_earlier_step_gave(run):
    outcome = run("""\
        - {id: note, title: Note, uses: trial.note, with: {text: abc}}
        - id: each
          title: Each
          foreach: "{{ steps.note.outputs.table[1] }}"
          run: [echo, "{{ item }}"]
        - {id: wrong, title: Wrong, foreach: "{{ steps.note.outputs.length }}", run: [b]}
        """)

    assert outcome.directory.log("each/1").read_text() == "3\n"
    assert outcome.state.step("wrong").receipt.failure.message == "foreach gives 3, which is not a list"


def test_a_step_with_needs_runs_though_another_failed(run):
    outcome = run("""\
        - {id: good, title: Good, run: ["true"]}
        - {id: bad, title: Bad, run: ["false"]}
        - {id: apart, title: Apart, needs: [good], run: ["true"]}
        - {id: free, title: Free, needs: [], run: ["true"]}
        - {id: reads, title: Reads, needs: [], run: [echo, "{{ steps.bad.outputs.log }}"]}
        - {id: behind, title: Behind, needs: [reads], run: ["true"]}
        - {id: last, title: Last, finally: true, run: ["true"]}
        - {id: never, title: Never, run: ["true"]}
        """)

    assert {step.id: step.verdict for step in outcome.state.steps} == {
        "good": "pass",
        "bad": "fail",
        "apart": "pass",
        "free": "pass",
        "reads": "not-available",
        "behind": "not-available",
        "last": "pass",
        "never": "not-available",
    }
    assert outcome.state.step("behind").reason == "step reads did not do its work"
    assert outcome.exit_status == 1


def test_a_workflow_within_waits_and_goes_on(perform, resume, project):
    (project.root / "ready").touch()
    inner = INNER.replace(
        "outputs:\n",
        "  - {id: gate, title: Gate, ask: agent, instruction: x, accept: [run: [test, -e, ok]]}\noutputs:\n",
    )
    outcome = perform(inner=inner)
    assert outcome.state.status == "waiting"
    assert resume(outcome.directory).state.step("first/gate").attempt == 1
    (project.root / "ok").touch()

    done = resume(outcome.directory)

    assert done.state.status == "done"
    assert begun(done).count("first/note") == 1
