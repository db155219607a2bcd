"""`zk0 run`: data on stdout, progress on stderr, the truth in the exit status, and nothing left behind by a mistake."""

import json
import os
import signal
from pathlib import Path

import pytest

from zk0.core.errors import ExitStatus

from .conftest import in_flight, wait_for

NOTE = "  - {id: note, title: A note, uses: trial.note, with: {text: '{{ inputs.text }}'}}\n"
HEAD = "inputs: {text: {type: string, default: hello}, number: {type: integer, minimum: 0, default: 1}}\n"


def test_a_run_prints_a_table_on_stdout_and_a_line_a_step_on_stderr(program, write):
    write("note", NOTE, HEAD)

    ended = program("run", "note", "-i", "text=some words")

    assert ended.returncode == 0, ended.stderr
    assert [line.split()[:2] for line in ended.stdout.splitlines()][:1] == [["pass", "note"]]
    assert "some words  10" in ended.stdout  # the table of the action's outputs
    assert ended.stderr.splitlines()[1].startswith("pass            A note  0.")


def test_json_is_one_object_whatever_the_actions_print(program, write):
    write("talk", "  - {id: talk, title: Talk, uses: trial.talk}\n")

    ended = program("run", "talk", "--json")

    answer = json.loads(ended.stdout)
    assert answer["schema_version"] == 1
    assert answer["data"]["status"] == "done"
    assert answer["data"]["steps"][0]["receipt"]["verdict"] == "pass"
    assert Path(answer["data"]["directory"]).is_dir()


def test_a_failing_run_says_what_to_do_and_ends_with_1(command, write):
    write("bad", "  - {id: bad, title: Bad, uses: trial.fail, on_fail: {propose: fedprox-debug}}\n")

    status, out, err = command("run", "bad", "--quiet")

    assert status == 1
    assert "ZK101: no batch to be had" in out
    assert "→ give more data" in out
    assert "next: zk0 run fedprox-debug" in out
    assert err == ""


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["note", "-i", "number=-1"], "ZK203", "number must be at least 0, got -1"),
        (["note", "-i", "txt=a"], "ZK203", "note has no input 'txt'; did you mean \"text\"?"),
        (["note", "-i", "text"], "ZK203", "an input is given as name=value, not as 'text'"),
        (["note", "-i", "text=a", "-i", "text=b"], "ZK203", "text is given twice: 'a' and 'b'"),
        (["note", "-i", "text=refused"], "ZK205", "is not ready"),
        (["nite"], "ZK201", 'there is no workflow "nite"; did you mean "note"?'),
        (["torn"], "ZK202", "workflows/torn.yaml:6:1: not YAML"),
        (["note", "--sed", "3"], "ZK210", "No such option"),
        (["note", "--seed", "-3"], "ZK210", "-3"),
        ([], "ZK210", "Missing argument"),
    ],
)
def test_a_wrong_request_ends_with_2_and_leaves_nothing_behind(command, program, write, arguments, code, words):
    write("note", NOTE, HEAD)
    write("torn", "  - {id: a, title: [\n")
    before = sorted(program.root.rglob("*"))

    status, _, err = command("run", *arguments)
    json_status, out, json_err = command("run", *arguments, "--json")

    assert status == json_status == 2
    assert err.startswith(f"error {code}: ")
    assert words in err
    error = json.loads(out)["error"]
    assert error["code"] == code
    assert words in error["message"]
    assert json_err == ""
    assert sorted(program.root.rglob("*")) == before


def test_what_is_missing_ends_with_4_and_a_bug_of_an_action_with_5(command, write):
    write("missing", "  - {id: a, title: A, uses: trial.fail, with: {how: missing}}\n")
    write("bug", "  - {id: a, title: A, uses: trial.fail, with: {how: bug}}\n")

    assert command("run", "missing", "--quiet")[0] == 4
    assert command("run", "bug", "--quiet")[0] == 5


def test_a_bug_of_ours_ends_with_5_and_a_log(command, program, write, monkeypatch):
    write("note", NOTE, HEAD)
    monkeypatch.setattr("zk0.cli.wiring.perform", lambda *_, **__: 1 / 0)
    (program.root / ".zk0").mkdir()

    status, _, err = command("run", "note")

    assert status == 5
    [log] = (program.root / ".zk0" / "log").iterdir()
    assert "ZeroDivisionError" in log.read_text()
    assert str(log) in err
    assert "Traceback" not in err


def test_a_recorder_that_fails_is_named_and_the_run_is_kept(command, program, write, monkeypatch):
    class Bank:
        def __call__(self, event):
            raise OSError("the bank is closed")

    write("note", NOTE, HEAD)
    monkeypatch.setattr("zk0.cli.wiring.recorders", lambda *_: [Bank()])

    status, out, _ = command("run", "note", "--json", "--quiet")

    assert status == 1
    assert json.loads(out)["data"]["complaints"] == ["Bank: the bank is closed"]
    assert json.loads(out)["data"]["status"] == "done"


