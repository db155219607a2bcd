"""A workflow file is read whole: every problem at once, each with its place and the nearest right name."""

import json
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zk0.core.errors import SpecError, UnknownNameError
from zk0.workflow.loading import lint, load, parse_workflow
from zk0.workflow.names import workflow_files

GOOD = """\
name: trial
title: A trial
purpose: To try.
inputs:
  mu: {type: number, minimum: 0, default: 0.01}
  who: {type: string, choices: [you, me], default: me}
steps:
  - id: first
    title: The first
    uses: trial.note
    with: {text: "{{ inputs.who }}", number: 2}
    checks:
      - trial.length: {minimum: 1}
      - trial.say: {verdict: warn}
    retry: {attempts: 2, on: [error]}
    on_fail: {propose: fedprox-debug}
  - id: second
    title: The second
    when: "{{ steps.first.verdict == 'pass' }}"
    run: [echo, "{{ steps.first.outputs.length }}"]
    timeout: 90s
"""


def test_a_good_file_gives_a_workflow():
    spec, problems = parse_workflow(GOOD)

    assert problems == []
    first, second = spec.steps
    assert first.checks[0].options == {"minimum": 1}
    assert second.timeout == 90


def test_every_problem_of_a_file_is_told_at_once(problems):
    assert problems("""\
        name: trial
        title: A trial
        purpose: To try.
        input: {}
        steps:
          - id: first
            title: The first
            uses: trial.nite
            whith: {text: hello}
          - id: second
            title: The second
            uses: trial.note
            with: {txt: hello, number: -1}
            checks: [trial.lenght, trial.length: {minimum: few, maximum: 3}]
          - id: second
            title: The third
            run: [echo, "{{ steps.first.outputs.x }}", "{{ steps.second.outputs.lenght }}", "{{ inputs.who }}"]
            timeout: soon
        """) == [
        '4:1: unknown key "input"; did you mean "inputs"?',
        '8:11: first: unknown action "trial.nite"; did you mean "trial.note"?',
        '9:5: unknown key "whith"; did you mean "with"?',
        '13:5: second: trial.note: the key "text" is missing',
        '13:12: second: trial.note: unknown key "txt"; did you mean "text"?',
        '13:32: second: trial.note: "number": input should be greater than or equal to 0, got -1',
        '14:14: second: unknown check "trial.lenght"; did you mean "trial.length"?',
        (
            '14:52: second: trial.length: "minimum": input should be a valid integer, unable to parse string as an '
            "integer, got 'few'"
        ),
        '14:57: second: trial.length: unknown key "maximum"; did you mean "minimum"?',
        "15:9: second: an earlier step has this id already",
        '17:48: second: step "second" has no output "lenght"; did you mean "length"?',
        '17:85: second: unknown input "who"',
        '18:14: \'soon\' is not a duration; write "90s", "30m", "2h" or "1d", at most a year',
    ]


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("inputs.whom", 'unknown input "whom"; did you mean "who"?'),
        ("steps.frist.verdict", 'unknown step "frist"; did you mean "first"?'),
        ("steps.first.outputs.lenght", 'step "first" has no output "lenght"; did you mean "length"?'),
        ("steps.first.output.length", 'unknown name "steps.first.output"; did you mean "outputs"?'),
        ("steps.last.verdict", 'step "last" does not come before this one'),
        ("steps.second.verdict", 'step "second" does not come before this one'),
        ("steps.first", "write steps.first.verdict, or steps.first.outputs and the name of an output"),
        ("run.dir", 'unknown name "run.dir"; did you mean "directory"?'),
        ("input.who", 'unknown name "input"; did you mean "inputs"?'),
        ("inputs", "inputs can't be read as a whole; write which value: inputs.name"),
        ("inputs[inputs.who]", "inputs can't be read as a whole; write which value: inputs.name"),
        ("inputs.who | shout", "no filter is named 'shout'; did you mean \"sort\"?"),
        ("inputs.who.upper()", "an expression calls nothing; write a filter: {{ value | upper }}"),
        ("inputs.who +", "bad expression: unexpected 'end of the expression'"),
    ],
)
def test_an_expression_is_checked_before_anything_runs(expression, problem):
    text = dedent(f"""\
        name: trial
        title: A trial
        purpose: To try.
        inputs: {{who: {{type: string, default: me}}}}
        steps:
          - {{id: first, title: The first, uses: trial.note, with: {{text: a}}}}
          - id: second
            title: The second
            run:
              - echo
              - "{{{{ {expression} }}}}"
          - {{id: last, title: The last, run: ["true"]}}
        """)

    [found] = parse_workflow(text, file="trial.yaml")[1]

    assert str(found) == f"trial.yaml:11:9: second: {problem}"


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        ("{id: a, title: A}", "6:5: a step says what it does: it has one of the keys uses, run"),
        (
            "{id: a, title: A, uses: trial.note, with: {text: a}, run: [b]}",
            '6:58: the key "run" does not go with "uses"',
        ),
        (
            "{id: a, title: A, uses: trial.note, with: {text: a}, cwd: x}",
            'the key "cwd" does not go with "uses"',
        ),
        ("{id: a, title: A, run: [b], reuse: true, reads: []}", '6:33: a: "reuse" needs "makes"'),
        ("{id: a, title: A, run: [b], reuse: true}", '6:33: a: "reuse" needs "reads" and "makes"'),
        ("{id: a, title: A, run: [b], trace: true}", '6:33: a: "trace" needs "reads" and "makes"'),
        ("{id: a, title: A, run: [b], makes: [../x]}", "6:41: a: makes names '../x'"),
        ("{id: a, title: A, run: []}", '6:28: "run": is empty; it needs at least one item'),
        ("{id: a, title: A, run: echo hello}", "\"run\": must be a list, got 'echo hello'"),
        ("{id: a-b, title: A, run: [b]}", "6:10: 'a-b' is not snake_case; did you mean 'a_b'?"),
        ("{id: a, title: A, run: [b], when: true}", '"when": must be a text, got True'),
        ("{id: a, title: A, run: [b], when: 'yes'}", 'a: "when" is one whole expression: "{{ yes }}"'),
        ("{id: a, title: A, run: [b], when: 'not {{ 1 == 1 }}'}", 'a: "when" is one whole expression'),
        ("{id: a, title: A, run: ['--x={{ run.id }}']}", "a: an expression fills a whole argument"),
        ("{id: a, title: A, run: [b], checks: [{trial.say: {}, trial.length: {}}]}", "is not a check; write its id"),
        ("{id: a, title: A, run: [b], checks: [trial.say]}", 'a: trial.say: the key "verdict" is missing'),
        (
            "{id: a, title: A, run: [b], checks: [trial.length]}",
            "trial.length judges NoteOutputs, and this step gives Com",
        ),
        ("{id: a, title: A, run: [b], retry: {attempts: 0}}", '"attempts": input should be greater than or equal to 1'),
        ("{id: a, title: A, run: [b], on_fail: {run: x}}", '6:48: a: there is no workflow "x"'),
        ("{id: a, title: A, run: [b], on_fail: {}}", "6:42: on_fail either proposes a workflow, or runs one"),
        ("{id: a, title: A, run: [b], on_fail: {propose: x, run: y}}", "either proposes a workflow, or runs one"),
        ("{id: a, title: A, run: [b], on_fail: {propose: x, with: {y: 1}}}", "either proposes a workflow, or runs one"),
        ("{id: a, title: A, run: [b], on_fail: {prpose: x}}", 'unknown key "prpose"; did you mean "propose"?'),
        (
            "{id: a, title: A, ask: agent, instruction: b, on_fail: {run: x}}",
            '6:61: unknown key "run"; known are propose',
        ),
        (
            "{id: a, title: A, ask: agent, instruction: b, retry: {attempts: 2, on: [fail]}}",
            'unknown key "on"; known are attempts',
        ),
        (
            "{id: a, title: A, uses: trial.seed, retry: {attempts: 2, exit_statuses: [75]}}",
            'unknown key "exit_statuses"; known are attempts, factor, longest, on, wait',
        ),
        ("{id: a, title: A, run: [b], retry: {attempts: 2, exit_statuses: [0]}}", "greater than or equal to 1, got 0"),
        ("{id: a, title: A, run: [b], retry: {attempts: 2, wait: 5}}", "5 is not a duration"),
        ("{id: a, title: A, run: [b], timeout: 2x}", "'2x' is not a duration"),
        (
            "{id: a, title: A, run: [b], foreach: [1], on_fail: {run: x}}",
            "6:57: a: a step with items can't run a repair",
        ),
        ("{id: a, title: A, instruction: b}", "a step says what it does"),
        ("{id: a, title: A, ask: agent}", 'the key "instruction" is missing'),
        ("{id: a, title: A, ask: robot, instruction: b}", "'agent' or 'person'"),
        (
            "{id: a, title: A, ask: agent, instruction: b, checks: [trial.unread]}",
            'the key "checks" does not go with "ask"',
        ),
        (
            "{id: a, title: A, ask: agent, instruction: b, accept: [trial.nope]}",
            '6:60: a: unknown check "trial.nope"',
        ),
        ("{id: a, title: A, ask: agent, instruction: '{{ inputs.x }}'}", 'unknown input "x"'),
        ("{id: a, title: A, run: [b], checks: [{run: []}]}", "list should have at least 1 item"),
    ],
)
def test_a_step_says_only_what_something_acts_on(problems, step, problem):
    found = problems(f"name: trial\ntitle: A\npurpose: B\ninputs: {{}}\nsteps:\n  - {step}\n")

    assert any(problem in line for line in found), found


