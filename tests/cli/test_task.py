"""`zk0 task`: from one agent to the next."""

import json

TASK = """\
criteria: the loss falls
constraints: change no test
dependencies: torch
critical: mu is in `pyproject.toml`
validation: the tests pass
"""


def data(printed):
    return json.loads(printed[1])["data"]


def test_a_task_goes_from_its_begin_over_a_handover_to_its_end(command, program):
    (program.root / "task.yaml").write_text(TASK)
    new = ("task", "new", "Repair it", "--from", "task.yaml", "--tests", "python -m pytest", "--json")
    task = data(command(*new))["id"]
    child = data(command("task", "new", "Find the cause", "--parent", task, "--critical", "only client 2", "--json"))
    updated = data(command("task", "update", task, "--note", "debug next", "--mode", "debug", "--json"))["id"]

    page = command("task", "show", task)[1]
    status, checks, _ = command("task", "show", task, "--check")
    listed = command("task", "list")[1].splitlines()
    inherited = data(command("task", "show", child["id"], "--json"))["context"]

    assert "# Repair it" in page
    assert "**Version**: 2." in page
    assert "- debug next" in page
    assert status == 0
    assert "python is here" in checks
    assert [line.split()[0] for line in listed] == [updated, child["id"]]
    assert inherited["critical"] == ["mu is in `pyproject.toml`", "only client 2"]
    assert "mode debug" in (program.root / "memory-bank" / "context.md").read_text()

    assert command("task", "close", task)[0] == 2
    assert command("task", "close", child["id"])[0] == 0
    assert command("task", "close", task, "--outcome", "It falls.")[0] == 0
    assert data(command("task", "list", "--json")) == []


def test_a_task_that_names_what_is_not_there_can_not_be_handed_over_nor_closed(command):
    task = data(command("task", "new", "Repair it", "--critical", "see `src/task.py`", "--json"))["id"]

    status, out, _ = command("task", "show", task, "--check")
    closing, _, err = command("task", "close", task)

    assert status == 1
    assert "names src/task.py, which is not there" in out
    assert closing == 2
    assert "can't be closed" in err


def test_a_file_with_an_unknown_field_is_refused_with_its_line(command, program):
    (program.root / "task.yaml").write_text("objectives: x\n")

    status, _, err = command("task", "new", "Repair it", "--from", "task.yaml")

    assert status == 2
    assert "task.yaml:1: objectives" in err
