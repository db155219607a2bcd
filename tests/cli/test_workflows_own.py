"""The example of docs/workflows.md, word for word: a project's own action and check."""

import re
from pathlib import Path

import pytest

from zk0.core.errors import ExitStatus

PAGE = Path(__file__).parents[2] / "docs" / "workflows.md"
SECTION = "## Your own actions and checks\n"
FILE = re.compile(r"^`([\w./-]+)`:\n\n```\w+\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture
def example(program):
    section = PAGE.read_text().partition(SECTION)[2].partition("\n## ")[0]
    files = dict(FILE.findall(section))
    assert set(files) == {"pyproject.toml", "arms/zk0_actions.py", "workflows/calibrate.yaml"}
    for name, text in {**files, "arms/left.csv": "shoulder,1.5\nelbow,-2.5\n"}.items():
        (program.root / name).parent.mkdir(exist_ok=True)
        (program.root / name).write_text(text)
    return program


def test_the_example_of_the_page_says_what_the_page_says(example):
    done = example("run", "calibrate")

    assert done.returncode == ExitStatus.failed, done.stderr
    assert "elbow is off by -2.5 degrees" in done.stdout
    assert "calibrate the arm again" in done.stdout


def test_a_project_s_own_are_listed_and_linted(example):
    listed = example("actions")
    lint = example("workflows", "lint", "workflows/calibrate.yaml")
    (example.root / "arms" / "zk0_actions.py").write_text("import nothing_of_this_name\n")
    broken = example("run", "calibrate")

    assert re.search(r"calibration\.measure +Read how far the joints of an arm are off\.", listed.stdout)
    assert (lint.returncode, lint.stdout) == (0, "")
    assert broken.returncode == ExitStatus.missing
    assert "need nothing_of_this_name, which is not installed" in broken.stderr
