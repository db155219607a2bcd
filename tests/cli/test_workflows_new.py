"""`zk0 workflows new` writes a file that is valid and runs; the manual begins with it."""

import json
import re
from pathlib import Path

import pytest

from zk0.cli.new import template

PAGE = Path(__file__).parents[2] / "docs" / "workflows.md"


@pytest.mark.parametrize("title", [None, 'A "quoted": title # 1', "Ü\n\t\\"])
def test_a_new_workflow_is_valid_and_runs(program, title):
    made = program("workflows", "new", "nightly-check", "--json", *(["--title", title] if title else []))

    assert json.loads(made.stdout)["data"] == {"path": "workflows/nightly-check.yaml"}
    lint = program("workflows", "lint", "workflows/nightly-check.yaml")
    assert (lint.returncode, lint.stdout) == (0, "")
    run = json.loads(program("run", "nightly-check", "-i", "greeting=Hi", "--json").stdout)["data"]
    assert (run["title"], run["verdict"]) == (title or "Nightly check", "pass")
    assert program("logs", "latest", "show").stdout == "==> show <==\nHi\n"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("there", "there is a workflow there already"),
        ("other", "there is a workflow other already: workflows/other.yml"),
        ("train", "there is a workflow train already"),
        ("tests", "the usual name of a nox session"),
        ("Nightly", "can't be the name of a workflow"),
        ("../up", "can't be the name of a workflow"),
    ],
)
def test_what_is_there_stays_and_a_wrong_name_is_refused(program, name, reason):
    for file in ("there.yaml", "other.yml"):
        (program.root / "workflows" / file).write_text("mine\n")

    done = program("workflows", "new", name)

    assert done.returncode == 2
    assert reason in done.stderr
    found = {path.name: path.read_text() for path in (program.root / "workflows").iterdir()}
    assert found == {"there.yaml": "mine\n", "other.yml": "mine\n"}


def test_the_manual_begins_with_a_new_workflow_and_what_its_run_prints(program):
    page = PAGE.read_text().partition("## What a run writes")[0]
    [example] = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    [printed] = re.findall(r"```\n(pass.*?)```", page, re.DOTALL)
    program("workflows", "new", "hello")

    assert (program.root / "workflows" / "hello.yaml").read_text() == example == template("hello", "Hello")
    assert _without_run(program("run", "hello").stdout) == _without_run(printed)


def _without_run(text: str) -> str:
    return re.sub(r"\d{8}-\d{6}-hello-[0-9a-f]{4}: done in [\d.]+ s|\d\.\d s", "…", text)
