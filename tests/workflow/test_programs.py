"""A program runs without a shell, inside the project, in time, and takes its children with it."""

import contextlib
import os
import shutil
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


DEAF = """\
for pid in $(cat pids); do kill -0 $pid && echo survivor; done 2> /dev/null
began=$(wc -l < pids)
setsid sh -c 'trap "" TERM INT HUP; echo $$ >> pids; while :; do sleep 1; done' &
while test $(wc -l < pids) -eq $began; do sleep 0.02; done
"""


@pytest.fixture
def pids(project):
    """Write programs that leave a deaf process running, one that waits then; return the processes they left so far."""
    (project.root / "leave.sh").write_text(DEAF.replace('trap "" TERM INT HUP; ', ""))
    (project.root / "deaf.sh").write_text(DEAF + "sleep 60\n")
    (project.root / "pids").touch()

    def found():
        return [int(line) for line in (project.root / "pids").read_text().split()]

    yield found
    for pid in found():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_a_child_that_ignores_the_end_of_its_step_does_not_meet_the_next_attempt(run, pids, monkeypatch):
    monkeypatch.setattr("zk0.workflow.programs.GRACE", 0.3)

    outcome = run("- {id: a, title: A, run: [sh, deaf.sh], timeout: 1s, retry: {attempts: 3}}\n")

    assert outcome.state.step("a").receipt.failure.code == "ZK105"
    assert len(pids()) == 3
    assert not any(map(_lives, pids()))
    assert not any("survivor" in outcome.directory.log("a", number).read_text() for number in (1, 2, 3))


def test_what_a_step_that_passes_leaves_running_is_ended_and_reported(run, pids):
    outcome = run("- {id: a, title: A, run: [sh, leave.sh]}\n")

    [finding] = outcome.state.step("a").receipt.findings
    assert (outcome.exit_status, finding.verdict) == (ExitStatus.done, "warn")
    assert f"(process {pids()[0]})" in finding.message
    assert "service: true" in finding.remedy
    assert not any(map(_lives, pids()))


def test_a_program_that_judges_leaves_nothing_running_either(run, pids):
    outcome = run("- {id: a, title: A, run: ['true'], checks: [run: [sh, leave.sh]]}\n")

    assert sorted(finding.verdict for finding in outcome.state.step("a").receipt.findings) == ["pass", "warn"]
    assert not any(map(_lives, pids()))


def test_what_an_action_leaves_running_is_ended(run, pids):
    outcome = run("- {id: a, title: A, uses: trial.leave}\n- {id: b, title: B, run: ['true']}\n")

    [finding] = outcome.state.step("a").receipt.findings
    assert finding.verdict == "warn"
    assert len(pids()) == 1
    assert not any(map(_lives, pids()))


def test_a_receipt_names_the_program_that_ran(run, project):
    (project.root / "bin").mkdir()
    other = project.root / "bin" / "sh"
    other.write_text("#!/bin/sh\nexit 0\n")
    other.chmod(0o755)

    outcome = run(
        f"- {{id: a, title: A, run: [sh, -c, 'exit 0']}}\n"
        f"- {{id: b, title: B, run: [sh, -c, 'exit 1'], env: {{PATH: {project.root}/bin}}}}\n"
        f"- {{id: c, title: C, run: [bin/sh], checks: [run: [sh, -c, 'exit 0']], timeout: 9s}}\n"
    )

    programs = [receipt.program for receipt in outcome.state.receipts]
    assert programs == [shutil.which("sh"), "./bin/sh", "./bin/sh"]
    [finding] = outcome.state.step("c").receipt.findings
    assert finding.evidence[0].value == shutil.which("sh")


def test_a_log_keeps_its_head_and_its_tail(run, project):
    (project.root / "pyproject.toml").write_text('[tool.zk0]\nlog_limit = "100 KB"\n')

    outcome = run("- {id: a, title: A, run: [seq, 1000000]}\n")

    lines = outcome.directory.log("a").read_text().splitlines()
    assert outcome.directory.log("a").stat().st_size < 100_200
    assert (lines[0], lines[-1]) == ("1", "1000000")
    [note] = [line for line in lines if not line.isdigit()]
    cut = int(note.split()[1])
    assert note == f"[zk0: {cut} of 6888896 bytes are cut out here; log_limit in [tool.zk0] is 100000]"
    assert sum(len(line) + 1 for line in lines if line != note) + cut == 6888896


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
