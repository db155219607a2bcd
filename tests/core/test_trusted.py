"""What a proof rests on is read from the real git, and nobody redirects it."""

import os
import subprocess
import zlib
from pathlib import Path

import pytest

from zk0.core.errors import DependencyMissingError
from zk0.core.trusted import SYSTEM_PATH, read_committed, run_trusted, trusted_program


def git(root: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    done = subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def project(tmp_path: Path) -> tuple[Path, str]:
    """Return a project in a subdirectory of a repository, and its commit."""
    root = tmp_path / "arms"
    root.mkdir()
    (root / "allowed_signers").write_text("ada\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "one")
    return root, git(tmp_path, "rev-parse", "HEAD")


@pytest.fixture(autouse=True)
def _forget_programs() -> None:
    trusted_program.cache_clear()


def test_a_file_of_a_commit_is_read(project):
    root, commit = project
    (root / "allowed_signers").write_text("mallory\n")

    assert read_committed(root, commit, "allowed_signers") == b"ada\n"
    assert read_committed(root, commit, "other") is None
    assert read_committed(root, "0" * 40, "allowed_signers") is None
    assert read_committed(root, "HEAD", "allowed_signers") is None  # a name can be pointed elsewhere


def test_a_commit_can_t_be_replaced(project):
    root, commit = project
    (root / "allowed_signers").write_text("mallory\n")
    git(root, "commit", "-qam", "two")
    git(root, "replace", commit, "HEAD")
    assert git(root, "show", f"{commit}:./allowed_signers") == "mallory"  # as git itself reads it

    assert read_committed(root, commit, "allowed_signers") == b"ada\n"


def test_an_object_that_was_overwritten_does_not_count(project):
    root, commit = project
    blob = git(root, "rev-parse", f"{commit}:./allowed_signers")
    path = root.parent / ".git" / "objects" / blob[:2] / blob[2:]
    path.chmod(0o644)
    path.write_bytes(zlib.compress(b"blob 8\0mallory\n"))
    assert git(root, "show", f"{commit}:./allowed_signers") == "mallory"

    assert read_committed(root, commit, "allowed_signers") is None


def test_the_environment_does_not_redirect_git(project, tmp_path, monkeypatch):
    root, commit = project
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    for name, value in {
        "GIT_DIR": str(other / ".git"),
        "GIT_OBJECT_DIRECTORY": str(other / ".git" / "objects"),
        "GIT_WORK_TREE": str(other),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.worktree",
        "GIT_CONFIG_VALUE_0": str(other),
    }.items():
        monkeypatch.setenv(name, value)

    assert read_committed(root, commit, "allowed_signers") == b"ada\n"


def test_a_program_first_on_the_path_is_not_used(tmp_path, monkeypatch):
    planted = tmp_path / "bin" / "git"
    planted.parent.mkdir()
    planted.write_text("#!/bin/sh\necho planted\n")
    planted.chmod(0o755)
    monkeypatch.setenv("PATH", f"{planted.parent}{os.pathsep}{os.environ['PATH']}")

    assert trusted_program("git", tmp_path).parent in map(Path, SYSTEM_PATH)
    assert "git version" in run_trusted("git", "version", project=tmp_path).out


@pytest.mark.parametrize("place", ["inside", "relative", "shared", "writable"])
def test_a_program_that_the_project_can_write_is_refused(tmp_path, monkeypatch, place):
    project = tmp_path / "project"
    folder = {"inside": project / "bin", "relative": project / "bin"}.get(place, tmp_path / "bin")
    folder.mkdir(parents=True)
    project.mkdir(exist_ok=True)
    (folder / "only-here").write_text("#!/bin/sh\n")
    (folder / "only-here").chmod(0o777 if place == "writable" else 0o755)
    folder.chmod(0o777 if place == "shared" else 0o755)
    monkeypatch.chdir(project)
    monkeypatch.setenv("PATH", "bin" if place == "relative" else str(folder))

    with pytest.raises(DependencyMissingError, match="only-here"):
        trusted_program("only-here", project)


def test_a_program_outside_of_the_system_is_found_where_it_is_safe(tmp_path, monkeypatch):
    folder, project = tmp_path / "bin", tmp_path / "project"
    folder.mkdir()
    project.mkdir()
    (folder / "only-here").write_text("#!/bin/sh\n")
    (folder / "only-here").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))

    assert trusted_program("only-here", project) == folder / "only-here"


def test_a_trusted_program_gets_no_variable_that_changes_what_it_does(tmp_path, monkeypatch):
    monkeypatch.setenv("LD_PRELOAD", "/nowhere.so")
    monkeypatch.setenv("GIT_DIR", "/nowhere")

    names = {line.partition("=")[0] for line in run_trusted("env", project=tmp_path).out.splitlines()}

    assert not names & {"LD_PRELOAD", "GIT_DIR"}
