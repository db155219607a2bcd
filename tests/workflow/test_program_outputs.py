"""A program gives typed outputs; what is missing, wrong, stale or not its own fails the step."""

import os
import sys
from textwrap import dedent
from zlib import compress

import pytest

from zk0.core.errors import CommandError
from zk0.workflow.engine import Engine
from zk0.workflow.live_effects import LiveEffects
from zk0.workflow.program_outputs import LARGEST, VARIABLE, read_outputs
from zk0.workflow.run import find_run

TOKEN = "correct-horse-battery-staple"


def giving(outputs, declared="{accuracy: number}", more=""):
    """Return a step whose program writes a text as its outputs, and one that reads the first of them."""
    name = declared.strip("{").partition(":")[0]
    return dedent(f"""\
        - id: score
          title: Score
          run: [{sys.executable}, give.py, "{compress(os.fsencode(outputs)).hex()}"]
          outputs: {declared}
          {more}
        - id: use
          title: Use it
          run: [echo, "{{{{ steps.score.outputs.{name} }}}}"]
        """)


@pytest.fixture
def project(project):
    (project.root / "give.py").write_text(
        "import os, sys, zlib\n"
        f'open(os.environ["{VARIABLE}"], "wb").write(zlib.decompress(bytes.fromhex(sys.argv[1])))\n'
    )
    return project


@pytest.mark.parametrize(
    ("declared", "written", "values"),
    [
        ("{accuracy: number}", '{"accuracy": 0.93}', {"accuracy": 0.93}),
        ("{accuracy: number}", '{"accuracy": 1}\n', {"accuracy": 1.0}),
        ("{n: integer, ok: boolean}", '{"n": 3, "ok": false, "more": []}', {"n": 3, "ok": False}),
        ("{text: string}", '{"text": "a\\n{{ secrets.X }}"}', {"text": "a\n{{ secrets.X }}"}),
        ("{names: list}", '{"names": ["a,b", 2, true]}', {"names": ["a,b", 2, True]}),
        ("{script: path}", '{"script": "give.py"}', {"script": "give.py"}),
    ],
)
def test_an_output_has_its_declared_type(project, run, declared, written, values):
    outcome = run(giving(written, declared))

    assert outcome.exit_status == 0
    outputs = outcome.state.step("score").receipt.outputs
    assert {name: outputs[name] for name in values} == values
    assert list(outputs) == ["exit_status", "log", *values]
    assert not list((outcome.directory.path / "outputs").iterdir())  # a file of outputs may hold a secret


@pytest.mark.parametrize(
    ("declared", "written", "problem"),
    [
        ("{accuracy: number}", "", "not JSON"),
        ("{accuracy: number}", "accuracy=0.9", "not JSON"),
        ("{accuracy: number}", "[0.9]", "not a JSON object"),
        ("{accuracy: number}", '{"acuracy": 0.9}', 'the key "accuracy" is missing; it also wrote acuracy'),
        ("{accuracy: number}", '{"accuracy": "0.9"}', "accuracy"),
        ("{accuracy: number}", '{"accuracy": NaN}', "NaN is not a number that JSON has"),
        ("{accuracy: number}", '{"accuracy": 1e999}', "finite"),
        ("{accuracy: number}", '{"accuracy": true}', "accuracy"),
        ("{accuracy: number}", '{"accuracy": 0.1, "accuracy": 0.9}', "twice"),
        ("{accuracy: number}", "[" * 100_000, "nested too deeply"),
        ("{n: integer}", '{"n": 1.5}', "n"),
        ("{text: string}", '{"text": "\\ud800"}', "not JSON"),
        ("{names: list}", '{"names": [[1]]}', "names"),
        ("{names: list}", '{"names": [1e999]}', "names"),
        ("{model: path}", '{"model": "nowhere.pt"}', "there is no file 'nowhere.pt'"),
        ("{model: path}", '{"model": "/etc/passwd"}', "'/etc/passwd' is outside of the project"),
        ("{model: path}", '{"model": "link"}', "'link' is outside of the project"),
        ("{model: path}", '{"model": ""}', "there is no file ''"),
        ("{model: path}", '{"model": 3}', "model"),
    ],
)
def test_a_missing_or_wrong_output_fails_the_step_and_says_which(project, run, declared, written, problem):
    (project.root / "link").symlink_to("/etc/passwd")

    outcome = run(giving(written, declared))

    score = outcome.state.step("score")
    assert outcome.exit_status == 1
    assert score.receipt.failure.code == CommandError.code
    assert problem in score.receipt.failure.message
    assert outcome.state.step("use").verdict == "not-available"


def test_what_a_program_does_not_write_or_an_earlier_try_wrote_does_not_count(project, run):
    (project.root / "once.py").write_text(
        "import os, pathlib, sys\n"
        f'file = pathlib.Path(os.environ["{VARIABLE}"])\n'
        'for old in file.parent.glob("*"):\n    sys.exit(f"{old} is still there")\n'
        'if not pathlib.Path("once").exists():\n    pathlib.Path("once").touch()\n'
        "    file.write_text('{\"accuracy\": 0.99}')\n    sys.exit(1)\n"
    )

    outcome = run(f"""\
        - id: score
          title: Score
          run: [{sys.executable}, once.py]
          outputs: {{accuracy: number}}
          retry: {{attempts: 2}}
        """)

    failure = outcome.state.step("score").receipt.failure
    assert outcome.exit_status == 1
    assert "accuracy" not in outcome.state.step("score").receipt.outputs
    assert failure.message in ("it wrote no outputs", "python ended with exit status 1")


