"""`zk0 logs`, and the filters of `zk0 runs`."""

import json

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


def test_the_end_of_a_run_shows_what_a_failed_program_printed_last(command, write):
    write("loud", "  - {id: loud, title: Loud, run: [sh, -c, 'seq 20; printf \"\\033[31mred\"; exit 3']}\n")

    printed = command("run", "loud", "--quiet")[1]

    lines = [line.partition("| ")[2] for line in printed.splitlines() if " | " in line]
    assert lines == [*map(str, range(12, 21)), " [31mred"]


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


def test_why_answers_in_one_sentence(command, write):
    write("talk", "  - {id: first, title: First, reuse: true, reads: [], makes: [], run: [echo, one]}\n")
    command("run", "talk", "--quiet")
    assert command("why", "latest", "first") == (0, "first ran because no earlier run of it did its work\n", "")

    command("run", "talk", "--quiet")

    assert json.loads(command("why", "latest", "first", "--json")[1])["data"]["why"].startswith("first reused because")
    assert command("why", "latest", "second")[0] == 2
