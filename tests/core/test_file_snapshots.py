"""What changed in a project is read from the bytes on the disk, whatever git believes."""

import os
import subprocess
from pathlib import Path

import pytest

from zk0.core.file_snapshots import take_file_snapshot


def git(root: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    for name in ("a.py", "b.sh", "src/c.py"):
        (tmp_path / name).write_text(f"# {name}\n")
    (tmp_path / ".gitignore").write_text("*.log\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "one")
    return tmp_path


@pytest.fixture
def changes(root):
    before = take_file_snapshot(root)
    return lambda: [str(change) for change in take_file_snapshot(root).changes_since(before)]


def test_every_kind_of_change_is_seen(root, changes):
    (root / "a.py").write_text("# other\n")
    (root / "b.sh").chmod(0o755)
    (root / "src" / "c.py").rename(root / "src" / "d.py")
    (root / "new.txt").touch()
    (root / "ignored.log").touch()

    assert changes() == ["changed a.py", "mode b.sh", "added new.txt", "deleted src/c.py", "added src/d.py"]


def test_a_commit_changes_nothing(root, changes):
    git(root, "commit", "-q", "--allow-empty", "-m", "two")

    assert changes() == []


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_a_file_that_git_was_made_to_overlook_is_seen(root, changes, flag):
    git(root, "update-index", flag, "a.py")
    (root / "a.py").write_text("# other\n")

    assert changes() == ["changed a.py"]


def test_a_filter_of_git_s_hides_nothing(root, changes):
    (root / "original").write_text("# a.py\n")
    git(root, "config", "filter.hide.clean", f"cat {root}/original")
    (root / ".git" / "info" / "attributes").write_text("a.py filter=hide\n")
    (root / "a.py").write_text("# other\n")

    assert changes() == ["changed a.py", "added original"]


def test_times_and_sizes_are_not_believed(root, changes):
    status = (root / "a.py").stat()
    git(root, "config", "core.trustctime", "false")
    git(root, "config", "core.checkStat", "minimal")
    (root / "a.py").write_text("# b.py\n")
    os.utime(root / "a.py", ns=(status.st_atime_ns, status.st_mtime_ns))

    assert changes() == ["changed a.py"]


def test_ignoring_more_is_a_change(root, changes):
    (root / ".git" / "info" / "exclude").write_text("conftest.py\n")
    (root / "conftest.py").touch()

    assert changes() == ["changed .git/info/exclude"]


def test_a_repository_within_is_read_too(root, changes):
    (root / "inner").mkdir()
    git(root / "inner", "init", "-q")
    (root / "inner" / "x.py").touch()

    assert changes() == ["added inner/x.py"]


def test_a_link_in_place_of_a_file_is_a_change(root, changes):
    (root / "a.py").unlink()
    (root / "a.py").symlink_to("b.sh")
    os.mkfifo(root / "pipe")  # to read it would never end

    assert "changed a.py" in changes()


def test_without_a_repository_all_files_are_read(tmp_path):
    (tmp_path / ".zk0").mkdir()
    (tmp_path / ".zk0" / "lock").touch()
    (tmp_path / "a.py").touch()

    assert list(take_file_snapshot(tmp_path, without=(".zk0",)).files) == ["a.py"]


def test_a_file_that_differs_by_case_alone_is_seen(root, changes):
    git(root, "config", "core.ignoreCase", "true")
    (root / "A.py").touch()

    assert changes() == ["added A.py"]


def test_a_worktree_is_read(root, tmp_path_factory):
    place = tmp_path_factory.mktemp("trees") / "other"
    git(root, "worktree", "add", "-q", str(place))
    (place / "new.py").touch()

    assert {"a.py", "new.py"} <= take_file_snapshot(place).files.keys()
