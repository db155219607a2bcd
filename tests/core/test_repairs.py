"""Repairs on a branch of a real repository."""

import git
import pytest

from zk0.core.errors import RepairError
from zk0.core.project import Project
from zk0.core.repairs import begin, commit, undo


@pytest.fixture
def repository(tmp_path):
    with git.Repo.init(tmp_path, initial_branch="main") as repository:
        with repository.config_writer() as config:
            config.set_value("user", "name", "Tester").set_value("user", "email", "tester@example.org")
        (tmp_path / "train.py").write_text("loss = 1\n")
        (tmp_path / "old.py").write_text("old = 1\n")
        (tmp_path / "memory-bank").mkdir()
        (tmp_path / "memory-bank" / "context.md").write_text("before\n")
        repository.git.add("--all")
        repository.git.commit("--message", "Begin")
        yield repository


@pytest.fixture
def project(repository, tmp_path):
    return Project(tmp_path)


def change(root):
    (root / "train.py").write_bytes("loss = 2  # größer\n".encode("latin-1"))
    (root / "old.py").unlink()
    (root / "sub").mkdir()
    (root / "sub" / "new file.py").write_text("new = 1\n")
    (root / "memory-bank" / "context.md").write_text("learnt\n")


def test_a_repair_is_one_commit_on_a_branch_of_its_own_without_the_memory(repository, project):
    repair = begin(project, "run-1")
    change(project.root)

    found, files = commit(project, repair, "Mend the loss\n\nRun run-1.")

    assert repository.active_branch.name == "zk0/run-1"
    assert repository.head.commit.hexsha == found
    assert repository.head.commit.parents[0].hexsha == repair.base == repository.heads.main.commit.hexsha
    assert sorted(files) == ["old.py", "sub/new file.py", "train.py"]
    assert repository.git.status("--porcelain") == " M memory-bank/context.md"
    assert repository.head.commit.message == "Mend the loss\n\nRun run-1.\n"


def test_what_did_not_pass_is_a_patch_and_the_tree_is_as_it_was(repository, project, tmp_path_factory):
    patch = tmp_path_factory.mktemp("run") / "rejected.patch"
    repair = begin(project, "run-1")
    change(project.root)

    files = undo(project, repair, patch)

    assert sorted(files) == ["old.py", "sub/new file.py", "train.py"]
    assert repository.active_branch.name == "main"
    assert [head.name for head in repository.heads] == ["main"]
    assert repository.git.status("--porcelain") == " M memory-bank/context.md"
    assert (project.root / "memory-bank" / "context.md").read_text() == "learnt\n"
    repository.git.apply(str(patch))
    assert (project.root / "train.py").read_bytes() == "loss = 2  # größer\n".encode("latin-1")
    assert (project.root / "sub" / "new file.py").read_text() == "new = 1\n"
    assert not (project.root / "old.py").exists()


def test_what_an_agent_committed_is_undone_too_and_its_branch_stays(repository, project, tmp_path_factory):
    repair = begin(project, "run-1")
    (project.root / "train.py").write_text("loss = 3\n")
    repository.git.commit("--all", "--message", "By the agent")

    undo(project, repair, tmp_path_factory.mktemp("run") / "rejected.patch")

    assert repository.active_branch.name == "main"
    assert (project.root / "train.py").read_text() == "loss = 1\n"
    assert repository.heads["zk0/run-1"].commit.message == "By the agent\n"


def test_work_an_agent_committed_itself_counts_as_the_repair(repository, project):
    repair = begin(project, "run-1")
    (project.root / "train.py").write_text("loss = 3\n")
    repository.git.commit("--all", "--message", "By the agent")

    found, files = commit(project, repair, "Mend")

    assert (found, files) == (repository.head.commit.hexsha, ["train.py"])


def test_a_repair_from_a_detached_commit_goes_back_to_it(repository, project, tmp_path_factory):
    repository.git.switch("--detach", "main")
    repair = begin(project, "run-1")

    undo(project, repair, tmp_path_factory.mktemp("run") / "empty.patch")

    assert repository.head.is_detached
    assert repository.head.commit.hexsha == repair.base


def test_a_dirty_tree_is_refused_and_stays(repository, project):
    (project.root / "train.py").write_text("loss = 2\n")

    with pytest.raises(RepairError, match=r"1 files have uncommitted changes: train\.py"):
        begin(project, "run-1")

    assert repository.active_branch.name == "main"
    assert (project.root / "train.py").read_text() == "loss = 2\n"


def test_a_memory_that_changed_is_no_dirty_tree(repository, project):
    (project.root / "memory-bank" / "context.md").write_text("learnt\n")

    assert begin(project, "run-1").origin == "main"


def test_a_branch_that_exists_is_not_taken_over(repository, project):
    repository.create_head("zk0/run-1")

    with pytest.raises(RepairError, match="branch zk0/run-1 already exists"):
        begin(project, "run-1")


def test_a_commit_with_nothing_in_it_is_refused(repository, project):
    repair = begin(project, "run-1")

    with pytest.raises(RepairError, match="nothing was changed"):
        commit(project, repair, "Mend")


def test_another_branch_is_neither_committed_to_nor_undone(repository, project, tmp_path_factory):
    repair = begin(project, "run-1")
    repository.git.switch("main")
    change(project.root)

    for act in (
        lambda: commit(project, repair, "Mend"),
        lambda: undo(project, repair, tmp_path_factory.mktemp("run") / "rejected.patch"),
    ):
        with pytest.raises(RepairError, match=r"on branch zk0/run-1, but main is checked out"):
            act()
    assert (project.root / "sub" / "new file.py").exists()


def test_a_hook_that_refuses_is_told_and_nothing_is_lost(repository, project):
    hook = project.root / ".git" / "hooks" / "pre-commit"
    hook.write_text("#!/bin/sh\necho no tabs, please >&2\nexit 1\n")
    hook.chmod(0o755)
    repair = begin(project, "run-1")
    change(project.root)

    with pytest.raises(RepairError, match="no tabs, please"):
        commit(project, repair, "Mend")

    assert (project.root / "sub" / "new file.py").exists()


@pytest.mark.parametrize("prepare", [lambda _: None, git.Repo.init], ids=["no repository", "no commit"])
def test_there_has_to_be_a_way_back(tmp_path, prepare):
    prepare(tmp_path)

    with pytest.raises(RepairError):
        begin(Project(tmp_path), "run-1")
