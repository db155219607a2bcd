"""A program runs without a shell, inside the project, in time, and takes its children with it."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from zk0.core.errors import ExitStatus, TimeLimitError
from zk0.workflow.programs import Command, Programs
from zk0.workflow.timeouts import TimeLimit


def test_a_program_that_says_it_failed_fails_its_step(run):
    outcome = run("- {id: a, title: A, run: [sh, -c, 'echo words; exit 3']}\n")

    [receipt] = outcome.state.receipts
    assert receipt.verdict == "fail"
    assert receipt.outputs["exit_status"] == 3
    assert receipt.failure.code == "ZK104"
    assert receipt.failure.message == "sh ended with exit status 3"
    assert outcome.directory.log("a").read_text() == "words\n"
    assert outcome.exit_status is ExitStatus.failed


def test_arguments_reach_the_program_as_they_are(run):
    outcome = run("- {id: a, title: A, run: [echo, '$HOME; rm *', \"{{ 'a b' }}\", 1, true]}\n")

    assert outcome.directory.log("a").read_text() == "$HOME; rm * a b 1 true\n"


def test_a_program_runs_in_its_directory_with_its_environment(run, project):
    (project.root / "inner").mkdir()

    outcome = run("- {id: a, title: A, run: [sh, -c, 'pwd; echo $WHO'], cwd: inner, env: {WHO: '{{ 1 + 1 }}'}}\n")

    assert outcome.directory.log("a").read_text() == f"{project.root}/inner\n2\n"


@pytest.mark.parametrize(
    ("step", "code", "words"),
    [
        ("run: [no-such-program]", "ZK401", "there is no program 'no-such-program'"),
        ("run: [ls], cwd: ..", "ZK202", "outside of the project"),
        ("run: [ls], cwd: nowhere", "ZK202", "there is no directory"),
        ("run: [/]", "ZK202", "can't be started"),
        ("run: ['a\\0b']", "ZK202", "can't be started"),
    ],
)
def test_a_program_that_can_t_start_says_why(run, step, code, words):
    outcome = run(f"- {{id: a, title: A, {step}}}\n".replace("'a\\0b'", '"a\\0b"'))

    failure = outcome.state.receipts[0].failure
    assert failure.code == code
    assert words in failure.message


def test_a_program_that_takes_too_long_is_ended_with_its_children(tmp_path):
    script = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
time.sleep(60)
"""
    command = Command(argv=(sys.executable, "-c", script), cwd=tmp_path, limit=TimeLimit(1.0))

    with pytest.raises(TimeLimitError, match=r"did not end within 1 s"):
        Programs().run(command, tmp_path / "log")

    child = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 5
    while _lives(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _lives(child)


def test_an_interruption_while_a_program_starts_still_ends_it(tmp_path, monkeypatch):
    begin = subprocess.Popen
    begun = []

    def interrupted(*arguments, **options):
        begun.append(begin(*arguments, **options))
        signal.raise_signal(signal.SIGINT)  # before anybody knows the process
        return begun[0]

    monkeypatch.setattr(subprocess, "Popen", interrupted)

    with pytest.raises(KeyboardInterrupt):
        Programs().run(Command(argv=("sleep", "60"), cwd=tmp_path), tmp_path / "log")

    assert begun[0].returncode == -signal.SIGTERM
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_step_that_takes_too_long_fails_and_can_be_tried_again(run):
    outcome = run("- {id: a, title: A, run: [sleep, 30], timeout: 0.1s, retry: {attempts: 2, on: [fail]}}\n")

    assert outcome.state.step("a").attempt == 2
    assert outcome.state.step("a").receipt.failure.code == "ZK105"
    assert outcome.directory.log("a", 2).exists()


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