def test_a_dry_run_tells_the_plan(command, write):
    write(
        "plan",
        NOTE
        + "  - {id: show, title: Show, run: [cat, '{{ steps.note.outputs.file }}']}\n"
        + "  - {id: fix, title: Fix, when: \"{{ steps.show.verdict == 'fail' }}\", run: ['true']}\n"
        + "  - {id: never, title: Never, when: '{{ inputs.number > 1 }}', run: ['true']}\n",
        HEAD,
    )

    status, out, _ = command("run", "plan", "--dry-run", "--json", "-i", "text=some words")

    assert status == 0
    data = json.loads(out)["data"]
    assert [(step["id"], step["would"]) for step in data["steps"]] == [
        ("note", "run"),
        ("show", "run"),
        ("fix", "run"),
        ("never", "skip"),
    ]
    note, show, fix, _ = data["steps"]
    assert note["with"] == {"text": "some words"}
    assert note["changes"] == ["notes"]
    assert show["with"]["argv"] == ["cat", {"expression": "{{ steps.note.outputs.file }}"}]
    assert fix["when"] == "{{ steps.show.verdict == 'fail' }}"

    text = command("run", "plan", "--dry-run")[1]

    assert "trial.note: text=hello" in text
    assert "run: cat {{ steps.note.outputs.file }}" in text
    assert "only if: {{ steps.show.verdict == 'fail' }}" in text


WATCHED = """
import sys
DEEDS = ("subprocess.Popen", "os.posix_spawn", "os.fork", "os.exec", "os.system", "os.mkdir", "os.rename", "os.remove",
         "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.utime", "shutil.", "socket.connect")
def watch(event, arguments):
    if event.startswith(DEEDS) or (event == "open" and (arguments[2] or 0) & 0o3103):
        sys.__stderr__.write(f"DEED {event} {arguments}\\n")
sys.addaudithook(watch)
from zk0.cli import main
sys.exit(main(["run", "note", *sys.argv[1:], "--dry-run"]))
"""


