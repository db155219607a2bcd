import pytest

from zk0.core.errors import AssetMissingError, RequestError


def test_the_version_before_is_unpacked_and_imported(small):
    small.write({"small/__init__.py": "x = 1\n"}).commit()
    small.write({"small/__init__.py": "broken = = 1\n"}).commit()

    [finding] = small.ask("recovery.rollback")

    assert finding.verdict == "pass"
    assert finding.message.startswith("HEAD~1 (")
    assert not small.git("status", "--porcelain")


def test_a_version_that_does_not_run_is_no_way_back(small):
    small.write({"small/__init__.py": "import no_such_module_here\n"}).commit(tag="v1").commit()
    [finding] = small.ask("recovery.rollback")
    assert (finding.verdict, "no_such_module_here" in finding.message) == ("fail", True)

    small.write({"small/__init__.py": "broken = = 1\n"}).commit(tag="v2")
    with pytest.raises(RequestError, match="is not Python"):
        small.ask("recovery.rollback")


def test_a_backup_comes_back_equal(small):
    small.write({"memory-bank/context.md": "# Context\n"}).commit(tag="v1")

    told = [finding.message for finding in small.ask("recovery.backup")]

    assert told == ["history: 2 references came back equal", "records: 1 files of memory and receipts came back equal"]


def test_a_repository_without_a_commit_can_t_be_backed_up(small):
    with pytest.raises(AssetMissingError, match="git refuses"):
        small.ask("recovery.backup")