@pytest.mark.parametrize(
    ("declared", "problem"),
    [
        ("{type: integer, minimum: 3, default: 2}", "4:50: n: the default must be at least 3, got 2"),
        ("{type: integer, default: x}", "n: the default must be an integer, got 'x'"),
        ("{type: string, choices: [a, b], default: c}", "n: the default must be one of a, b; got 'c'"),
        ("{type: integer, choices: [1, two]}", "4:42: n: the choice must be an integer, got 'two'"),
        ("{type: string, minimum: 3}", '4:28: n: "minimum" is for integers and numbers, not for a string'),
        ("{type: number, minimum: 3, maximum: 2}", "n: the maximum is less than the minimum"),
        ("{type: text}", "\"type\": input should be 'string', 'integer'"),
        ("{tpye: string}", 'unknown key "tpye"; did you mean "type"?'),
        ("3", '"n": must be a mapping, got 3'),
    ],
)
def test_an_input_fits_its_own_bounds(problems, declared, problem):
    found = problems(
        f"name: trial\ntitle: A\npurpose: B\ninputs: {{n: {declared}}}\nsteps: [{{id: a, title: A, run: [b]}}]\n"
    )

    assert any(problem in line for line in found), found


def test_an_input_is_named_as_expressions_spell_it(problems):
    found = problems("""\
        name: A Trial
        title: A
        purpose: B
        inputs: {proximal-mu: {type: number}}
        steps: [{id: a, title: A, run: [b]}]
        """)

    assert found == [
        "1:7: 'A Trial' is not kebab-case; did you mean 'a-trial'?",
        "4:10: 'proximal-mu' is not snake_case; did you mean 'proximal_mu'?",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "a workflow is a mapping"),
        ("- a\n", "a workflow is a mapping"),
        ("name: [\n", "not YAML: did not find expected node content"),
        ("name: a\n\ttitle: b\n", "2:1: not YAML"),
        ("a: &x 1\nb: *x\n", "1:4: an anchor (&x) is not allowed here"),
        ("a: !!python/object:os.system 1\n", "1:4: the tag"),
        ("? [a]\n: 1\n", "a key is a word here"),
        ("name: a\nname: b\n", '2:1: duplicate key "name"; the first is in line 1'),
        ("name: a\n---\nname: b\n", "2:1: not a workflow: a second document begins here"),
        ("[" * 5000, "exceeded maximum nesting depth"),
        ("name: \x00", "not YAML"),
    ],
)
def test_a_text_that_is_no_workflow_is_refused_with_its_place(problems, text, problem):
    assert any(problem in line for line in problems(text)), problems(text)


