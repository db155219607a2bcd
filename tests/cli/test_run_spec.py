"""A workflow file that was edited since: `zk0 resume` says so, and takes it with `--spec new`."""

import json

import pytest

GATE = """\
  - {id: build, title: Build, run: [sh, -c, 'echo x >> built']}
  - {id: fix, title: Fix, ask: agent, instruction: Make it., accept: [run: [test, -e, fixed]]}
  - {id: go, title: Go, run: [sh, -c, 'echo one >> gone']}
"""


def state_of(done):
    return json.loads(done.stdout)["data"]


@pytest.fixture
def waiting(program, write):
    write("gate", GATE)
    assert program("run", "gate").returncode == 3
    return program


def test_an_edited_file_is_reported_and_not_used(waiting, write):
    write("gate", GATE.replace("echo one", "echo two"))
    (waiting.root / "fixed").touch()

    done = waiting("resume", "latest")

    assert "workflows/gate.yaml has changed since the run began" in done.stderr
    assert "--spec new" in done.stderr
    assert done.returncode == 3  # an agent that edits a workflow file, and nobody took it
    assert "changed workflows/gate.yaml" in waiting("show", "latest").stdout


def test_a_file_that_did_not_change_is_not_reported(waiting):
    assert "changed" not in waiting("resume", "latest").stderr


def test_a_file_that_is_no_longer_valid_or_there_is_no_obstacle(waiting, write):
    path = waiting.root / "workflows" / "gate.yaml"
    path.write_text("name: gate\nsteps: 3\n")
    assert "is not valid" in waiting("resume", "latest").stderr
    assert waiting("resume", "latest", "--spec", "new").returncode == 2
    path.unlink()
    assert waiting("resume", "latest").returncode == 3


def test_spec_new_goes_on_with_the_file_and_keeps_what_it_does_not_change(waiting, write):
    write("gate", GATE.replace("echo one", "echo two") + "  - {id: more, title: More, run: ['true']}\n")
    (waiting.root / "fixed").touch()

    done = waiting("resume", "latest", "--spec", "new", "--json")

    assert done.returncode == 0, done.stderr
    assert [step["id"] for step in state_of(done)["steps"]] == ["build", "fix", "go", "more"]
    assert (waiting.root / "built").read_text() == "x\n"
    assert (waiting.root / "gone").read_text() == "two\n"
    assert "was replaced" in waiting("show", "latest").stdout
    assert waiting("runs", "verify", "latest").returncode == 0


def test_spec_new_runs_what_it_changes_again_and_all_behind_it(waiting, write):
    write("gate", GATE.replace("echo x", "echo y"))

    again = waiting("resume", "latest", "--spec", "new", "--json")

    assert (waiting.root / "built").read_text() == "x\ny\n"
    steps = {step["id"]: step["status"] for step in state_of(again)["steps"]}
    assert steps == {"build": "finished", "fix": "waiting", "go": "pending"}


def test_spec_new_corrects_a_step_that_failed(program, write):
    write("wrong", "  - {id: a, title: A, run: ['true']}\n  - {id: b, title: B, run: ['false']}\n")
    assert program("run", "wrong").returncode == 1
    write("wrong", "  - {id: a, title: A, run: ['true']}\n  - {id: b, title: B, run: ['true']}\n")

    assert program("resume", "latest").returncode == 1
    assert program("resume", "latest", "--spec", "new").returncode == 0
    assert program("runs", "verify", "latest").returncode == 0


def test_spec_new_leaves_out_a_step(waiting, write):
    write("gate", "".join(GATE.splitlines(keepends=True)[::2]))

    done = waiting("resume", "latest", "--spec", "new", "--json")

    assert done.returncode == 0, done.stderr
    assert [step["id"] for step in state_of(done)["steps"]] == ["build", "go"]
    assert waiting("runs", "verify", "latest").returncode == 0


def test_a_workflow_that_is_performed_changes_too(program, write):
    write("inner", "  - {id: a, title: A, run: [sh, -c, 'echo one >> said']}\n")
    write("outer", "  - {id: in, title: In, workflow: inner}\n" + GATE)
    assert program("run", "outer").returncode == 3
    write("inner", "  - {id: a, title: A, run: [sh, -c, 'echo two >> said']}\n")

    assert "outer.yaml has changed" in program("resume", "latest").stderr
    assert program("resume", "latest", "--spec", "new").returncode == 3
    assert (program.root / "said").read_text() == "one\ntwo\n"


def test_an_agent_does_not_change_what_it_is_asked_for(waiting, write, monkeypatch):
    write("gate", GATE.replace("[run: [test, -e, fixed]]", "[run: ['true']]"))
    monkeypatch.setenv("CLAUDECODE", "1")

    refused = waiting("resume", "latest", "--spec", "new")

    assert refused.returncode == 2
    assert "only a person" in refused.stderr


def test_an_agent_may_correct_a_workflow_that_asks_nobody(program, write, monkeypatch):
    write("wrong", "  - {id: b, title: B, run: ['false']}\n")
    program("run", "wrong")
    write("wrong", "  - {id: b, title: B, run: ['true']}\n")
    monkeypatch.setenv("CLAUDECODE", "1")

    assert program("resume", "latest", "--spec", "new").returncode == 0


def test_a_gate_that_is_not_reached_yet_is_not_left_out_by_an_agent(program, write, monkeypatch):
    steps = "  - {id: b, title: B, run: ['false']}\n  - {id: g, title: G, ask: person, instruction: Yes?}\n"
    write("gate", steps)
    program("run", "gate")
    write("gate", "  - {id: b, title: B, run: ['true']}\n")
    monkeypatch.setenv("CLAUDECODE", "1")

    assert program("resume", "latest", "--spec", "new").returncode == 2


def test_a_spec_in_the_run_s_directory_that_was_altered_is_replaced_and_all_runs_again(waiting, write):
    [spec] = (waiting.root / ".zk0" / "runs").glob("*/spec.yaml")
    spec.write_text(spec.read_text().replace("test, -e, fixed", "'true'"))
    assert waiting("resume", "latest").returncode == 2

    again = waiting("resume", "latest", "--spec", "new")

    assert again.returncode == 3
    assert (waiting.root / "built").read_text() == "x\nx\n"
