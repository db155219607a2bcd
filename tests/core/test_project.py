"""A project knows where it is, what it is set to, and what git says of it."""

import subprocess

import pytest

from zk0.core.errors import ConfigurationError, UnknownNameError
from zk0.core.git import GitState
from zk0.core.project import Project, package_versions


def git(root, *arguments):
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-C", str(root), *arguments]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path):
    git(tmp_path, "init", "--initial-branch", "main")
    (tmp_path / "a.txt").write_text("a")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    return tmp_path


def test_a_project_is_the_nearest_directory_that_looks_like_one(tmp_path):
    (tmp_path / "pyproject.toml").touch()
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)

    assert Project.find(inner).root == tmp_path.resolve()


def test_settings_have_defaults_and_come_from_pyproject(tmp_path):
    assert Project(tmp_path).runs_dir == tmp_path / ".zk0" / "runs"

    (tmp_path / "pyproject.toml").write_text('[tool.zk0]\nstate = "state"\nmemory = "bank"\n')

    assert Project(tmp_path).runs_dir == tmp_path / "state" / "runs"
    assert Project(tmp_path).memory_dir == tmp_path / "bank"


@pytest.mark.parametrize(
    ("text", "words"),
    [("[tool.zk0]\nstat = 1\n", "stat"), ("[tool.zk0\n", "pyproject.toml"), ("tool.zk0 = 3\n", "pyproject.toml")],
)
def test_wrong_settings_are_refused_with_their_place(tmp_path, text, words):
    (tmp_path / "pyproject.toml").write_text(text)

    with pytest.raises(ConfigurationError, match=words):
        _ = Project(tmp_path).settings


def test_what_another_program_keeps_in_tool_zk0_is_left_alone(tmp_path):
    text = (
        '[tool.zk0]\nlearning_rate = 0.1\nmemory = "bank"\n[tool.zk0.docker]\nimage = "x"\n[tool.zk0.fl]\nrounds = 3\n'
    )
    (tmp_path / "pyproject.toml").write_text(text)

    assert Project(tmp_path).memory_dir == tmp_path / "bank"
    assert Project(tmp_path).foreign_settings == ["learning_rate", "docker", "fl"]


def test_a_project_s_own_resource_stands_before_the_bundled_one(tmp_path):
    (tmp_path / "checklists").mkdir()
    (tmp_path / "checklists" / "x.yaml").touch()

    assert Project(tmp_path).resource("checklists", "x.yaml") == tmp_path / "checklists" / "x.yaml"
    with pytest.raises(UnknownNameError, match=r"no y\.yaml in checklists"):
        Project(tmp_path).resource("checklists", "y.yaml")


def test_outside_of_git_nothing_can_be_told(tmp_path):
    assert Project(tmp_path).git_state() == GitState()


def test_a_repository_without_a_commit_is_dirty(tmp_path):
    git(tmp_path, "init")

    assert Project(tmp_path).git_state() == GitState(dirty=True)


def test_a_clean_tree_has_a_commit_a_branch_and_no_changes(repository):
    state = Project(repository).git_state()

    assert len(state.commit) == 40
    assert (state.branch, state.dirty, state.changes) == ("main", False, None)


def test_each_change_of_the_tree_has_its_own_digest(repository):
    (repository / "a.txt").write_text("b")
    edited = Project(repository).git_state()
    (repository / "new.txt").touch()
    added = Project(repository).git_state()

    assert edited.dirty
    assert added.dirty
    assert edited.changes != added.changes
    assert edited == Project(repository).git_state().model_copy(update={"changes": edited.changes, "tree": edited.tree})


def test_a_detached_head_has_no_branch(repository):
    git(repository, "checkout", "--detach")

    assert Project(repository).git_state().branch is None


def test_a_repository_that_git_will_not_read_says_what_to_do(repository, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "diff.algorithm")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "no-such-algorithm")

    with pytest.raises(ConfigurationError, match="git can't read") as raised:
        Project(repository).git_state()

    assert "safe.directory" in raised.value.remedy


def test_versions_are_those_of_what_is_installed():
    assert package_versions()["numpy"]


def test_a_path_is_told_from_the_root_where_it_lies_below_it(tmp_path):
    project = Project(tmp_path)

    assert project.shown(tmp_path / "a" / "b.py") == "a/b.py"
    assert project.shown("/elsewhere/c.py") == "/elsewhere/c.py"
    assert project.shown("d.py") == "d.py"
