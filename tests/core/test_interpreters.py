"""Which Python a project's programs run in."""

import sys
from pathlib import Path

import pytest

from zk0.core.errors import DependencyMissingError
from zk0.core.interpreters import project_python
from zk0.core.project import Project


def made(environment: Path) -> Path:
    python = environment / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    return python


def test_the_setting_comes_before_the_folder_and_that_before_the_active_environment(tmp_path, monkeypatch):
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    assert project_python(Project(tmp_path)) == Path(sys.executable)

    active = made(tmp_path / "elsewhere")
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "elsewhere"))
    assert project_python(Project(tmp_path)) == active

    own = made(tmp_path / ".venv")
    assert project_python(Project(tmp_path)) == own

    chosen = made(tmp_path / "robots")
    (tmp_path / "pyproject.toml").write_text('[tool.zk0]\npython = "robots/bin/python"\n')
    assert project_python(Project(tmp_path)) == chosen


def test_an_interpreter_that_is_named_and_not_there_is_not_replaced_by_another(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool.zk0]\npython = "gone/bin/python"\n')

    with pytest.raises(DependencyMissingError, match="gone/bin/python"):
        project_python(Project(tmp_path))
