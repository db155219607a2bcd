"""An app runs in a copy of its project, and finds there what it finds at home."""

import json
import tomllib
from pathlib import Path

import pytest

from zk0.core.errors import ConfigurationError, DependencyMissingError, StorageError
from zk0.core.git import read_git
from zk0.core.project import Project
from zk0.federation.own_app import launching
from zk0.federation.own_app.declaration import own_app
from zk0.federation.own_app.launching import copy_project, launch, written_in


@pytest.fixture
def project(tmp_path, levers):
    root = levers(tmp_path / "levers")
    (root / ".gitignore").write_text("data/\n.venv/\n.zk0/\nlevers/cache/\n")
    for name in ("data/rows.csv", ".venv/bin/python", ".zk0/runs/a", "levers/cache/one", "memory-bank/context.md"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("here")
    read_git(root, "init")
    return Project(root)


@pytest.fixture
def copied(project, tmp_path):
    folder = tmp_path / "copy"
    folder.mkdir()
    copy_project(project, folder)
    return folder


def test_code_is_copied_and_what_git_ignores_is_linked(project, copied):
    assert not (copied / "levers" / "server.py").is_symlink()
    assert (copied / "data").resolve() == project.root / "data"
    assert (copied / "levers" / "cache").resolve() == project.root / "levers" / "cache"
    assert not any((copied / name).exists() for name in (".venv", ".zk0", ".git", "memory-bank"))


def test_a_disk_that_is_full_is_said_so(project, tmp_path, monkeypatch):
    def full(*_arguments, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(launching.shutil, "copy2", full)

    with pytest.raises(StorageError, match="No space left"):
        copy_project(project, tmp_path / "copy")


def test_what_an_app_writes_beside_its_code_is_not_in_the_project(project, copied):
    (copied / "levers" / "model.npz").write_text("weights")
    (copied / "data" / "log.txt").write_text("a line")  # a folder of data is the project's own

    assert written_in(project, copied) == ["levers/model.npz"]
    assert (project.root / "data" / "log.txt").exists()


def test_in_one_process_the_app_gets_its_whole_configuration_and_no_key_of_ours(project, copied, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    begun = launch(own_app(project), Path("/p/bin/python"), copied, scratch, {"prox.mu": 0.5}, 3, "inline")

    plan = json.loads(Path(begun.argv[-1]).read_text())
    assert plan["config"] == {**own_app(project).config, "prox.mu": 0.5}
    assert (plan["clients"], begun.cwd) == (3, copied)
    assert begun.env["FLWR_HOME"].startswith(str(scratch))
    assert begun.env["FLWR_TELEMETRY_ENABLED"] == "0"


def test_under_flwr_run_the_server_is_one_that_watches_the_project_s(project, copied, tmp_path):
    (scratch := tmp_path / "scratch").mkdir()
    (python := tmp_path / "bin" / "python").parent.mkdir()
    with pytest.raises(DependencyMissingError, match="no flwr beside"):
        launch(own_app(project), python, copied, scratch, {}, 2, "simulation")
    (tmp_path / "bin" / "flwr").touch()

    begun = launch(own_app(project), python, copied, scratch, {"prox.mu": 0.5, "fault": "a b"}, 2, "simulation")

    components = tomllib.loads((copied / "pyproject.toml").read_text())["tool"]["flwr"]["app"]["components"]
    assert components == {"serverapp": "zk0_watching:app", "clientapp": "levers.client:app"}
    assert "'serverapp': 'levers.server:app'" in (copied / "zk0_watching.py").read_text()
    assert begun.argv[4:8] == ("--run-config", "prox.mu=0.5", "--run-config", 'fault="a b"')
    assert begun.cwd == scratch
    assert "levers.server:app" in (project.root / "pyproject.toml").read_text()


def test_components_that_are_written_otherwise_are_not_guessed_at(project, copied, tmp_path):
    (tmp_path / "flwr").touch()
    text = 'tool.flwr.app.components = {serverapp = "levers.server:app", clientapp = "levers.client:app"}\n'
    (copied / "pyproject.toml").write_text(text)

    with pytest.raises(ConfigurationError, match="can't be watched"):
        launch(own_app(project), tmp_path / "python", copied, tmp_path, {}, 2, "simulation")
