"""A project's files with their digests, in and outside a repository."""

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from zk0.core.fingerprints import blob_id, read_tree
from zk0.core.project import Project


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=A person", "-c", "user.email=person@example.org"]
    return subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repository(tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text("ignored\n")
    (tmp_path / "train.py").write_text("mu = 0.01\n")
    (tmp_path / "README.md").write_text("# It\n")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "Begin")
    return tmp_path


def test_digests_are_those_of_git(repository):
    assert read_tree(repository).files["train.py"] == git(repository, "rev-parse", "HEAD:train.py").strip()
    assert blob_id(repository / "train.py") == read_tree(repository).files["train.py"]


def test_a_commit_of_what_is_there_changes_nothing_and_documents_are_no_code(repository):
    (repository / "train.py").write_text("mu = 0.1\n")
    (repository / "new file.py").write_text("")
    edited = read_tree(repository)
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "Change")
    committed = read_tree(repository)
    (repository / "README.md").write_text("# Other\n")
    documented = read_tree(repository)

    assert edited == committed
    assert documented.code == committed.code
    assert documented.documents != committed.documents


def test_deleted_ignored_and_reported_files_are_none_of_the_project(repository):
    (repository / "train.py").unlink()
    (repository / "ignored").touch()
    (repository / "junit.xml").touch()

    assert set(read_tree(repository).files) == {".gitignore", "README.md"}


def test_links_count_by_where_they_lead(repository):
    (repository / "link.py").symlink_to("train.py")
    first = read_tree(repository).code
    (repository / "link.py").unlink()
    (repository / "link.py").symlink_to("README.md")

    assert read_tree(repository).code != first


def test_a_folder_of_a_repository_is_a_project_of_its_own(repository):
    (repository / "part").mkdir()
    (repository / "part" / "a.py").write_text("")

    assert set(read_tree(repository / "part").files) == {"a.py"}
    assert set(read_tree(repository, without=["part"]).files) == {".gitignore", "README.md", "train.py"}


def test_outside_a_repository_all_files_count_but_those_of_tools(tmp_path):
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "x.py").touch()
    (tmp_path / "a.py").write_text("x = 1\n")

    assert dict(read_tree(tmp_path).files) == {"a.py": blob_id(tmp_path / "a.py")}


@pytest.mark.parametrize("is_repository", [True, False])
def test_the_lock_of_a_run_is_not_opened(repository, tmp_path, is_repository):
    root = repository if is_repository else tmp_path
    lock = root / ".zk0" / "runs" / "run-1" / "lock"
    lock.parent.mkdir(parents=True)
    with lock.open("w") as held:
        fcntl.lockf(held, fcntl.LOCK_EX)
        Project(root).tree()

        script = f"import fcntl; fcntl.lockf(open({str(lock)!r}, 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
        assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=False).returncode != 0
