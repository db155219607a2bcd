import pytest

FLOWER = '[tool.flwr.app.components]\nserverapp = "a.server:app"\nclientapp = "a.client:app"\n'


def block(language: str, text: str) -> str:
    return f"# It\n\n```{language}\n{text}\n```\n"


def test_an_example_that_is_no_python_is_found_with_its_line(small):
    small.write({"README.md": block("python", "x = 1\nx = = 2")})

    [finding] = small.ask("examples.python")

    assert (finding.verdict, finding.at) == ("fail", "README.md:5")


def test_sessions_at_the_prompt_are_examples_too(small):
    small.write({"README.md": block("python", ">>> x = [1,\n...      2]\n>>> x\n[1, 2]\n>>> f(…)")})

    assert small.verdicts("examples.python") == {"pass"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("zk0 run train --dry-run -i rounds=2", ""),
        ("FOO=1 zk0 workflows lint && zk0 runs --json | head", ""),
        ("zk0 run train \\\n  --dry-run  # a rehearsal", ""),
        ("python -m zk0 runs", ""),
        ("python -m json.tool file", ""),
        ("python tool.py", ""),
        ("cd deep\npython inner.py", ""),
        ("flwr run . --run-config 'a=1'", ""),
        ("flwr run deep", "no Flower app in deep"),
        ("bash gone.sh", "no file gone.sh"),
        ("zk0 fly", "zk0 has no command fly"),
        ("zk0 workflows lint --loud", "zk0 workflows lint has no option --loud"),
        ("cd x; zk0 runs --limit=3 --colour", "zk0 runs has no option --colour"),
        ("python gone.py", "no file gone.py"),
        ("python -m deep.gone", "no module deep.gone"),
    ],
)
def test_commands_are_followed_to_their_options(small, line, message):
    small.write({"README.md": block("bash", line), "tool.py": "", "deep/inner.py": "", "pyproject.toml": FLOWER})

    [finding] = small.ask("examples.commands")

    assert (finding.verdict, finding.message) == (("fail", message) if message else ("pass", finding.message))


def test_what_a_command_printed_is_no_command(small):
    small.write({"README.md": block("console", "$ zk0 runs\nzk0 fly\n")})

    assert small.verdicts("examples.commands") == {"pass"}


def test_sessions_of_nox_are_looked_up(small):
    small.write({"README.md": block("bash", "nox -s lint none"), "noxfile.py": "@session\ndef lint(s): ...\n"})

    assert small.ask("examples.commands")[0].message == "no session none"


def test_documentation_without_commands_has_none_to_check(small):
    small.write({"README.md": block("bash", "ls -l")})

    assert small.verdicts("examples.commands") == {"not-available"}
    assert small.verdicts("examples.python") == {"not-applicable"}


def test_a_drawing_of_folders_is_no_command(small):
    small.write({"README.md": "```shell\nsmall\n├── a.py\n└── b.py\n```\n", "small/a.py": ""})

    assert small.verdicts("examples.commands") == {"not-available"}