def test_yaml_is_read_as_its_version_1_2(problems):
    spec, _ = parse_workflow(GOOD.replace("default: me", "default: yes").replace("[you, me]", "[yes, no]"))

    assert spec.inputs["who"].default == "yes"


def test_a_project_s_own_workflow_stands_before_the_bundled_one(project):
    (project.root / "workflows" / "trial.yaml").write_text(GOOD)

    loaded = load(project, "trial")

    assert loaded.path == project.root / "workflows" / "trial.yaml"
    assert loaded.text == GOOD
    assert workflow_files(project)["trial"] == loaded.path


def test_an_unknown_workflow_is_answered_with_the_nearest(project):
    (project.root / "workflows" / "trial.yaml").write_text(GOOD)

    with pytest.raises(UnknownNameError, match='there is no workflow "tral"; did you mean "trial"'):
        load(project, "tral")


def test_a_broken_file_is_one_error_with_a_line_for_each_problem(project):
    path = project.root / "workflows" / "trial.yaml"
    path.write_text(GOOD.replace("purpose", "porpoise").replace("trial.note", "trial.nose"))

    with pytest.raises(SpecError) as raised:
        load(project, str(path))

    assert raised.value.message.splitlines() == [
        'workflows/trial.yaml:1:1: the key "purpose" is missing',
        'workflows/trial.yaml:3:1: unknown key "porpoise"; did you mean "purpose"?',
        'workflows/trial.yaml:10:11: first: unknown action "trial.nose"; did you mean "trial.note"?',
    ]


def test_a_file_is_named_like_its_workflow(project):
    (project.root / "workflows" / "other.yaml").write_text(GOOD)

    assert [problem.message for problem in lint(project) if problem.file == "workflows/other.yaml"] == [
        'its name is "trial", and that of its file "other"; rename one of them'
    ]


def test_a_file_that_is_not_text_is_a_problem_and_one_that_is_absent_an_error(project):
    (project.root / "workflows" / "bytes.yaml").write_bytes(b"name: \xff")

    assert ["not UTF-8" in str(problem) for problem in lint(project, [project.root / "workflows/bytes.yaml"])] == [True]
    with pytest.raises(UnknownNameError, match="can't be read"):
        load(project, "nowhere/x.yaml")


