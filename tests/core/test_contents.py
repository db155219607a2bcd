"""The digest of a file or folder is that of all that a program can see of its content."""

import os

import pytest

from zk0.core.contents import content_digest


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "a.bin").write_text("1")
    (tmp_path / "data" / "deep" / "b").write_text("1")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "c").write_text("1")
    (tmp_path / "data" / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "data" / "gone").symlink_to("nowhere")
    (tmp_path / "data" / "deep" / "circle").symlink_to(tmp_path / "data")
    return tmp_path


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "data" / "a.bin").write_text("2"),
        lambda root: (root / "data" / "deep" / "b").write_text("2"),
        lambda root: (root / "data" / "deep" / "new").touch(),
        lambda root: (root / "data" / "empty").mkdir(),
        lambda root: (root / "data" / "a.bin").rename(root / "data" / "b.bin"),
        lambda root: (root / "data" / "a.bin").chmod(0o755),
        lambda root: (root / "outside" / "c").write_text("2"),
        lambda root: (root / "data" / "nowhere").touch(),
    ],
    ids=["content", "deep", "new", "empty folder", "name", "executable", "behind a link", "a link that leads again"],
)
def test_each_change_of_a_folder_changes_its_digest(folder, change):
    before = content_digest(folder / "data")

    change(folder)

    assert content_digest(folder / "data") != before


def test_another_content_of_the_same_size_and_time_is_seen(tmp_path):
    file = tmp_path / "a"
    file.write_text("1")
    os.utime(file, ns=(10**18, 10**18))
    before = content_digest(file)

    file.write_text("2")
    os.utime(file, ns=(10**18, 10**18))

    assert content_digest(file) != before


def test_a_pipe_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    assert content_digest(tmp_path)
