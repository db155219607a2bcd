"""What others rely on stays as it is: ids, options, formats and exit statuses, each kept in a file beside this one.

A deliberate change is written with `ZK0_GOLDEN=write pytest tests/golden` and listed in the changelog.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import typer.main

from zk0.cli.application import app
from zk0.core.checks import CHECKS
from zk0.core.errors import Zk0Error
from zk0.core.project import Project
from zk0.core.receipts import Receipt, ReceiptStore
from zk0.workflow.actions import ACTIONS
from zk0.workflow.engine import Engine
from zk0.workflow.fitting import field_names
from zk0.workflow.inputs import resolve_inputs
from zk0.workflow.live_effects import LiveEffects
from zk0.workflow.loading import parse_workflow
from zk0.workflow.plan import plan
from zk0.workflow.spec import workflow_schema

HERE = Path(__file__).parent
PROSE = {"title", "description", "summary", "help"}  # of a schema; improved at any time
SENTENCES = {"message", "reason", "remedy", "cause"}  # of a record; the same
WORKFLOW = """\
name: golden
title: One step of each kind
purpose: To keep the formats of journals and receipts.
inputs:
  word: {type: string, default: hello}
steps:
  - id: print
    title: Print a word
    run: ["echo", "{{ inputs.word }}"]
    checks:
      - run: ["test", "-d", "."]
  - id: skipped
    title: Skip
    when: "{{ inputs.word == 'other' }}"
    run: ["echo"]
  - id: retried
    title: Fail twice
    run: ["sh", "-c", "exit 3"]
    retry: {attempts: 2, on: [fail]}
  - id: blocked
    title: Not run
    run: ["echo"]
"""


def _same(name: str, found: object) -> None:
    path = HERE / f"{name}.json"
    text = json.dumps(found, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    if os.environ.get("ZK0_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def _without_prose(schema: Any) -> Any:
    """Return a JSON Schema without what only people read; a property may have any name."""
    if isinstance(schema, list):
        return [_without_prose(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: {name: _without_prose(inner) for name, inner in value.items()}
        if key in ("properties", "$defs")
        else _without_prose(value)
        for key, value in schema.items()
        if key not in PROSE
    }


def test_checks_and_their_options() -> None:
    found = [check for check in map(CHECKS.get, CHECKS.names()) if _is_ours(check.function)]

    _same("checks", {check.id: _without_prose(check.options.model_json_schema()) for check in found})


def test_actions_with_their_inputs_and_outputs() -> None:
    found = [action for action in map(ACTIONS.get, ACTIONS.names()) if _is_ours(action.function)]

    _same(
        "actions",
        {
            action.name: {
                "inputs": _without_prose(action.inputs.model_json_schema()),
                "outputs": sorted(field_names(action.outputs)),
                "changes": list(action.changes),
            }
            for action in found
        },
    )


def _is_ours(function: Any) -> bool:
    """Tell whether zk0 defines a function: tests elsewhere in this process may have registered their own."""
    return function.__module__.startswith("zk0.")


def test_the_schema_of_a_workflow_file() -> None:
    _same("schema", _without_prose(workflow_schema()))


def test_the_schema_of_a_receipt() -> None:
    _same("receipt-schema", _without_prose(Receipt.model_json_schema()))


def test_numbers_and_exit_statuses_of_errors() -> None:
    _same("errors", {kind.__name__: [kind.code, int(kind.exit_status)] for kind in _kinds(Zk0Error)})


def _kinds(kind: type[Zk0Error]) -> Iterator[type[Zk0Error]]:
    if kind.__module__.startswith("zk0.") and hasattr(kind, "code"):
        yield kind
    for below in kind.__subclasses__():
        yield from _kinds(below)


def test_commands_and_their_parameters() -> None:
    _same("commands", dict(_commands("zk0", typer.main.get_command(app))))


def _commands(path: str, command: click.Command) -> Iterator[tuple[str, list[str]]]:
    yield path, sorted("/".join([*one.opts, *one.secondary_opts]) for one in command.params)
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from _commands(f"{path} {name}", found)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project in which the golden workflow was run."""
    root = tmp_path_factory.mktemp("golden")
    (root / "pyproject.toml").touch()
    project = Project(root)
    store = ReceiptStore(project.runs_dir)
    spec, problems = parse_workflow(WORKFLOW)
    assert spec, problems
    Engine(project, LiveEffects(project), [lambda event: _keep(store, event)]).run(
        plan(spec, resolve_inputs(spec, {})), source=WORKFLOW, seed=7
    )
    return project


def _keep(store: ReceiptStore, event: object) -> None:
    if receipt := getattr(event, "receipt", None):
        store.save(receipt)


def test_a_journal(project: Project) -> None:
    [path] = project.runs_dir.glob("*/journal.jsonl")

    _same("journal", [json.loads(_without_moment(line, project)) for line in path.read_text().splitlines()])


def test_a_receipt(project: Project) -> None:
    _same(
        "receipts",
        {
            path.stem: json.loads(_without_moment(path.read_text(), project))
            for path in project.runs_dir.glob("*/receipts/*.json")
        },
    )


def _without_moment(text: str, project: Project) -> str:
    """Return a text without what differs from run to run (times, paths, digests, versions) and without sentences."""
    text = text.replace(str(project.root), "ROOT")
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)", "TIME", text)
    text = re.sub(r"\d{8}-\d{6}-golden-[0-9a-f]+", "RUN", text)
    text = re.sub(r'"(environment)":\s*\{[^}]*\}', r'"\1": {}', text)
    text = re.sub(rf'"({"|".join(SENTENCES)})":\s*"[^"]+"', r'"\1": "SENTENCE"', text)
    text = re.sub(r'"(boot)":\s*"[^"]+"', r'"\1": "BOOT"', text)
    text = re.sub(r'"(seconds|duration|sequence)":\s*[\d.e-]+', r'"\1": 0', text)
    text = re.sub(r'"/[^"]*/(echo|sh|test)"', r'"BIN/\1"', text)
    return re.sub(r'"(sha256:)?[0-9a-f]{16,64}"', '"DIGEST"', text)
