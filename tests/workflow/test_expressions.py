"""Expressions keep types, know what they read, and can do no harm."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from zk0.core.errors import SpecError
from zk0.core.verdicts import Verdict
from zk0.workflow.expression_syntax import MAX_LENGTH
from zk0.workflow.expressions import Scope, StepScope, Template, as_json, compile_templates, is_known
from zk0.workflow.expressions import fill as fill_compiled


def fill(value, scope):
    """Fill a value as a file has it."""
    return fill_compiled(compile_templates(value), scope)


SCOPE = Scope(
    inputs={"rounds": 3, "mu": 0.5, "names": ["a", "b"], "quiet": True, "keys": "k", "none": None},
    run={"id": "r1", "directory": Path("/runs/r1")},
    steps={
        "data": StepScope(Verdict.passed, SimpleNamespace(root=Path("/data"), episodes={"client_0": 8})),
        "fix": StepScope(Verdict.not_applicable),
    },
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ inputs.rounds }}", 3),
        ("{{ inputs.rounds * 2 + 1 }}", 7),
        ("{{ inputs.names }}", ["a", "b"]),
        ("{{ steps.data.outputs.root }}", Path("/data")),
        ("{{ steps.data.outputs.episodes.client_0 > 4 }}", True),
        ("{{ steps.data.outputs['episodes']['client_0'] }}", 8),
        ("{{ steps.data.verdict == 'pass' and steps.fix.verdict != 'fail' }}", True),
        ("{{ inputs.none }}", None),
        ("{{ inputs.keys }}", "k"),
        ("{{ inputs.names | join('-') }}", "a-b"),
        ("{{ run.directory }}", Path("/runs/r1")),
        ("{{ 'a' if inputs.quiet else 'b' }}", "a"),
        ("{{ inputs.rounds }} rounds, quiet {{ inputs.quiet }}", "3 rounds, quiet true"),
        (" {{ inputs.rounds }}", " 3"),
        ("plain } text {", "plain } text {"),
        ("{{ steps.data.outputs.root.name }}", "data"),
        ("{{ '<&' + (inputs.names | tojson) }}", '<&["a", "b"]'),
        ("{{ inputs.rounds }}\n", 3),
        ("{{ inputs.rounds }} lines\n", "3 lines\n"),
        (12, 12),
    ],
)
def test_a_whole_expression_keeps_its_type_and_anything_else_is_text(text, value):
    assert fill(text, SCOPE) == value


def test_values_are_filled_at_any_depth_and_keys_stay():
    filled = fill({"a": ["{{ inputs.rounds }}", {"{{ x }}": "{{ run.id }}"}], "b": ("c",)}, SCOPE)

    assert filled == {"a": [3, {"{{ x }}": "r1"}], "b": ["c"]}


def test_what_is_not_known_yet_stays_a_template():
    before = Scope(inputs=SCOPE.inputs)

    filled = fill(
        {"rounds": "{{ inputs.rounds }}", "root": "{{ steps.data.outputs.root }}", "in": "{{ run.id }}"}, before
    )

    assert filled["rounds"] == 3
    assert isinstance(filled["root"], Template)
    assert not is_known(filled)
    assert as_json(filled) == {
        "rounds": 3,
        "root": {"expression": "{{ steps.data.outputs.root }}"},
        "in": {"expression": "{{ run.id }}"},
    }
    assert fill(filled, SCOPE) == {"rounds": 3, "root": Path("/data"), "in": "r1"}


def test_an_expression_knows_what_it_reads():
    template = compile_templates("{{ steps.data.outputs.episodes[inputs.keys].x ~ run.id }} {{ (inputs.mu)[0] }}")

    assert set(template.references) == {
        ("steps", "data", "outputs", "episodes"),
        ("inputs", "keys"),
        ("run", "id"),
        ("inputs", "mu", 0),
    }
    assert template.steps == {"data"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{{ steps.fix.outputs.root }}", "step 'fix' has no outputs: its verdict is not-applicable"),
        ("{{ steps.data.outputs.episodes.client_9 }}", "client_9"),
        ("{{ inputs.rounds / 0 }}", "division by zero"),
        ("{{ inputs.keys + 1 }}", "str"),
        ("x {{ inputs.names.nothing }}", "nothing"),
        ("{{ inputs.keys * 1000000000 }}", "for numbers"),
        ("{{ 9 ** 9 ** 9 ** 9 }}", "not allowed"),
        ("{{ '%09999999999d' % 1 }}", "for numbers"),
        ("{{ inputs.__class__ }}", "__class__"),
        ("{{ inputs.names | attr('append') }}", "no filter is named 'attr'"),
        ("{% for x in inputs.names %}{{ x }}{% endfor %}", "only {{ }}"),
        ("{{ range(3) }}", "calls nothing"),
        ("{{ " + "(" * 1500 + "1" + ")" * 1500 + " }}", "nested too deeply"),
        ("{{ " + "9" * 4600 + " }}", f"at most {MAX_LENGTH}"),
        ("{{ inputs.rounds", "bad expression"),
        ("{{ " + " + ".join("1" * 80) + " }}", "nested too deeply"),
        ("{{ inputs.keys.upper }}", "upper"),
        ("{{ steps.data.outputs.root.exists }}", "exists"),
        ("{{ inputs.names.append }}", "append"),
    ],
)
def test_an_expression_without_a_value_or_with_too_much_power_is_refused(text, reason):
    with pytest.raises(SpecError) as raised:
        fill(text, SCOPE)

    assert reason in raised.value.message
