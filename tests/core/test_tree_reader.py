"""A tree is read again exactly where something changed, and not only by git's own view of it."""

import os
import subprocess

import pytest

from zk0.core import tree_reader
from zk0.core.fingerprints import read_tree
from zk0.core.tree_reader import TreeReader


def git(root, *arguments):
    identity = ["-c", "user.name=A person", "-c", "user.email=person@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


def age(root, monkeypatch):
    """Let all that is there be older than a clock's tick."""
    later = tree_reader.time.time() + 60
    monkeypatch.setattr("zk0.core.tree_reader.time.time", lambda: later)


@pytest.fixture(params=["git", "no git"])
def root(request, tmp_path):
    for name in ("a.py", "part/b.py", "out/x", ".zk0/runs/r/journal.jsonl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1\n")
    (tmp_path / "hollow").mkdir()
    (tmp_path / ".gitignore").write_text("out/\n")
    if request.param == "git":
        git(tmp_path, "init", "-q")
        git(tmp_path, "add", "-A")
        git(tmp_path, "commit", "-q", "-m", "Begin")
    return tmp_path


def test_what_did_not_change_is_not_read_again(root, monkeypatch):
    reader = TreeReader(root, (".zk0",))
    age(root, monkeypatch)
    first = reader.read()
    monkeypatch.setattr(tree_reader, "read_tree", None)
    (root / ".zk0" / "runs" / "r" / "journal.jsonl").write_text("2\n")

    assert reader.read() is first


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "a.py").write_text("2\n"),
        lambda root: (root / "part" / "b.py").unlink(),
        lambda root: (root / "part" / "new.py").touch(),
        lambda root: (root / "hollow" / "new.py").touch(),
        lambda root: (root / "new" / "deep").mkdir(parents=True) or (root / "new" / "deep" / "c.py").touch(),
        lambda root: (root / ".gitignore").write_text(""),
        lambda root: (root / "a.py").rename(root / "z.py"),
    ],
    ids=["content", "gone", "new", "in an empty folder", "in a new folder", "no longer ignored", "name"],
)
@pytest.mark.parametrize("is_old", [True, False])
def test_what_changed_is_read_again(root, monkeypatch, change, is_old):
    reader = TreeReader(root, (".zk0",))
    if is_old:
        age(root, monkeypatch)
    before = reader.read()

    change(root)

    assert reader.read() == read_tree(root, without=(".zk0",)) != before


def test_a_file_that_git_is_made_to_track_is_read(tmp_path, monkeypatch):
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text("x\n")
    (tmp_path / "x").touch()
    reader = TreeReader(tmp_path, ())
    age(tmp_path, monkeypatch)
    assert "x" not in reader.read().files

    git(tmp_path, "add", "-f", "x")

    assert "x" in reader.read().files


def test_a_change_within_one_tick_of_the_clock_is_seen(root):
    reader = TreeReader(root, (".zk0",))
    reader.read()
    state = (root / "a.py").stat()

    (root / "a.py").write_text("3\n")
    os.utime(root / "a.py", ns=(state.st_atime_ns, state.st_mtime_ns))

    assert reader.read() == read_tree(root, without=(".zk0",))
