import sys

import pytest

from zk0.core.errors import DependencyMissingError, RequestError
from zk0.core.process import Completed
from zk0.project_checks.sources import modules
from zk0.project_checks.tools import LINTERS, TYPE_CHECKERS, ask_ruff, configured, problems_of


def test_a_tool_is_known_by_its_table_or_its_file(small):
    assert configured(small.project, LINTERS) is None

    small.write({".flake8": "[flake8]\n", "mypy.ini": "[mypy]\n"})

    assert configured(small.project, LINTERS).name == "flake8"
    assert configured(small.project, TYPE_CHECKERS).name == "mypy"


def test_a_warning_about_the_settings_is_no_finding_of_the_linter():
    printed = b"docs/plot.ipynb:cell 2:1:5: D103 Missing docstring\nFound 1 error.\n"
    ended = Completed(1, printed, b"warning: deprecated settings:\n  - 'select' -> 'lint.select'\n")

    assert [problem.at for problem in problems_of(ended, LINTERS[0])] == ["docs/plot.ipynb:cell 2:1"]


def test_new_syntax_is_python_and_broken_code_is_not(small):
    small.write({"small/a.py": "type Pair[T] = tuple[T, T]\n"})
    assert ask_ruff(small.project, modules(small.project), ["E722"]) == []

    small.write({"small/b.py": "def f(:\n"})
    with pytest.raises(RequestError, match=r"small/b\.py:1 is not Python"):
        ask_ruff(small.project, modules(small.project), ["E722"])


def test_without_ruff_nothing_is_known(small, monkeypatch, tmp_path):
    small.write({"small/a.py": "eval(x)\n"}).commit()
    known = modules(small.project)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(DependencyMissingError) as missing:
        ask_ruff(small.project, known, ["S307"])

    assert missing.value.remedy == "pip install ruff"
