"""In GitHub Actions: folded logs, annotations and a summary, and no text from outside is a command.

`commands` reads output as the runner does (`ActionCommand.cs` of actions/runner): a line ends with a carriage return
too, is trimmed, and is a command if it begins with `::name`; otherwise `##[name]` anywhere in it is one.
"""

import json
import re

import pytest

NAMES = ("add-mask", "set-output", "set-env", "stop-commands", "group", "endgroup", "error", "warning", "debug")
NEW = re.compile(rf"::({'|'.join(NAMES)})(?: ([^:]*))?::(.*)")
OLD = re.compile(rf"##\[({'|'.join(NAMES)})[^\]]*\](.*)")
# As YAML writes it between double quotes.
EVIL = r"::add-mask::{0}\n  ::set-output name={0}::x\nx ##[add-mask]{0}\r::stop-commands::{0}\n\uFEFF::set-env::{0}"
WORKFLOW = f"""\
  - id: one
    title: "{EVIL.format("title")}"
    run: [printf, "%s", "{EVIL.format("log")}"]
  - id: two
    title: Two
    needs: []
    uses: trial.note
    with: {{text: "{EVIL.format("finding")}"}}
    checks: [trial.length: {{minimum: 1000}}]
  - id: three
    title: Three
    needs: []
    run: ["{EVIL.format("program")}"]
"""


def commands(output: str) -> list[tuple[str, str, str]]:
    found = []
    for line in re.split(r"\r\n|\n|\r", output):
        if new := NEW.match(line.lstrip().removeprefix("\ufeff").lstrip()):
            found.append((new[1], new[2] or "", new[3]))
        elif old := OLD.search(line):
            found.append((old[1], "", old[2]))
    return found


@pytest.fixture
def actions(monkeypatch, tmp_path):
    """Let this process be a step of GitHub Actions, and return its summary."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    return tmp_path / "summary.md"


@pytest.mark.usefixtures("actions")
def test_no_text_of_a_run_is_a_command(program, write):
    write("evil", WORKFLOW)

    calls = ["run evil", "show latest", "logs latest", "logs latest --json", "show latest --json", "why latest one"]
    calls += ["run evil --dry-run", "run evil --json", "workflows show evil", "runs", "prime", "workflows list"]
    done = {call: program(*call.split()) for call in calls}

    assert {name for one in done.values() for name, _, _ in commands(one.stderr)} == {"group", "endgroup", "error"}
    assert {call: commands(one.stdout) for call, one in done.items() if commands(one.stdout)} == {}
    assert ": :add-mask::log" in done["logs latest"].stdout
    texts = [log["text"] for log in json.loads(done["logs latest --json"].stdout)["data"]]
    assert any("##[add-mask]log" in text for text in texts)  # as data it is what it was


@pytest.mark.usefixtures("actions")
@pytest.mark.parametrize("name", ["::add-mask::a", "a\n::add-mask::a", "##[add-mask]a"])
def test_a_name_that_a_message_repeats_is_no_command(program, name):
    for arguments in (["run", name], ["show", name], [name], ["run", name, "--json"]):
        done = program(*arguments)
        assert {found for found, _, _ in commands(done.stdout + done.stderr)} <= {"error"}


def test_a_run_annotates_what_failed_and_adds_a_summary(actions, program, write):
    write("evil", WORKFLOW)
    write(
        "short",
        "  - {id: note, title: A note, uses: trial.note, with: {text: a}, checks: [trial.length: {minimum: 9}]}\n",
    )

    program("run", "evil")
    done = program("run", "short")

    [(_, where, _)] = [command for command in commands(done.stderr) if command[0] == "error"]
    assert where == "title=note%3A trial.length"
    summary = actions.read_text()
    assert "| fail | note | A note |" in summary
    assert commands(summary) == []


@pytest.mark.usefixtures("actions")
def test_lint_annotates_each_problem_at_its_place(program, write):
    write("wrong", "  - {id: one, title: One, run: [echo], wen: true}\n")

    done = program("workflows", "lint", "workflows/wrong.yaml")

    [(name, where, text)] = commands(done.stderr)
    assert (name, where) == ("error", "file=workflows/wrong.yaml,line=5,col=40,title=unknown-key")
    assert 'unknown key "wen"' in text
    assert done.stdout.startswith("workflows/wrong.yaml:5:40: ")


def test_elsewhere_output_stays_as_it_is(program, write):
    write("evil", WORKFLOW)

    done = program("run", "evil")

    assert "::group::" not in done.stderr
    assert "##[add-mask]log" in program("logs", "latest").stdout