YAML_PIECES = st.sampled_from(
    [
        *"{}[]:,-?&*!|>%@`\"'#\n\t ",
        "- ",
        ": ",
        "{{ ",
        " }}",
        "<<: ",
        "~",
        "0x1",
        "1e9",
        ".nan",
        "steps",
        "9" * 5000,
        "\x85",
        "\ufeff",
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.text() | st.lists(YAML_PIECES | st.text(max_size=3), max_size=30).map("".join))
def test_no_text_makes_the_loader_fall(text):
    spec, problems = parse_workflow(text)

    assert spec or problems


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_change_of_a_good_file_makes_the_loader_fall(data):
    start = data.draw(st.integers(0, len(GOOD)))
    end = data.draw(st.integers(start, min(len(GOOD), start + 25)))
    piece = data.draw(st.lists(YAML_PIECES | st.text(max_size=3), max_size=4).map("".join))

    spec, problems = parse_workflow(GOOD[:start] + piece + GOOD[end:])

    assert (spec is None) == bool(problems)
    assert all(problem.line >= 1 and problem.column >= 1 and problem.message for problem in problems)


EXPRESSION_WORDS = (
    "inputs.mu steps.first .outputs .x [ ] ( ) | join + ** * 9 ' if else {% %} }} {{ ~ not is defined {# #}"
)
EXPRESSION_PIECES = st.sampled_from(EXPRESSION_WORDS.split())


@settings(max_examples=150, deadline=None)
@given(st.lists(EXPRESSION_PIECES | st.text(max_size=2), max_size=12).map(" ".join))
def test_no_expression_makes_the_loader_fall(expression):
    step = {"id": "second", "title": "x", "when": f"{{{{ {expression} }}}}", "run": ["a"]}

    spec, problems = parse_workflow(GOOD.partition("  - id: second")[0] + f"  - {json.dumps(step)}\n")

    assert (spec is None) == bool(problems)


def test_a_mistake_in_a_file_that_another_performs_is_found_there(project):
    folder = project.root / "workflows"
    step = "steps: [{id: a, title: A, workflow: NAME}, {id: b, title: B, workflow: NAME}]\n"
    for name, steps in (("outer", step.replace("NAME", "middle")), ("middle", step.replace("NAME", "inner"))):
        (folder / f"{name}.yaml").write_text(f"name: {name}\ntitle: A\npurpose: B\n{steps}")
    (folder / "inner.yaml").write_text("name: inner\ntitle: A\nsteps: [{id: a, title: A, run: b}]\n")

    with pytest.raises(SpecError) as raised:
        load(project, "outer")

    assert raised.value.remedy == "correct workflows/inner.yaml"
    assert [line.partition(": ")[0] for line in raised.value.message.splitlines()] == [
        "workflows/inner.yaml:1:1",
        "workflows/inner.yaml:3:32",
    ]


def test_a_part_of_the_wrong_shape_hides_no_problem_of_the_rest(problems):
    found = problems("""\
        name: trial
        inputs: {publish: {type: boolean, default: false}}
        steps:
          - id: build-all
            run: make build
            when: inputs.publish
            timeout: soon
            env: {A: "{{ inputs.nothing }}"}
          - {id: next, title: Next, needs: [build], run: [echo, "{{ inputs.word | shout }}", "{{ inputs.other }}"]}
        """)

    for problem in (
        'the key "title" is missing',
        "'build-all' is not snake_case",
        '"run": must be a list',
        '"when" is one whole expression: "{{ inputs.publish }}"',
        "is not a duration",
        'unknown input "nothing"',
        'unknown step "build"',
        "no filter is named 'shout'",
        'unknown input "other"',
    ):
        assert any(problem in line for line in found), (problem, found)


@pytest.mark.parametrize("text", ["a {# b #} c", "{% if 1 %}a{% endif %}", "{% raw %}a{% endraw %}", "a {# b", "{%"])
def test_what_jinja_would_drop_is_refused(problems, text):
    found = problems(f"""\
        name: trial
        title: A
        purpose: B
        steps: [{{id: a, title: A, run: [echo, "{text}"]}}]
        """)

    [line] = found
    assert "not allowed" in line
    assert "for the characters themselves" in line


def test_the_characters_that_jinja_would_drop_can_be_written(make_plan):
    words = """["{{ '{#' }}", "{{ '{{' }}", "{{ '{%' ~ '%}' }}", "}}", "#}", "a"]"""

    [step] = make_plan(f"- {{id: a, title: A, run: {words}}}\n").steps

    assert step.arguments["argv"] == ["{#", "{{", "{%%}", "}}", "#}", "a"]
