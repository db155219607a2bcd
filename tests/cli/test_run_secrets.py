"""From the environment to the program it is for: a secret stands in no file and on no screen."""

import pytest

from zk0.core.errors import ExitStatus

VALUE = "correct-horse-battery-staple"
HEAD = "secrets: {TRIAL_TOKEN: {help: what the trial needs}}\n"
STEPS = """\
  - id: program
    title: A program that can't keep a secret
    run: [sh, -c, 'printf %s "${TRIAL_TOKEN%horse*}"; sleep 0.3; echo "horse${TRIAL_TOKEN#*horse}"']
    env: {TRIAL_TOKEN: "{{ secrets.TRIAL_TOKEN }}"}
  - id: action
    title: An action that can't either
    uses: trial.tell
    with: {token: "{{ secrets.TRIAL_TOKEN }}"}
    checks: [trial.repeat]
  - id: refused
    title: One that fails
    uses: trial.tell
    with: {token: "{{ secrets.TRIAL_TOKEN }}", how: bug}
"""


def test_a_secret_stands_in_no_file_and_on_no_screen(program, write, monkeypatch):
    monkeypatch.setenv("TRIAL_TOKEN", VALUE)
    write("trial", STEPS, HEAD)

    done = program("run", "trial")
    shown = [program(*line.split()) for line in ("logs latest", "show latest --json")]

    assert done.returncode == ExitStatus.bug  # the third step's own
    for told in (done, *shown):
        assert VALUE not in told.stdout + told.stderr
    files = [path for path in program.root.rglob("*") if path.is_file()]
    assert {"journal.jsonl", "context.md", "program.log", "refused.json"} <= {path.name for path in files}
    assert [path for path in files if VALUE.encode() in path.read_bytes()] == []
    assert "***\n" in shown[0].stdout


def test_a_run_that_waited_is_given_its_secrets_again(program, write, monkeypatch):
    write("trial", "  - {id: ask, title: A, ask: agent, instruction: Go on., accept: [run: ['true']]}\n" + STEPS, HEAD)
    monkeypatch.setenv("TRIAL_TOKEN", VALUE)
    assert program("run", "trial").returncode == ExitStatus.waiting
    monkeypatch.delenv("TRIAL_TOKEN")

    without = program("resume", "latest")
    monkeypatch.setenv("TRIAL_TOKEN", VALUE)
    again = program("resume", "latest")

    assert without.returncode == ExitStatus.missing
    assert "the secret TRIAL_TOKEN is not in the environment: what the trial needs" in without.stderr
    assert "export TRIAL_TOKEN=…" in without.stderr
    assert "program" in again.stdout
    assert VALUE not in again.stdout + again.stderr


@pytest.mark.parametrize(("value", "told"), [(VALUE, "required, is set"), ("", "required, is not set")])
def test_show_tells_which_secrets_are_needed_and_whether_they_are_there(command, write, monkeypatch, value, told):
    monkeypatch.setenv("TRIAL_TOKEN", value)
    write("trial", STEPS, HEAD)

    _, shown, _ = command("workflows", "show", "trial")

    [line] = [line for line in shown.splitlines() if line.startswith("  TRIAL_TOKEN")]
    assert told in line
    assert "what the trial needs" in line
