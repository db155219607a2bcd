"""`zk0 config`: get, set and explain a value of a project's run configuration."""

import json

import pytest

WRITTEN = """\
[project]
name = "arm"

[tool.flwr.app.config]
rounds = 3   # short
proximal-mu = 10  # a first guess
own-key = "a"

[tool.other]
proximal-mu = "not this one"
"""


@pytest.fixture
def file(program):
    path = program.root / "pyproject.toml"
    path.write_text(WRITTEN)
    return path


def test_get_prints_the_value_or_the_default(command, file):
    assert command("config", "get", "proximal_mu") == (0, "10\n", "")
    assert command("config", "get", "own-key")[1] == "a\n"
    assert json.loads(command("config", "get", "batch-size", "--json")[1])["data"] == {
        "key": "batch-size",
        "value": 32,
        "written": False,
    }


def test_set_changes_one_value_and_nothing_else(command, file):
    assert command("config", "set", "proximal-mu", "0.05")[0] == 0

    assert file.read_text() == WRITTEN.replace("proximal-mu = 10 ", "proximal-mu = 0.05 ")


def test_a_reason_replaces_the_comment(command, file):
    command("config", "set", "proximal-mu", "0.05", "--reason", "by hand")

    assert file.read_text() == WRITTEN.replace("10  # a first guess", "0.05  # by hand")


def test_a_key_of_the_project_takes_any_value(command, file):
    command("config", "set", "own-key", "7")

    assert "own-key = 7\n" in file.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("set", "proximal-mu", "-1"), "proximal-mu: Input should be greater than or equal to 0"),
        (("set", "proximal-mu", "much"), "proximal-mu: Input should be a valid number"),
        (("set", "batch-size", "8"), "has no batch-size in [tool.flwr.app.config]"),
        (("get", "proxmal-mu"), "did you mean 'proximal-mu'?"),
        (("explain", "proximal-mu", "--file", "nope.toml"), "no file"),
    ],
)
def test_a_wrong_request_is_explained_and_changes_nothing(command, file, arguments, message):
    status, _, error = command("config", *arguments)

    assert status == 2
    assert message in error
    assert file.read_text() == WRITTEN


def test_a_file_without_the_section_is_refused(command, program):
    status, _, error = command("config", "get", "proximal-mu")

    assert status == 2
    assert "has no [tool.flwr.app.config]" in error


def test_explain_says_where_the_value_is_from_who_reads_it_and_why_it_is_so(command, file):
    reason = ("proximal-mu is 10", "--source", "config:tool.flwr.app.config.proximal-mu")
    assert command("memory", "add", "decision", *reason, "--body", "- Nobody measured it.")[0] == 0

    status, out, _ = command("config", "explain", "proximal-mu", "--json")

    found = json.loads(out)["data"]
    assert status == 0
    assert found["source"] == "pyproject.toml:6"
    assert found["comment"] == "a first guess"
    assert found["bounds"] == "at least 0"
    assert "train.configuration" in found["read_by"]
    assert "mu-tuning.current" in found["read_by"]
    assert found["decided"]["reason"] == "Nobody measured it."


def test_explain_is_a_table_for_people(command, file):
    status, out, _ = command("config", "explain", "rounds")

    assert status == 0
    assert "decided" in out
    assert "never" in out


def test_zk0s_defaults_are_not_those_of_another_app(command, file):
    file.write_text(f"[tool.flwr.app.components]\nserverapp = 'a:b'\nclientapp = 'a:c'\n{WRITTEN}")

    assert command("config", "get", "own-key")[1] == "a\n"
    assert command("config", "get", "batch-size")[0] == 2
    assert command("config", "set", "proximal-mu", "-1")[0] == 0  # its bounds are not known
