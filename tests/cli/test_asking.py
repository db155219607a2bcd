"""The gates of agents and people, with the real program: exit 3, what is missing, and who may answer where."""

import json
import os
import pty
import select
import subprocess
import sys
import time

import pytest

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


def in_terminal(program, words: str, **more: str) -> tuple[int, str]:
    """Run `zk0 resume latest` in a terminal of its own, where somebody types words."""
    ours, theirs = pty.openpty()
    environment = {name: value for name, value in program.environment.items() if name not in ("CLAUDECODE", "ZK0_RUN")}
    process = subprocess.Popen(
        [sys.executable, "-m", "zk0", "resume", "latest"],
        cwd=program.root,
        env={**environment, **more},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    said, typed, deadline = "", False, time.monotonic() + 30
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                said += os.read(ours, 4096).decode(errors="replace")
            except OSError:  # the other side is closed
                break
        if "approve?" in said and not typed:
            os.write(ours, f"{words}\n".encode())
            typed = True
    os.close(ours)
    return process.wait(10), said


@pytest.mark.parametrize(
    ("words", "status", "told"), [("yes", 0, "approved by"), ("no, too early", 1, "too early"), ("", 3, "no person")]
)
def test_a_person_answers_in_their_terminal(program, write, words, status, told):
    write("gate", GATE)
    assert program("run", "gate").returncode == 3

    ended, said = in_terminal(program, words)

    assert ended == status, said
    shown = program("show", "latest").stdout
    assert told in shown


def test_an_agent_is_not_asked_in_the_terminal_it_made_itself(program, write):
    write("gate", GATE)
    program("run", "gate")

    ended, said = in_terminal(program, "yes", CLAUDECODE="1")

    assert ended == 3
    assert "this terminal is not a person's" in said
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
