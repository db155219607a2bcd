"""Inputs come as text from a command line or as values from a program; they leave typed and within bounds."""

from pathlib import Path

import pytest

from zk0.core.errors import InputError
from zk0.workflow.inputs import resolve_inputs
from zk0.workflow.loading import parse_workflow

TEXT = """\
name: trial
title: A trial
purpose: To try.
inputs:
  preset: {type: string, choices: [tiny, small], default: tiny}
  rounds: {type: integer, minimum: 1, maximum: 100, default: 3}
  proximal_mu: {type: number, minimum: 0, default: 0.01}
  security: {type: boolean, default: false}
  data: {type: path, default: null}
  clients: {type: list, choices: [lift, place, stack], default: [lift]}
  words: {type: list, default: []}
  owner: {type: string, help: who owns the robot}
steps: [{id: a, title: A, run: [b]}]
"""


@pytest.fixture
def resolve():
    spec, problems = parse_workflow(TEXT)
    assert spec, problems
    return lambda **given: resolve_inputs(spec, given)


def test_what_is_not_given_has_its_default(resolve):
    assert resolve(owner="me") == {
        "preset": "tiny",
        "rounds": 3,
        "proximal_mu": 0.01,
        "security": False,
        "data": None,
        "clients": ["lift"],
        "words": [],
        "owner": "me",
    }


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("rounds", "7", 7),
        ("rounds", 7, 7),
        ("proximal_mu", "1e-3", 0.001),
        ("proximal_mu", 1, 1.0),
        ("security", "yes", True),
        ("security", "FALSE", False),
        ("security", True, True),
        ("data", "some/where", Path("some/where")),
        ("data", Path("some/where"), Path("some/where")),
        ("clients", "lift, stack", ["lift", "stack"]),
        ("clients", ["place"], ["place"]),
        ("clients", "", []),
        ("clients", '["lift", "stack"]', ["lift", "stack"]),
        ("words", '["a,b", "c"]', ["a,b", "c"]),
        ("words", ' ["a", 2, true, ""]', ["a", 2, True, ""]),
        ("words", [" a ", ""], [" a ", ""]),
        ("words", "{{ a }},b", ["{{ a }}", "b"]),
        ("owner", 3, "3"),
    ],
)
def test_a_given_value_takes_the_type_of_its_input(resolve, name, given, value):
    resolved = resolve(**{"owner": "me", name: given})[name]

    assert resolved == value
    assert type(resolved) is type(value)


@pytest.mark.parametrize(
    ("name", "given", "problem"),
    [
        ("proximal_mu", "-1", "proximal_mu must be at least 0, got -1.0"),
        ("rounds", "0", "rounds must be at least 1, got 0"),
        ("rounds", "101", "rounds must be at most 100, got 101"),
        ("rounds", "3.5", "rounds must be an integer, got '3.5'"),
        ("rounds", 3.5, "rounds must be an integer, got 3.5"),
        ("rounds", True, "rounds must be an integer, got True"),
        ("rounds", "9" * 5000, "rounds must be an integer"),
        ("proximal_mu", "nan", "proximal_mu must be a finite number, got nan"),
        ("proximal_mu", "inf", "proximal_mu must be a finite number, got inf"),
        ("security", "maybe", "security must be a boolean, got 'maybe'"),
        ("preset", "huge", "preset must be one of tiny, small; got 'huge'"),
        ("clients", "lift,fly", "clients must be one of lift, place, stack; got 'fly'"),
        ("clients", 3, 'clients must be a list (a,b,c or ["a", "b, c"]), got 3'),
        ("words", "[a, b]", """words must be a list (a,b,c or ["a", "b, c"]), got '[a, b]'"""),
        ("words", "[[1]]", 'words must be a list (a,b,c or ["a", "b, c"]), got'),
        ("words", "[" * 100_000, 'words must be a list (a,b,c or ["a", "b, c"]), got'),
        ("words", '["\\ud800"]', "words must be UTF-8 text, got '\\ud800'"),
        ("owner", "a\udcff", "owner must be UTF-8 text, got 'a\\udcff'"),
        ("data", Path("\udcff"), "data must be UTF-8 text, got '\\udcff'"),
        ("data", 3, "data must be a path, got 3"),
        ("round", "3", "trial has no input 'round'; did you mean \"rounds\"?"),
    ],
)
def test_a_bad_value_is_refused_with_its_name_its_bound_and_itself(resolve, name, given, problem):
    with pytest.raises(InputError) as raised:
        resolve(**{"owner": "me", name: given})

    assert raised.value.message.startswith(problem)
    assert raised.value.remedy == "zk0 workflows show trial"


def test_all_bad_inputs_are_told_at_once(resolve):
    with pytest.raises(InputError) as raised:
        resolve(rounds="0", proximal_mu="-1")

    assert raised.value.message.splitlines() == [
        "rounds must be at least 1, got 0",
        "proximal_mu must be at least 0, got -1.0",
        "owner must be given: who owns the robot",
    ]
