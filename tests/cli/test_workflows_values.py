"""The example of docs/workflows.md, word for word: inputs, expressions and outputs."""

import json
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "workflows.md"
SECTION = "## Inputs, expressions and outputs\n"
FILE = re.compile(r"^`([\w./-]+)`:\n\n```\w+\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture
def section():
    return PAGE.read_text().partition(SECTION)[2].partition("\n## ")[0]


@pytest.fixture
def example(program, section):
    files = dict(FILE.findall(section))
    assert set(files) == {"score.py", "workflows/score.yaml"}
    for name, text in files.items():
        (program.root / name).write_text(text)
    return program


def test_the_example_of_the_page_prints_what_the_page_says(example, section):
    lint = example("workflows", "lint", "workflows/score.yaml")
    done = example("run", "score", "-i", "threshold=0.95")

    assert (lint.returncode, lint.stdout) == (0, "")
    assert done.returncode == 0, done.stderr
    [shown] = re.findall(r"^\$ zk0 run score .*?\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    for line in filter(None, map(_words, shown.splitlines())):
        assert line in map(_words, done.stdout.splitlines())


def _words(line: str) -> str:
    return re.sub(r"[0-9.]+ m?s$", "SECONDS", " ".join(line.split()))


def test_a_list_is_given_with_commas_or_as_json(example):
    for given, report in (("a,b", "smolvla: a, b\n"), ('["a, b", "{{ c }}"]', "smolvla: a, b, {{ c }}\n")):
        done = example("run", "score", "--json", "-i", f"tasks={given}")

        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["data"]["outputs"] == {"accuracy": 0.93, "report": "report.txt"}
        assert (example.root / "report.txt").read_text() == report
