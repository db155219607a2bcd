"""`zk0 next`: all that an agent needs for the step it is asked for, in one call."""

import json

FIX = """\
  - id: fix
    title: Fix it
    ask: agent
    instruction: Write `ok` into src/fixed.txt.
    scope: [src/**]
    constraints: [add no dependency]
    accept: [run: [grep, -q, ok, src/fixed.txt]]
"""
GATE = "  - {id: gate, title: Approve it, ask: person, instruction: Approve it.}\n"


def test_what_is_asked_is_printed_until_it_is_done(program, write):
    write("fix", FIX)
    assert program("next").stdout.startswith("Nothing waits")
    program("run", "fix")

    told = program("next")
    assert told.returncode == 0
    for words in ("Write `ok` into src/fixed.txt.", "only src/**", "grep -q ok src/fixed.txt", "add no dependency"):
        assert words in told.stdout
    assert len(told.stdout) < 1500  # an agent reads it at each step

    hand_in = told.stdout.splitlines()[-1].removeprefix("Hand in: zk0 ").split()
    assert program(*hand_in).returncode == 3
    assert "ended with exit status" in program("next").stdout

    (program.root / "src").mkdir()
    (program.root / "src" / "fixed.txt").write_text("ok\n")
    (program.root / "elsewhere.txt").write_text("x\n")
    data = json.loads(program("next", "--json").stdout)["data"]
    assert data["waits_for"] == "agent"
    assert any("elsewhere.txt" in one for one in data["refused"])
    assert program(*hand_in).returncode == 3  # as it said: a file outside of the scope

    (program.root / "elsewhere.txt").unlink()
    assert program(*hand_in).returncode == 0
    assert json.loads(program("next", "--json").stdout)["data"] is None


def test_an_agent_is_told_that_only_a_person_can_answer(program, write):
    write("gate", GATE)
    program("run", "gate")

    told = program("next")

    assert "A person must answer; nobody else can." in told.stdout
    assert "Accepted by" not in told.stdout


def test_an_unknown_run_is_an_error(program):
    assert program("next", "20990101").returncode == 2
