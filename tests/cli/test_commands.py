"""The commands that only look: what was run, what can be run, and whether the files are valid."""

import json
import subprocess
import sys

import pytest

from zk0 import __version__

STEPS = """\
  - id: note
    title: A note
    uses: trial.note
    with: {text: hello}
    checks: [trial.length, trial.say: {verdict: warn}]
"""


def test_the_version_needs_nothing_but_python(program):
    script = "import sys; from zk0.cli import main; main(['--version']); print(*sorted(sys.modules))"
    ended = subprocess.run(
        [sys.executable, "-c", script], env=program.environment, capture_output=True, text=True, check=True
    )

    assert program("--version").stdout == f"zk0 {__version__}\n"
    assert not {"typer", "click", "rich", "pydantic", "git"} & set(ended.stdout.split())


def test_no_command_imports_the_heavy_libraries(program, write):
    write("note", STEPS)
    script = (
        "import sys; from zk0.cli import main; main(['run', 'note', '--quiet', '--json']); main(['runs']);"
        "sys.stderr.write(' '.join(sys.modules))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script],
        cwd=program.root,
        env=program.environment,
        capture_output=True,
        text=True,
        check=True,
    )

    assert not {"torch", "lerobot", "flwr", "mujoco", "numpy", "ray"} & set(ended.stderr.split())


def test_runs_lists_the_newest_first(command, write):
    write("note", STEPS)
    write("other", STEPS)
    for name in ("note", "other", "note"):
        command("run", name, "--quiet")

    everything = json.loads(command("runs", "--json")[1])["data"]
    notes = json.loads(command("runs", "--json", "--workflow", "note")[1])["data"]
    newest = json.loads(command("runs", "--json", "--limit", "1")[1])["data"]

    assert [run["workflow"] for run in everything] == ["note", "other", "note"]
    assert [run["workflow"] for run in notes] == ["note", "note"]
    assert newest == everything[:1]
    assert (everything[0]["status"], everything[0]["verdict"]) == ("done", "warn")
    assert len(command("runs")[1].splitlines()) == 3


def test_a_damaged_run_does_not_hide_the_others(command, program, write):
    write("note", STEPS)
    command("run", "note", "--quiet")
    (program.root / ".zk0" / "runs" / "20990101-000000-note-0000").mkdir()

    status, out, _ = command("runs")

    assert status == 0
    assert "unreadable" in out.splitlines()[0]
    assert "done" in out.splitlines()[1]


def test_show_tells_every_finding_of_every_step(command, write):
    write("note", STEPS)
    command("run", "note", "--quiet")

    status, out, _ = command("show", "latest")

    assert status == 0
    assert "pass trial.length: 5 characters" in out
    assert "warn trial.say: told to say warn" in out


def test_show_of_a_step_tells_what_it_made(command, write):
    write("note", STEPS)
    command("run", "note", "--quiet")

    _, out, _ = command("show", "latest", "note")
    step = json.loads(command("show", "latest", "note", "--json")[1])["data"]

    assert "file: steps/note/note.txt" in out
    assert step["receipt"]["outputs"]["length"] == 5


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["latest"], "there is no run in"), (["2026", "a"], "there is no run in")],
)
def test_show_of_what_is_not_there_ends_with_2(command, arguments, words):
    status, _, err = command("show", *arguments)

    assert status == 2
    assert words in err


def test_workflows_lists_also_what_is_not_valid(command, write):
    write("note", STEPS)
    write("torn", "  - {id: [\n")

    _, out, _ = command("workflows", "list")
    listed = {row["name"]: row for row in json.loads(command("workflows", "list", "--json")[1])["data"]}

    assert listed["note"]["title"] == "The note"
    assert "workflows lint" in listed["torn"]["title"]
    assert "torn" in out


def test_workflows_show_tells_inputs_and_steps(command, write):
    head = "inputs: {mu: {type: number, minimum: 0, default: 0.01, help: the pull}}\nnotes: [be careful]\n"
    write("note", STEPS, head + "issues: [{sign: it hangs, remedy: wait}]\n")

    _, out, _ = command("workflows", "show", "note")
    data = json.loads(command("workflows", "show", "note", "--json")[1])["data"]

    for words in (
        "-i mu=",
        "number, ≥ 0, default 0.01",
        "the pull",
        "trial.note",
        "trial.length",
        "be careful",
        "it hangs",
    ):
        assert words in out
    assert data["steps"][0]["with"] == {"text": "hello"}


def test_lint_prints_every_problem_and_ends_with_2(command, program, write):
    write("note", STEPS)
    assert command("workflows", "lint", "workflows/note.yaml") == (0, "", "")

    write("torn", "  - {id: note, title: A, uses: trial.nope, when: x}\n")
    status, out, _ = command("workflows", "lint", "workflows/note.yaml", "workflows/torn.yaml")
    problems = json.loads(command("workflows", "lint", "workflows/torn.yaml", "--json")[1])["data"]["problems"]

    assert status == 2
    assert out.splitlines() == [
        'workflows/torn.yaml:5:32: note: unknown action "trial.nope"; did you mean "trial.note"? [unknown-action]',
        'workflows/torn.yaml:5:50: note: "when" is one whole expression: "{{ x }}" [bad-when]',
    ]
    assert [problem["rule"] for problem in problems] == ["unknown-action", "bad-when"]


def test_actions_and_checks_are_listed_with_what_they_do(command):
    actions = {row["name"]: row for row in json.loads(command("actions", "--json")[1])["data"]}
    checks = {row["id"]: row for row in json.loads(command("checks", "--json")[1])["data"]}

    assert actions["trial.note"]["summary"] == "Write a text into a file."
    assert actions["trial.note"]["changes"] == ["notes"]
    assert checks["trial.length"]["summary"] == "The note is long enough."
    assert "Write a text into a file." in command("actions")[1]
    assert "The note is long enough." in command("checks")[1]


def test_help_and_no_command_tell_how_to_go_on(program):
    assert "workflows" in program("--help").stdout
    bare = program("workflows")
    assert (bare.returncode, bare.stderr) == (2, "")
    assert "lint" in bare.stdout
    assert program("fly").returncode == 2
    assert "No such command" in program("fly").stderr


def test_a_reader_that_goes_away_is_no_bug(program, write):
    write("note", STEPS)
    line = f"{sys.executable} -m zk0 workflows show note | true"

    ended = subprocess.run(
        ["bash", "-c", line], cwd=program.root, env=program.environment, capture_output=True, text=True, check=False
    )

    assert "bug" not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_workflow_is_drawn_and_its_schema_printed(command, write):
    write("note", STEPS)

    status, out, _ = command("workflows", "graph", "note")
    assert (status, out.splitlines()[0]) == (0, "flowchart TD")
    assert command("workflows", "graph", "note", "--as", "dot")[1].startswith('digraph "note"')
    assert json.loads(command("workflows", "schema")[1])["title"] == "zk0 workflow"


@pytest.mark.parametrize("name", ["run", "list", "prune", "latest", "help"])
def test_a_workflow_may_have_the_name_of_a_command(program, write, name):
    write(name, STEPS)

    assert program("run", name, "--quiet").returncode == 0
    assert json.loads(program("show", "latest", "--json").stdout)["data"]["workflow"] == name
