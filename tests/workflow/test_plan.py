"""A plan knows before the first step all that can be known."""

import pytest

from zk0.core.errors import InputError, SpecError

HEAD = "inputs: {number: {type: integer, default: 2}, quiet: {type: boolean, default: false}}\n"
STEPS = """\
- id: first
  title: The first
  uses: trial.note
  with: {text: "n{{ inputs.number }}", number: "{{ inputs.number }}"}
  checks: [trial.length: {minimum: "{{ inputs.number }}"}]
- id: second
  title: The second
  uses: trial.note
  when: "{{ not inputs.quiet }}"
  with: {text: "{{ steps.first.outputs.file }}", number: "{{ inputs.number }}"}
- id: third
  title: The third
  when: "{{ steps.first.verdict == 'fail' }}"
  run: [echo, "{{ inputs.number }}"]
"""


def test_what_depends_on_inputs_alone_is_filled_in(make_plan):
    first, second, third = make_plan(STEPS, HEAD, number=5).steps

    assert first.inputs.text == "n5"
    assert first.inputs.number == 5
    assert first.checks[0].options == {"minimum": 5}
    assert second.inputs is None
    assert second.arguments["number"] == 5
    assert third.arguments["argv"] == ["echo", 5]


def test_a_plan_says_what_each_step_uses_and_changes_and_when_it_runs(make_plan):
    first, second, third = make_plan(STEPS, HEAD, quiet=True).steps

    assert (first.uses, first.changes, first.when) == ("trial.note", ("notes",), True)
    assert second.when is False
    assert (third.uses, third.changes) == ("run", ("anything",))
    assert third.condition_reads == {"first"}


def test_a_value_that_the_action_does_not_take_is_refused_before_the_run(make_plan):
    with pytest.raises(InputError) as raised:
        make_plan(STEPS, HEAD, number=-1)

    assert raised.value.message.splitlines() == [
        'first: trial.note: "number": input should be greater than or equal to 0, got -1',
        'second: trial.note: "number": input should be greater than or equal to 0, got -1',
    ]


def test_a_step_that_will_not_run_is_not_judged(make_plan):
    steps = """\
        - id: first
          title: The first
          when: "{{ inputs.quiet }}"
          uses: trial.note
          with: {text: a, number: "{{ inputs.number }}"}
        """

    [first] = make_plan(steps, HEAD, number=-1).steps

    assert first.when is False


def test_when_gives_a_boolean(make_plan):
    with pytest.raises(SpecError, match="a: its when gives 2, which is neither true nor false"):
        make_plan("- {id: a, title: A, when: '{{ inputs.number }}', run: [b]}\n", HEAD)


def test_an_expression_without_a_value_is_refused(make_plan):
    with pytest.raises(SpecError, match="division by zero"):
        make_plan("- {id: a, title: A, run: ['{{ 1 / (inputs.number - 2) }}']}\n", HEAD)
