"""A value is evaluated once: what comes from outside arrives as it is, and reveals no secret."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from zk0.core.errors import InputError
from zk0.core.verdicts import Verdict
from zk0.workflow.composite import members_of, workflow_outputs
from zk0.workflow.declared_secrets import reveal
from zk0.workflow.expressions import Scope, StepScope, arguments_as_json, fill, is_known
from zk0.workflow.inputs import resolve_inputs
from zk0.workflow.journal import read_events
from zk0.workflow.loading import parse_workflow
from zk0.workflow.plan import plan
from zk0.workflow.spec import WorkflowSpec

TOKEN = "correct-horse-battery-staple"
INNER = """\
name: inner
title: Performed
purpose: To be given values.
inputs:
  text: {type: string}
  items: {type: list, default: []}
steps:
  - {id: show, title: Show, run: [echo, "{{ inputs.text }}", "{{ inputs.items }}"]}
outputs:
  text: "{{ inputs.text }}"
"""
OUTER = """\
name: outer
title: Every place where a value enters
purpose: To see it arrive.
inputs:
  text: {type: string}
  list: {type: list}
  file: {type: path}
secrets: {TOK: {}}
steps:
  - id: program
    title: A program
    run: [echo, "{{ inputs.text }}", "{{ inputs.list }}", "{{ inputs.file }}", "{{ 'a' ~ inputs.text }}"]
    env: {TEXT: "{{ inputs.text }}", LINE: "<{{ inputs.text }}>", NAMED: "{{ secrets.TOK }}"}
    checks: [run: [test, "{{ inputs.text }}"]]
    on_fail: {run: inner, with: {text: "{{ inputs.text }}", items: "{{ inputs.list }}"}}
  - id: action
    title: An action
    uses: trial.note
    with: {text: "{{ inputs.text }}", tags: "{{ inputs.list }}"}
  - id: nested
    title: A workflow
    workflow: inner
    with: {text: "{{ inputs.text }}", items: "{{ inputs.list }}"}
  - id: items
    title: Items
    foreach: "{{ inputs.list }}"
    run: [echo, "{{ item }}"]
    env: {ITEM: "{{ item }}"}
  - id: matrix
    title: Axes
    foreach: {axis: "{{ inputs.list }}", other: [1, 2]}
    workflow: inner
    with: {text: "{{ item.axis }}"}
  - id: later
    title: What earlier steps gave
    run: [echo, "{{ steps.action.outputs.file }}", "{{ steps.nested.outputs.text }}", "{{ run.id }}"]
    env: {FILE: "{{ steps.action.outputs.file }}"}
  - id: given
    title: Items that a step gave
    foreach: "{{ steps.action.outputs.table }}"
    run: [echo, "{{ item }}"]
  - id: person
    title: A person
    ask: person
    instruction: "Look at {{ inputs.text }}"
    scope: "{{ steps.action.outputs.file }}"
outputs:
  text: "{{ inputs.text }}"
  list: "{{ inputs.list }}"
  given: "{{ steps.action.outputs.table }}"