@pytest.mark.parametrize("part", [[], ["--only", "touch"], ["--from", "touch"]], ids=["all", "only", "from"])
def test_a_dry_run_starts_no_process_and_writes_no_file(program, write, command, part):
    import subprocess
    import sys

    mend = "on_fail: {run: mend}, timeout: 1m"
    write("mend", "  - {id: mend, title: Mend, run: [touch, y]}\n")
    write(
        "note", NOTE + f"  - {{id: touch, title: T, run: [touch, '{{{{ steps.note.outputs.file }}}}'], {mend}}}\n", HEAD
    )
    if part:
        command("run", "note", "--quiet")  # what is left out is taken from there
    before = sorted(program.root.rglob("*"))

    ended = subprocess.run(
        [sys.executable, "-c", WATCHED, *part],
        cwd=program.root,
        # Coverage, where it measures subprocesses too, writes files of its own.
        env={name: value for name, value in program.environment.items() if not name.startswith("COVERAGE")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    assert "nothing is done" in ended.stdout
    assert "if it fails: run mend, then retry once" in ended.stdout
    assert sorted(program.root.rglob("*")) == before


SLOW = (
    "  - {id: first, title: The first, uses: trial.note, with: {text: a}}\n"
    "  - {id: slow, title: Slow, run: [sleep, 60]}\n"
    "  - {id: last, title: Last, run: ['true']}\n"
)


def test_a_killed_run_keeps_what_was_finished(program, write):
    write("slow", SLOW)
    process = program.begin("run", "slow")
    run = wait_for(lambda: in_flight(program.root, "slow"))
    process.kill()
    process.communicate()

    state = run.state()

    assert state.status == "unfinished"
    assert [step.status for step in state.steps] == ["finished", "started", "pending"]
    receipt = json.loads((run.path / "receipts" / "first.json").read_text())
    assert receipt["digest"] == state.step("first").receipt.digest
    shown = program("show", "latest")
    assert shown.returncode == 0
    assert "unfinished" in shown.stdout


@pytest.mark.parametrize("polite", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_ends_its_program_and_its_journal(program, write, polite):
    write("slow", SLOW.replace("[sleep, 60]", "[sh, -c, 'echo $$; exec sleep 60']"))
    process = program.begin("run", "slow", "--json")
    run = wait_for(lambda: in_flight(program.root, "slow"))
    sleeper = int(wait_for(lambda: run.log("slow").exists() and run.log("slow").read_text().strip()))
    process.send_signal(polite)
    out, _ = process.communicate(timeout=20)

    assert process.returncode == 130
    assert json.loads(out)["data"]["status"] == "interrupted"
    assert run.state().status == "interrupted"
    with pytest.raises(ProcessLookupError):
        os.kill(sleeper, 0)


def test_a_part_of_a_workflow_is_told_and_then_done(command, write, program):
    write("part", NOTE + "  - {id: show, title: Show, run: [cat, '{{ steps.note.outputs.file }}']}\n", HEAD)
    status, _, err = command("run", "part", "--only", "show", "--dry-run")
    assert status == 2
    assert "step show reads step note, which is left out" in err
    command("run", "part", "--quiet")
    [whole] = program.root.glob(".zk0/runs/*/")

    status, out, _ = command("run", "part", "--only", "show", "--dry-run")
    done = command("run", "part", "--from", "show", "--json", "--quiet")

    assert status == 0
    assert f"not run: was left out, and what it gave is taken from run {whole.name}" in out
    assert f"run: cat {whole}/steps/note/note.txt" in out
    assert done[0] == 0
    data = json.loads(done[1])["data"]
    assert data["steps"][0]["reason"].endswith(whole.name)
    assert (whole.parent / data["run"] / "receipts" / "note.json").exists()


def test_jobs_run_steps_side_by_side_and_every_line_is_whole(program, write):
    wait = "touch $1; until test -e $0; do sleep 0.01; done"
    write(
        "meet",
        f"  - {{id: a, title: A, run: [sh, -c, '{wait}', b, a], timeout: 20s}}\n"
        f"  - {{id: b, title: B, needs: [], run: [sh, -c, '{wait}', a, b], timeout: 20s}}\n",
    )

    ended = program("run", "meet", "--jobs", "2")

    assert ended.returncode == 0, ended.stderr
    assert sorted(line[:17] for line in ended.stderr.splitlines()[1:]) == ["pass            A", "pass            B"]


def test_the_outputs_of_a_run_are_printed_shown_and_in_the_json(command, write):
    write(
        "give",
        """\
  - id: score
    title: Score
    run: [sh, -c, 'echo "{\\"accuracy\\": 0.93, \\"words\\": [\\"a,b\\"]}" > "$ZK0_OUTPUT"']
    outputs: {accuracy: number, words: list}
""",
        'outputs: {accuracy: "{{ steps.score.outputs.accuracy }}", words: "{{ steps.score.outputs.words }}"}\n',
    )

    status, out, _ = command("run", "give")
    shown = command("show", "latest")[1]
    data = json.loads(command("show", "latest", "--json")[1])["data"]
    again = json.loads(command("run", "give", "--json")[1])["data"]

    assert status == 0
    for text in (out, shown):
        assert {"accuracy: 0.93", 'words: ["a,b"]'} <= set(text.splitlines())
    assert data["outputs"] == again["outputs"] == {"accuracy": 0.93, "words": ["a,b"]}


def test_a_secret_named_in_an_input_is_text(program, write, monkeypatch):
    monkeypatch.setenv("TOK", "correct-horse-battery-staple")
    steps = """\
  - {id: named, title: Named, run: ["true"], env: {TOK: "{{ secrets.TOK }}"}}
  - {id: other, title: Other, run: [sh, -c, 'printf %s "$T" > told'], env: {T: "{{ inputs.title }}"}}
"""
    write("min", steps, "inputs: {title: {type: string}}\nsecrets: {TOK: {}}\n")

    for title in ("{{ secrets.TOK }}", "${{ github.sha }}", "a {# b #} c", "a {{ x"):
        assert program("run", "min", "-i", f"title={title}").returncode == 0
        assert (program.root / "told").read_text() == title


def test_an_input_that_is_not_utf_8_is_a_wrong_request(program, write):
    write("min", "  - {id: a, title: A, run: [echo, '{{ inputs.title }}']}\n", "inputs: {title: {type: string}}\n")

    for option in (b"title=a\xff", b"ti\xfftle=a", b"\xff"):
        done = program("run", "min", "-i", option)
        assert done.returncode == ExitStatus.wrong_request
        assert done.stderr.strip()


def test_a_dry_run_shows_data_apart_from_expressions_and_no_control_characters(command, write):
    steps = """\
  - {id: a, title: A, run: [echo, "{{ inputs.title }}"]}
  - {id: b, title: B, run: [echo, "{{ steps.a.outputs.log }}"]}
"""
    write("min", steps, "inputs: {title: {type: string}}\n")

    out = command("run", "min", "--dry-run", "-i", "title={{ steps.a.outputs.log }}\x1b[2J")[1]

    assert "run: echo '{{ steps.a.outputs.log }}\\x1b[2J'" in out
    assert "run: echo {{ steps.a.outputs.log }}\n" in out


@pytest.mark.parametrize(
    "value", ["{{ secrets.TOKEN }}", "${{ github.sha }}", "a {# b #} c", "{% if x %}", "a {{ x", "{{ inputs.title }}"]
)
def test_an_input_that_looks_like_an_expression_stays_as_it_is(command, write, monkeypatch, value):
    monkeypatch.setenv("TOKEN", "a secret of many characters")
    write(
        "show",
        "  - {id: show, title: Show, run: [printf, '%s', '{{ inputs.title }}']}\n",
        head="inputs:\n  title: {type: string}\nsecrets:\n  TOKEN: {required: false}\n",
    )

    status, out, err = command("run", "show", "-i", f"title={value}", "--json")

    assert status == 0, err
    assert "a secret of many characters" not in out
    assert json.loads(command("logs", "latest", "show", "--json")[1])["data"][0]["text"] == value
