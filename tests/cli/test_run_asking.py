"""The gates of agents and people, with the real program: exit 3, what is missing, and who may answer where."""

import json
import subprocess
import sys

import pytest

from zk0.core.agent_mark import AGENT_MARKS

from .terminal import in_terminal

FIX = """\
  - id: fix
    title: Fix it
    ask: agent
    instruction: Make the file fixed.
    accept: [run: [test, -e, fixed]]
"""
GATE = "  - {id: gate, title: Approve it, ask: person, instruction: Approve it.}\n"


def test_a_run_waits_for_an_agent_and_says_what_is_missing(program, write):
    write("fix", FIX)

    waiting = program("run", "fix")
    judged = program("resume", "latest", "--json")
    (program.root / "fixed").touch()
    done = program("resume", "latest")

    assert (waiting.returncode, judged.returncode, done.returncode) == (3, 3, 0)
    assert "handover.md" in waiting.stdout
    assert "next: zk0 resume" in waiting.stdout
    [step] = json.loads(judged.stdout)["data"]["steps"]
    assert (step["status"], step["attempt"]) == ("waiting", 1)
    assert step["missing"][0]["message"] == "test -e fixed ended with exit status 1"
    assert json.loads(program("runs", "--json").stdout)["data"][0]["status"] == "done"


@pytest.mark.parametrize(
    ("words", "status", "told"), [("yes", 0, "approved by"), ("no, too early", 1, "too early"), ("", 3, "no person")]
)
def test_a_person_answers_in_their_terminal(program, write, words, status, told):
    write("gate", GATE)
    assert program("run", "gate").returncode == 3

    ended, said = in_terminal(program, "resume", "latest", asked="approve?", answer=words)

    assert ended == status, said
    shown = program("show", "latest").stdout
    assert told in shown


def test_an_agent_is_not_asked_in_the_terminal_it_made_itself(program, write):
    write("gate", GATE)
    program("run", "gate")

    ended, said = in_terminal(program, "resume", "latest", asked="approve?", answer="yes", CLAUDECODE="1")

    assert ended == 3
    assert "CLAUDECODE is set" in said
    assert "approve?" not in said


def test_a_pipe_is_no_terminal(program, write):
    write("gate", GATE)
    program("run", "gate")

    ended = subprocess.run(
        [sys.executable, "-m", "zk0", "resume", "latest"],
        cwd=program.root,
        env=program.environment,
        input="yes\n",
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 3


NAMED = '  - {id: say, title: Say, run: [echo, "{{ inputs.who }}", "{{ inputs.times }}"]}\n'
INPUTS = """\
inputs:
  who: {type: string, choices: [you, me], help: whom to greet}
  times: {type: integer, default: 1}
"""


def test_a_person_is_asked_for_an_input_that_is_missing_until_it_fits(program, write):
    write("greet", NAMED, INPUTS)

    ended, said = in_terminal(program, "run", "greet", asked="who (you | me, whom to greet)", answer="him\nyou")

    assert ended == 0, said
    assert "who must be one of you, me; got 'him'" in said
    assert program("logs", "latest").stdout == "==> say <==\nyou 1\n"


@pytest.mark.parametrize(
    ("options", "environment"),
    [(["--json"], {}), ([], {"CLAUDECODE": "1"}), (["-i", "tmies=2"], {})],
)
def test_nobody_is_asked_for_json_in_an_agent_s_terminal_or_before_an_error(program, write, options, environment):
    write("greet", NAMED, INPUTS)

    ended, said = in_terminal(program, "run", "greet", *options, asked="who (you", answer="you", **environment)

    assert ended == 2, said
    assert "who must be given: whom to greet" in said


def test_nobody_is_asked_where_there_is_no_terminal(program, write):
    write("greet", NAMED, INPUTS)

    assert program("run", "greet").returncode == 2


def test_the_project_s_agent_does_a_step_in_a_nested_loop(program, write, monkeypatch):
    for name in AGENT_MARKS:
        monkeypatch.delenv(name, raising=False)
    agent = ["sh", "-c", 'case "$0" in *0/do/*) touch a;; *1/do/*) touch b;; esac']
    (program.root / "pyproject.toml").write_text(f"[tool.zk0]\nagent = {json.dumps(agent)}\n")
    write(
        "inner",
        "  - {id: do, title: Do, ask: agent, instruction: Do it., accept: [run: [test, -e, '{{ inputs.name }}']]}\n",
        "inputs: {name: {type: string}}\n",
    )
    write("outer", "  - {id: all, title: All, workflow: inner, foreach: [a, b], with: {name: '{{ item }}'}}\n")

    done = program("run", "outer", "--json")

    assert done.returncode == 0, done.stdout + done.stderr
    assert program("runs", "verify", "latest").returncode == 0