"""
PIECES = (
    "{{ secrets.TOK }}",
    "{{ inputs.text }}",
    "{{ steps.program.outputs.log }}",
    "{{ ''.__class__.__mro__ }}",
    "{{ run.id }}",
    "{{ item }}",
    "${{ github.sha }}",
    "{{",
    "}}",
    "{%",
    "{% raw %}",
    "{#",
    "#}",
    "{0.__class__}",
    "%s%n",
    "$(id)",
    "\n",
    "\r\n",
    '"',
    "\\",
    "\u2028",
    "--help",
    '["a"]',
)
OTHERS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=4)
HOSTILE = st.lists(st.sampled_from(PIECES) | OTHERS, min_size=1, max_size=4).map("".join)
GIVEN = 8  # hostile items of an example's list; with its text and its output ten values, each in many places


@cache
def specs() -> tuple[WorkflowSpec, WorkflowSpec]:
    inner, problems = parse_workflow(INNER)
    assert inner, problems
    outer, problems = parse_workflow(OUTER, find=lambda _: inner)
    assert outer, list(map(str, problems))
    return outer, inner


@settings(max_examples=1_000)
@given(text=HOSTILE, items=st.lists(HOSTILE, min_size=GIVEN, max_size=GIVEN), gave=HOSTILE)
def test_every_value_arrives_unchanged_and_reveals_no_secret(text: str, items: list[str], gave: str) -> None:
    outer, inner = specs()
    planned = plan(outer, resolve_inputs(outer, {"text": text, "list": items, "file": text}), {"inner": inner})
    outputs = {
        "action": SimpleNamespace(file=gave, table=[gave, {"key": gave}]),
        "nested": SimpleNamespace(text=gave),
    }
    steps = {name: StepScope(Verdict.passed, one) for name, one in outputs.items()}
    scope = Scope(planned.inputs, {"id": "r1", "directory": Path("/r")}, steps)
    program, action, nested, each, matrix, _, from_step, _ = planned.steps

    filled = {step.id: fill(step.arguments, scope) for step in planned.steps if step.each is None}
    assert filled["program"]["argv"] == ["echo", text, items, Path(text), f"a{text}"]
    assert dict(filled["program"]["env"], NAMED=None) == {"TEXT": text, "LINE": f"<{text}>", "NAMED": None}
    assert program.checks[0].options == {"argv": ["test", text]}
    assert program.repair
    assert program.repair.nested
    for inside in (program.repair.nested, nested.nested):
        assert inside.steps[0].arguments["argv"] == ["echo", text, items]
        assert workflow_outputs(inside, Scope(inside.inputs)) == {"text": text}
    assert (action.inputs.text, action.inputs.tags) == (text, tuple(items))
    one_each = [member.steps[0].arguments for member in members_of(each, planned, scope).plans]
    assert [(one["argv"], one["env"]) for one in one_each] == [(["echo", item], {"ITEM": item}) for item in items]
    axes = [member.steps[0].nested.steps[0].arguments["argv"] for member in members_of(matrix, planned, scope).plans]
    assert axes == [["echo", item, []] for item in items for _ in (1, 2)]
    assert filled["later"]["argv"] == ["echo", gave, gave, "r1"]
    assert filled["later"]["env"] == {"FILE": gave}
    found = [member.steps[0].arguments["argv"][1] for member in members_of(from_step, planned, scope).plans]
    assert found == [gave, {"key": gave}]
    assert (filled["person"]["instruction"], filled["person"]["scope"]) == (f"Look at {text}", gave)
    assert workflow_outputs(planned, scope) == {"text": text, "list": items, "given": [gave, {"key": gave}]}
    # Filled again, and as a resumed run reads it back, it is the same.
    again = json.loads(json.dumps(planned.inputs_as_json()))
    assert resolve_inputs(outer, again) == planned.inputs
    for name, arguments in filled.items():
        assert fill(arguments, scope) == arguments
        secret = {"env": {"NAMED": SecretStr(TOKEN)}} if name == "program" else {}
        revealed = reveal(arguments, {"TOK": TOKEN})
        assert TOKEN not in str(revealed)
        assert [value for value in _leaves(revealed) if isinstance(value, SecretStr)] == list(_leaves(secret))


def _leaves(value: Any) -> Iterator[Any]:
    match value:
        case dict():
            for inner in value.values():
                yield from _leaves(inner)
        case list() | tuple():
            for inner in value:
                yield from _leaves(inner)
        case _:
            yield value


@given(value=HOSTILE)
def test_a_value_for_a_number_is_not_evaluated_either(value: str) -> None:
    text = "name: n\ntitle: A\npurpose: B\ninputs: {n: {type: TYPE}}\nsteps: [{id: a, title: A, run: [b]}]\n"
    for kind in ("integer", "number", "boolean"):
        spec, _ = parse_workflow(text.replace("TYPE", kind))
        assert spec
        with pytest.raises(InputError, match=r"^n must be an? "):
            resolve_inputs(spec, {"n": f"{value}{{{{ 1 }}}}"})


@given(value=st.recursive(HOSTILE, lambda inner: st.lists(inner) | st.dictionaries(HOSTILE, inner), max_leaves=5))
def test_no_value_is_recorded_like_an_expression(value: object) -> None:
    # Else a step could be reused in place of one that reads a secret, or a receipt could pass for its receipt.
    outer, _ = specs()
    secret = arguments_as_json({"env": outer.steps[0].env})["env"]["NAMED"]

    assert secret == {"expression": "{{ secrets.TOK }}"}
    for data in (value, {"expression": value}, {"expression": "{{ secrets.TOK }}"}, {"literal": secret}):
        assert arguments_as_json({"it": data})["it"] != secret
        assert is_known(data)


def test_values_arrive_in_programs_actions_and_the_journal_of_a_real_run(run, project, monkeypatch):
    monkeypatch.setenv("TOK", TOKEN)
    monkeypatch.setenv("ZK0_OUTPUT", str(project.root / "foreign"))
    hostile = "".join(PIECES)
    steps = """\
        - id: write
          title: Write what is given
          run: [sh, -c, 'printf %s "$0" > argv; printf %s "$TEXT" > env', "{{ inputs.text }}"]
          env: {TEXT: "{{ inputs.text }}"}
        - id: named
          title: Is given the secret
          run: [sh, -c, 'test "$TOK" = correct-horse-battery-staple']
          env: {TOK: "{{ secrets.TOK }}"}
        - id: note
          title: An action gives it back
          uses: trial.note
          with: {text: "{{ inputs.text }}"}
        - id: give
          title: A program gives it back
          run:
            - python3
            - -c
            - 'import json, os, sys; open(os.environ["ZK0_OUTPUT"], "w").write(json.dumps({"text": sys.argv[1]}))'
            - "{{ steps.note.outputs.table[1][0] }}"
          outputs: {text: string}
        - id: each
          title: For each
          foreach: "{{ steps.note.outputs.table }}"
          run: [sh, -c, 'test "$1" != length || printf %s "$0" > item', "{{ item[0] }}", "{{ item[1] }}"]
        - id: last
          title: The last
          run: [sh, -c, 'printf %s "$0" > last', "{{ steps.give.outputs.text }}"]
        """
    head = 'inputs: {text: {type: string}}\nsecrets: {TOK: {}}\noutputs: {text: "{{ steps.give.outputs.text }}"}\n'

    outcome = run(steps, head, text=hostile)

    assert outcome.exit_status == 0
    for name in ("argv", "env", "last"):
        assert (project.root / name).read_bytes() == hostile.encode()
    assert outcome.state.outputs == {"text": hostile}
    assert outcome.state.inputs == {"text": hostile}
    assert read_events(outcome.directory.journal)[-1].outputs == {"text": hostile}
    files = [path for path in project.root.rglob("*") if path.is_file()]
    assert [path for path in files if TOKEN.encode() in path.read_bytes()] == []