@pytest.mark.parametrize("kind", ["pipe", "folder", "link", "large", "bytes"])
def test_only_a_regular_file_of_text_is_read(tmp_path, kind):
    file = tmp_path / "outputs.json"
    (tmp_path / "other").write_text('{"accuracy": 1}')
    match kind:
        case "pipe":
            os.mkfifo(file)
        case "folder":
            file.mkdir()
        case "link":
            file.symlink_to(tmp_path / "other")
        case "large":
            file.write_bytes(b" " * (LARGEST + 1))
        case "bytes":
            file.write_bytes(b"\xff")

    with pytest.raises(CommandError):
        read_outputs(file)


def test_a_path_is_one_of_the_project_and_an_artifact(project, run):
    (project.root / "models").mkdir()

    outcome = run("""\
        - id: fit
          title: Fit
          run: [sh, -c, 'touch best.pt; echo "{\\"model\\": \\"best.pt\\"}" > "$ZK0_OUTPUT"']
          cwd: models
          outputs: {model: path}
        - id: use
          title: Use
          run: [test, -f, "{{ steps.fit.outputs.model }}"]
        """)

    assert outcome.exit_status == 0
    receipt = outcome.state.step("fit").receipt
    assert receipt.outputs["model"] == "models/best.pt"
    assert {made.name: made.path for made in receipt.artifacts}["model"] == "models/best.pt"


def test_a_secret_in_an_output_is_hidden_from_all_that_read_it(project, run, monkeypatch):
    monkeypatch.setenv("TOK", TOKEN)
    steps = """\
        - id: score
          title: Score
          run: [sh, -c, 'printf "{\\"text\\": \\"it is $TOK\\"}" > "$ZK0_OUTPUT"']
          env: {TOK: "{{ secrets.TOK }}"}
          outputs: {text: string}
        - id: use
          title: Use it
          run: [sh, -c, 'printf %s "$0" > told', "{{ steps.score.outputs.text }}"]
        """

    outcome = run(steps, "secrets: {TOK: {}}\n")

    assert outcome.exit_status == 0
    assert (project.root / "told").read_text() == "it is ***"
    files = [path for path in project.root.rglob("*") if path.is_file()]
    assert [path for path in files if TOKEN.encode() in path.read_bytes()] == []


def test_a_program_within_a_step_has_a_file_of_its_own(project, run, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(project.root / "outer"))  # as in a step of another run

    outcome = run("- {id: a, title: A, run: [sh, -c, 'echo 1 > \"$ZK0_OUTPUT\"'], env: {ZK0_OUTPUT: theirs}}\n")

    assert outcome.exit_status == 0
    assert not (project.root / "outer").exists()
    assert not (project.root / "theirs").exists()


@pytest.mark.parametrize(
    ("declared", "expression", "problem"),
    [
        ("{accuracy: number}", "steps.score.outputs.acuracy", 'no output "acuracy"; did you mean "accuracy"?'),
        ("{}", "steps.score.outputs.stdout", "declare what the program writes: outputs: {stdout: string}"),
        ("{log: path}", "steps.score.outputs.log", 'every program has the output "log" already'),
        ("{Accuracy: number}", "steps.score.outputs.log", "is not snake_case"),
        ("{accuracy: float}", "steps.score.outputs.log", "should be 'string', 'integer'"),
    ],
)
def test_outputs_are_checked_when_the_file_is_loaded(problems, declared, expression, problem):
    found = problems(f"""\
        name: trial
        title: A
        purpose: B
        steps:
          - {{id: score, title: S, run: [score], outputs: {declared}}}
          - {{id: use, title: U, run: [use, "{{{{ {expression} }}}}"]}}
        """)

    assert any(problem in line for line in found), found


def test_outputs_are_those_that_a_resumed_run_and_items_read(project, run, make_plan):
    steps = giving('{"accuracy": 0.5}') + dedent("""\
        - {id: gate, title: Gate, run: [test, -e, open]}
        - {id: after, title: After, run: [test, "{{ steps.score.outputs.accuracy }}", "=", "0.5"]}
        - id: sum
          title: Of all items
          foreach: [1, 2]
          run: [sh, -c, 'echo "{\\"n\\": $0}" > "$ZK0_OUTPUT"', "{{ item }}"]
          outputs: {n: integer}
        - id: both
          title: Both
          run: [test, "{{ steps.sum.outputs.each[0].n + steps.sum.outputs.each[1].n }}", "=", "3"]
        """)
    assert run(steps).exit_status == 1
    (project.root / "open").touch()

    outcome = Engine(project, LiveEffects(project)).resume(find_run(project, "latest"), lambda _: make_plan(steps))

    assert outcome.exit_status == 0
    assert outcome.state.step("score").attempt == 1
