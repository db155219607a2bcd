"""Two branches that each learn something merge clean in plain git: no driver, as on a hosting site."""

import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from zk0.core.project import Project
from zk0.memory.adding import EntryDraft, add_entry
from zk0.memory.bank import Bank
from zk0.memory.entries import Kind
from zk0.memory.recording import install, write_pages
from zk0.memory.verification import verify

type Git = Callable[..., str]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
AUTHOR = {f"GIT_{who}_{what}": "a@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
PLAIN = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}


@pytest.fixture
def run_git(project: Project) -> Git:
    """Give a function that runs git without anybody's configuration, and fails where git does."""

    def run(*arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=project.root,
            env={**os.environ, **AUTHOR, **PLAIN},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize("rendered", [True, False])
@pytest.mark.parametrize("rebase", [True, False])
def test_an_entry_on_each_of_two_branches_merges_clean(
    project: Project, run_git: Git, *, rendered: bool, rebase: bool
) -> None:
    list(install(project, NOON))
    run_git("add", "--all")
    run_git("commit", "-q", "-m", "The bank")
    for branch in ("left", "right"):
        run_git("checkout", "-q", "-B", branch, "main")
        at = NOON + timedelta(hours=len(branch))
        add_entry(project, EntryDraft(Kind.decision, f"go {branch}", "agent:a", sources=["file:train.py:1"]), at)
        if rendered:
            Bank.of(project).append_note(branch, f"Mind the {branch}.")
            write_pages(project, at)
        else:
            for page in ("context.md", "tasks.md"):
                (project.memory_dir / page).unlink()
        run_git("add", "--all")
        run_git("commit", "-q", "-m", f"Go {branch}")

    run_git("rebase", "-q", "left") if rebase else run_git("merge", "-q", "-m", "Merge", "left")
    write_pages(project, NOON)

    text = (project.memory_dir / "context.md").read_text()
    for words in ("go left", "go right", *(("Mind the left.", "Mind the right.") if rendered else ())):
        assert words in text
    assert run_git("status", "--porcelain") == ""
    assert "merge." not in run_git("config", "--list")
    assert not (project.root / ".gitattributes").exists()
    assert not verify(project, NOON).problems


def test_a_rendered_page_that_git_keeps_is_named_with_the_command_that_helps(project: Project, run_git: Git) -> None:
    write_pages(project, NOON)
    run_git("add", "--force", "memory-bank/context.md")

    [problem] = verify(project, NOON).problems

    assert "git rm --cached memory-bank/context.md" in problem.message
    assert any("git rm --cached memory-bank/context.md" in said for said in install(project, NOON))


def test_an_entry_that_git_ignores_is_named(project: Project) -> None:
    (project.root / ".gitignore").write_text(".zk0/\nmemory-bank/entries/\n")
    entry = add_entry(project, EntryDraft(Kind.fact, "x", "agent:a"), NOON)

    [problem] = verify(project, NOON).problems

    assert str(problem) == f"entries/{entry.id}.md:1: git ignores it, so no clone will have it"
