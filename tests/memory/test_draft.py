"""The draft of a session: what changed, named in the next session's brief, and gone when nothing is left."""

import subprocess
from datetime import UTC, datetime

from zk0.core.project import Project
from zk0.memory.draft import write_draft
from zk0.memory.prime import prime

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def git(root, *arguments):
    subprocess.run(["git", "-C", root, "-c", "user.name=a", "-c", "user.email=a@b", *arguments], check=True)


def test_a_draft_names_what_changed_until_nothing_is_left(tmp_path):
    project = Project(tmp_path)
    git(tmp_path, "init", "-q")
    assert write_draft(project, NOW) is None
    (tmp_path / "train.py").write_text("x\n")

    path = write_draft(project, NOW)

    assert path is not None
    assert "`?? train.py`" in path.read_text()
    assert ".zk0/draft.md" in prime(project, NOW).text

    (tmp_path / "train.py").unlink()
    assert write_draft(project, NOW) is None
    assert "draft.md" not in prime(project, NOW).text
