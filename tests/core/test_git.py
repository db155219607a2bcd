"""Git is asked for state and for quick reads, and its absence is an answer, not a crash."""

import subprocess
from pathlib import Path

import pytest

from zk0.core.errors import ConfigurationError, DependencyMissingError
from zk0.core.git import GitState, open_repository, read_git, read_references, read_state, run_git


@pytest.fixture
def root(tmp_path: Path) -> Path:
    identity = ["-c", "user.name=A person", "-c", "user.email=person@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "init", "-q", "-b", "main"], cwd=tmp_path, check=True)
    subprocess.run(["git", *identity, "commit", "-q", "--allow-empty", "-m", "Begin"], cwd=tmp_path, check=True)
    subprocess.run(["git", "tag", "v1"], cwd=tmp_path, check=True)
    return tmp_path


def test_git_answers_or_refuses(root):
    assert read_git(root, "symbolic-ref", "--short", "HEAD") == "main\n"
    assert read_git(root, "rev-parse", "no-such-branch") is None
    assert run_git(root, "rev-parse", "no-such-branch").status == 128


def test_a_machine_without_git_is_told_apart_from_a_refusal(root, monkeypatch):
    monkeypatch.setattr("zk0.core.process.find_program", lambda name: None)

    assert read_git(root, "status") is None
    with pytest.raises(DependencyMissingError):
        run_git(root, "status")


def test_the_state_is_that_of_the_code_without_the_memory_bank(root):
    memory = root / "memory-bank"
    clean = read_state(root, memory, lambda: "digest")
    memory.mkdir()
    (memory / "context.md").write_text("learned")
    assert read_state(root, memory, lambda: "digest") == clean
    assert (clean.branch, clean.dirty, clean.changes, clean.tree) == ("main", False, None, "digest")

    (root / "train.py").write_text("mu = 1\n")
    changed = read_state(root, memory, lambda: "digest")

    assert changed.dirty
    assert changed.changes


def test_a_repository_that_git_can_t_read_is_not_called_clean(root):
    (root / ".git" / "index").write_bytes(b"no index")

    with pytest.raises(ConfigurationError):
        read_state(root, root / "memory-bank", lambda: "digest")


def test_a_project_within_a_repository_has_the_state_of_all_of_it(root, tmp_path_factory):
    (root / "robot" / "memory-bank").mkdir(parents=True)
    (root / "robot" / "memory-bank" / "context.md").write_text("learned")
    link = tmp_path_factory.mktemp("elsewhere") / "link"
    link.symlink_to(root / "robot")
    commit = run_git(root, "rev-parse", "HEAD").out.strip()
    run_git(root, "checkout", "-q", "--detach")

    for place in (root / "robot", link):
        state = read_state(place, place / "memory-bank", lambda: "digest")
        assert (state.commit, state.branch, state.dirty) == (commit, None, False)

    (root / "train.py").write_text("mu = 1\n")
    assert read_state(link, link / "memory-bank", lambda: "digest").dirty


def test_outside_a_repository_there_is_no_state_and_no_reference(tmp_path):
    assert read_state(tmp_path, tmp_path / "memory-bank", lambda: "digest") == GitState()
    assert read_references(tmp_path) == []
    with open_repository(tmp_path) as repository:
        assert repository is None


def test_branches_and_tags_are_read_with_their_commits(root):
    commit = run_git(root, "rev-parse", "HEAD").out.strip()

    assert read_references(root) == [f"refs/heads/main {commit}", f"refs/tags/v1 {commit}"]
