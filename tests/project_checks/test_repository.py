import subprocess

import pytest

from zk0.core.errors import AssetMissingError
from zk0.core.project import Project
from zk0.project_checks.repository import is_elsewhere


def test_a_change_outside_the_project_is_named(small):
    small.write({"part/train.py": "mu = 1\n", "other.txt": "a\n"}).commit()
    inner = Project(small.root / "part")
    small.write({"other.txt": "b\n"})

    from zk0.core.checks import CHECKS, CheckContext

    [finding] = CHECKS.get("repository.inside-project").run(CheckContext(inner), {})

    assert (finding.verdict, finding.at) == ("warn", "other.txt")
    small.git("checkout", "other.txt")
    assert [str(one.verdict) for one in CHECKS.get("repository.inside-project").run(CheckContext(inner), {})] == [
        "pass"
    ]


def test_what_is_not_committed_is_doubtful(small):
    small.commit()
    assert small.verdicts("repository.committed") == {"pass"}

    small.write({"a.py": "b = 1\n"})
    assert [(str(one.verdict), one.at) for one in small.ask("repository.committed")] == [("warn", "a.py")]


def test_the_marks_of_a_conflict_are_found_with_their_lines(small):
    small.write({"a.py": "b = 1\n"}).commit()
    assert small.verdicts("repository.conflicts") == {"pass"}

    small.write({"a.py": "b = 1\n<<<<<<< HEAD\nb = 2\n"})
    [finding] = small.ask("repository.conflicts")

    assert (finding.verdict, finding.at) == ("fail", "a.py:2")


def test_a_merge_that_was_not_finished_is_found(small):
    small.write({"a.py": "b = 1\n"}).commit()
    small.git("checkout", "-q", "-b", "other")
    small.write({"a.py": "b = 2\n"}).commit()
    small.git("checkout", "-q", "main")
    small.write({"a.py": "b = 3\n"}).commit()
    with pytest.raises(subprocess.CalledProcessError):
        small.git("merge", "other")

    assert "is not merged" in {finding.message for finding in small.ask("repository.conflicts")}


def test_a_large_file_is_named_with_its_size(small):
    small.write({"weights.bin": "x" * 2048}).commit()

    [finding] = small.ask("repository.large-files", mib=0.001)

    assert (finding.verdict, finding.at) == ("fail", "weights.bin")
    assert small.verdicts("repository.large-files") == {"pass"}


def test_work_without_a_remote_has_no_copy_and_one_on_this_machine_is_none(small, tmp_path):
    small.commit()
    assert small.verdicts("repository.copy") == {"fail"}

    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "origin.git")], check=True)
    small.git("remote", "add", "origin", str(tmp_path / "origin.git"))
    small.git("push", "-q", "origin", "main")
    assert small.verdicts("repository.copy") == {"fail"}


def test_a_remote_elsewhere_is_asked_for_the_last_commit(small, monkeypatch):
    heads: list[tuple[str, str]] | None = None
    monkeypatch.setattr("zk0.project_checks.repository.list_remote", lambda _project, _name: heads)
    small.commit().git("remote", "add", "origin", "git@git.example.org:small.git")
    assert small.verdicts("repository.copy") == {"not-available"}

    heads = [(small.git("rev-parse", "HEAD").strip(), "main")]
    assert small.verdicts("repository.copy") == {"pass"}
    small.commit()
    assert small.verdicts("repository.copy") == {"warn"}


@pytest.mark.parametrize(
    ("url", "elsewhere"),
    [
        ("https://git.example.org/a.git", True),
        ("git@git.example.org:a/b.git", True),
        ("ssh://git@git.example.org:22/a", True),
        (".", False),
        ("../copy", False),
        ("/mnt/copy.git", False),
        ("file:///mnt/copy.git", False),
        ("ssh://git@localhost/a", False),
        ("git@127.0.0.1:a", False),
    ],
)
def test_a_url_names_another_machine_or_does_not(url, elsewhere):
    assert is_elsewhere(url) is elsewhere


def test_outside_a_repository_nothing_can_be_told(tmp_path):
    from zk0.project_checks.repository import committed

    with pytest.raises(AssetMissingError, match="git refuses"):
        list(committed(Project(tmp_path)))
