"""`zk0 logs`, the filters of `zk0 runs`, and what a shell completes."""

import json

import pytest

from .conftest import in_flight, wait_for

STEPS = """\
  - {id: first, title: First, run: [echo, one]}
  - {id: sweep, title: Sweep, foreach: [a, b], run: [echo, "{{ item }}"]}
"""


def test_logs_are_printed_each_under_its_name(command, write):
    write("talk", STEPS)
    command("run", "talk", "--quiet")

    assert command("logs", "latest")[1] == "==> first <==\none\n==> sweep/0 <==\na\n==> sweep/1 <==\nb\n"
    assert command("logs", "latest", "sweep")[1] == "==> sweep/0 <==\na\n==> sweep/1 <==\nb\n"
    data = json.loads(command("logs", "latest", "first", "--json")[1])["data"]
    assert data == [{"log": "first", "text": "one\n"}]
    assert command("logs", "latest", "second")[0] == 2
    assert command("logs", "latest", "-f", "--json")[0] == 2


def test_logs_are_followed_until_the_run_ends(program, write):
    write(
        "slow",
        "  - {id: slow, title: Slow, run: [sh, -c, 'echo one; while ! test -e go; do sleep 0.05; done; echo two']}\n",
    )
    run = program.begin("run", "slow", "--quiet")
    directory = wait_for(lambda: in_flight(program.root, "slow"))
    wait_for(lambda: directory.log("slow").exists() and directory.log("slow").read_text())
    following = program.begin("logs", "latest", "-f")
    assert following.stdout.readline() == "==> slow <==\n"
    assert following.stdout.readline() == "one\n"

    (program.root / "go").touch()
    run.communicate(timeout=20)
    out, _ = following.communicate(timeout=20)

    assert following.returncode == 0
    assert out == "two\n"


def test_runs_are_filtered_by_how_they_stand(command, write):
    write("good", "  - {id: a, title: A, run: ['true']}\n")
    write("bad", "  - {id: a, title: A, run: ['false']}\n")
    command("run", "good", "--quiet")
    command("run", "bad", "--quiet")

    def found(*options):
        return [run["workflow"] for run in json.loads(command("runs", "--json", *options)[1])["data"]]

    assert found("--status", "failed") == ["bad"]
    assert found("--verdict", "pass") == ["good"]
    assert found("--status", "failed", "--workflow", "good") == []
    assert command("runs", "--status", "odd")[0] == 2


@pytest.mark.parametrize(
    ("words", "found"), [("zk0 run go", "good"), ("zk0 resume la", "latest"), ("zk0 canc", "cancel")]
)
def test_a_shell_completes_workflows_runs_and_commands(program, write, words, found):
    import os
    import subprocess
    import sys

    write("good", "  - {id: a, title: A, run: ['true']}\n")
    program("run", "good", "--quiet")

    completed = subprocess.run(
        [sys.executable, "-m", "zk0"],
        cwd=program.root,
        env={
            **program.environment,
            "_ZK0_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split()) - 1),
            "PATH": os.environ["PATH"],
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert found in completed.stdout.split()


def test_why_answers_in_one_sentence(command, write):
    write("talk", "  - {id: first, title: First, reuse: true, reads: [], makes: [], run: [echo, one]}\n")
    command("run", "talk", "--quiet")
    assert command("why", "latest", "first") == (0, "first ran because no earlier run of it did its work\n", "")

    command("run", "talk", "--quiet")

    assert json.loads(command("why", "latest", "first", "--json")[1])["data"]["why"].startswith("first reused because")
    assert command("why", "latest", "second")[0] == 2
