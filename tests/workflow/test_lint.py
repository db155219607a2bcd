"""What is wrong with a workflow file is found with its rule and its line; the graph and the schema are true."""

import json
from pathlib import Path

import pytest

from zk0.core.project import Project
from zk0.workflow.document import read_document
from zk0.workflow.graph import dot, mermaid
from zk0.workflow.loading import lint, load, parse_workflow
from zk0.workflow.spec import schema_text, workflow_schema

ROOT = Path(__file__).parents[2]


def test_the_workflows_of_zk0_are_beyond_reproach():
    assert list(lint(Project(ROOT))) == []


@pytest.mark.parametrize(
    ("step", "rules"),
    [
        ("{id: a, title: A, run: [sh, -c, 'echo $0', '{{ inputs.x }}']}", []),
        ("{id: a, title: A, run: [/usr/bin/python3.12, -c, '{{ inputs.x }}']}", ["shell-expression"]),
        ("{id: a, title: A, run: [b, '{{ inputs.x }}'], env: {API_KEY: '{{ inputs.x }}'}}", []),
        ("{id: a, title: A, run: [b, '{{ inputs.x }}', ghp_abcdefghijklmnopqrstuvwx]}", ["literal-secret"]),
        (
            "{id: a, title: A, run: [b, '{{ inputs.x }}'], checks: [run: [sh, -c, '{{ inputs.x }}']]}",
            ["shell-expression"],
        ),
        ("{id: a, title: A, ask: person, instruction: '{{ inputs.x }}'}", ["dead-gate"]),
    ],
)
def test_a_rule_finds_what_it_is_for(tmp_path, step, rules):
    path = tmp_path / "trial.yaml"
    path.write_text(f"name: trial\ntitle: A\npurpose: B\ninputs: {{x: {{type: string}}}}\nsteps:\n  - {step}\n")

    assert [problem.rule for problem in lint(Project(tmp_path), [path])] == rules


GRAPH = """\
name: graph
title: A graph
purpose: To be drawn.
steps:
  - {id: first, title: 'The "first"', run: [echo]}
  - {id: apart, title: Apart, needs: [], foreach: [1, 2], run: [echo, "{{ item }}"]}
  - {id: fix, title: Fix, when: "{{ steps.first.verdict == 'fail' }}", ask: agent, instruction: b, accept: [run: [c]]}
  - {id: last, title: Last, needs: [fix], run: [cat, "{{ steps.first.outputs.log }}"]}
"""


def test_a_graph_tells_what_waits_for_what():
    spec, _ = parse_workflow(GRAPH)

    assert mermaid(spec).splitlines() == [
        "flowchart TD",
        '  first["The #quot;first#quot; (echo)"]',
        '  apart["Apart (echo for each)"]',
        '  fix{{"Fix (ask agent)"}}',
        '  last["Last (cat)"]',
        "  apart --> fix",
        "  first -.-> fix",
        "  first --> last",
        "  fix --> last",
    ]
    assert "  first -> fix [style=dotted]" in dot(spec).splitlines()
    assert '  first [label="The \\"first\\" (echo)"]' in dot(spec).splitlines()


def test_the_schema_in_docs_is_the_one_of_the_models():
    kept = (ROOT / "docs" / "workflow.schema.json").read_text()

    assert kept == schema_text(), "zk0 workflows schema > docs/workflow.schema.json"


def test_the_schema_takes_what_the_loader_takes_and_refuses_what_it_refuses():
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(workflow_schema())
    train = read_document(load(Project(ROOT), "train").text).data

    assert list(validator.iter_errors(train)) == []
    assert list(validator.iter_errors(read_document(GRAPH).data)) == []
    for wrong in (
        {**train, "steeps": []},
        {**train, "name": "Not Kebab"},
        {**train, "steps": [{"id": "a", "title": "A"}]},
        {**train, "steps": [{"id": "a", "title": "A", "run": ["b"], "timeout": "soon"}]},
    ):
        assert list(validator.iter_errors(json.loads(json.dumps(wrong))))
