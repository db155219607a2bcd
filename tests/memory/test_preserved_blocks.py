"""Paragraphs people write into a rendered page stay there."""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from zk0.core.errors import SpecError
from zk0.core.project import Project
from zk0.memory.adding import EntryDraft, add_entry
from zk0.memory.bank import Bank
from zk0.memory.entries import Kind
from zk0.memory.preserved_blocks import (
    ConflictSides,
    PreservedBlocks,
    is_conflicted,
    merge_pages,
    read_preserved_blocks,
    resolve_conflict,
    split_conflict,
)
from zk0.memory.recording import install, outdated_pages, write_pages


def test_a_paragraph_is_found_by_its_name() -> None:
    text = "# Page\n<!-- keep:notes -->\nMind the\ncamera.\n<!-- /keep -->\n<!--keep:a-b--><!--/keep-->\n"

    assert read_preserved_blocks(text, "page.md") == {"notes": "Mind the\ncamera.", "a-b": ""}


def test_two_paragraphs_of_one_name_are_joined_and_equal_ones_said_once() -> None:
    text = "".join(f"<!-- keep:notes -->{words}<!-- /keep -->\n" for words in ("one", "two", "one"))

    assert read_preserved_blocks(text, "page.md") == {"notes": "one\n\ntwo"}


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("\n<!-- keep:notes -->\nopen", 2, "is not closed"),
        ("<!-- keep:notes -->\n<!-- keep:more -->\n<!-- /keep -->", 1, "is not closed"),
        ("\n\n<!-- /keep -->", 3, "is closed and was not opened"),
    ],
)
def test_a_paragraph_whose_end_would_be_a_guess_is_refused(text: str, line: int, said: str) -> None:
    with pytest.raises(SpecError) as refused:
        read_preserved_blocks(text, "page.md")

    assert refused.value.message.startswith(f"page.md:{line}: ")
    assert said in refused.value.message


def test_a_paragraph_without_a_place_comes_with_the_rest() -> None:
    keep = PreservedBlocks({"notes": "Mind the camera.", "old": "Still true."})

    assert keep("notes") == "<!-- keep:notes -->\nMind the camera.\n<!-- /keep -->"
    assert keep("new") == "<!-- keep:new --><!-- /keep -->"
    assert keep.rest() == "<!-- keep:old -->\nStill true.\n<!-- /keep -->"
    assert keep.rest() == ""


NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
AUTHOR = {f"GIT_{who}_{what}": "a@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}

type Git = Callable[..., subprocess.CompletedProcess[str]]


def page(notes: str = "", body: str = "body") -> str:
    return f"# Context\n\n{body}\n\n<!-- keep:notes -->{notes}<!-- /keep -->\n"


@pytest.fixture
def run_git(project: Project) -> Git:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **AUTHOR, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = ["git", "-C", str(project.root), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def branches(project: Project, run_git: Git) -> None:
    """Make two branches that each decide something and each write a note, from a page that both know."""
    write_pages(project, NOON)
    run_git("add", ".")
    run_git("commit", "-m", "The bank")
    for hour, branch in enumerate(("left", "right")):
        run_git("checkout", "-B", branch, "main")
        at = NOON + timedelta(hours=hour)
        add_entry(project, EntryDraft(Kind.decision, f"go {branch}", "person:ada", sources=["file:train.py"]), at)
        context = project.memory_dir / "context.md"
        text = context.read_text().replace("<!-- keep:notes -->", f"<!-- keep:notes -->\nMind the {branch}.\n")
        context.write_text(text)
        write_pages(project, at)
        run_git("add", ".")
        run_git("commit", "-m", f"Decide {branch}")


def assert_both_are_there(project: Project) -> None:
    text = (project.memory_dir / "context.md").read_text()
    for words in ("go left", "go right", "Mind the left.", "Mind the right."):
        assert words in text
    assert {entry.title for entry in Bank.of(project).read().in_force} == {"go left", "go right"}
    assert not is_conflicted(text)
    assert not outdated_pages(project, NOON)


@pytest.mark.usefixtures("branches")
def test_a_page_in_conflict_is_healed_by_rendering_it(project: Project, run_git: Git) -> None:
    merge = run_git("merge", "left")
    assert merge.returncode == 1
    assert "CONFLICT" in merge.stdout
    assert not run_git("diff", "--name-only", "--diff-filter=U", "--", "memory-bank/entries").stdout
    assert is_conflicted((project.memory_dir / "context.md").read_text())

    write_pages(project, NOON)

    assert_both_are_there(project)
    assert run_git("commit", "--all", "--message", "Merge").returncode == 0


@pytest.mark.usefixtures("branches")
def test_with_the_driver_there_is_no_conflict(project: Project, run_git: Git) -> None:
    done = list(install(project, NOON))
    run_git("add", ".gitattributes")
    run_git("commit", "-m", "The driver")

    merge = run_git("merge", "left", "-m", "Merge")

    assert "named the merge driver in .gitattributes" in done
    assert merge.returncode == 0, merge.stdout + merge.stderr
    write_pages(project, NOON)
    assert_both_are_there(project)


def test_installing_twice_does_nothing_the_second_time(project: Project, run_git: Git) -> None:
    first = list(install(project, NOON))
    second = list(install(project, NOON))

    assert len(first) == 4
    assert second == ["rendered context.md and tasks.md"]
    assert (project.root / ".gitattributes").read_text().count("merge=zk0-memory") == 2
    assert "memory merge-driver" in run_git("config", "merge.zk0-memory.driver").stdout


def test_installing_keeps_what_stands_in_gitattributes(project: Project) -> None:
    (project.root / ".gitattributes").write_text("*.png binary")

    list(install(project, NOON))

    assert (project.root / ".gitattributes").read_text().splitlines()[0] == "*.png binary"


@pytest.mark.parametrize(
    ("ours", "theirs", "base", "kept"),
    [
        ("a", "a", "a", "a"),
        ("a", "b", "a", "b"),
        ("a", "b", "b", "a"),
        ("a", "b", "c", "a\n\nb"),
        ("", "b", "b", ""),
        ("a", "", "a", ""),
        ("a", "", "c", "a"),
        ("a", "b", None, "a\n\nb"),
    ],
)
def test_of_what_people_wrote_nothing_is_lost_and_what_one_side_deleted_is_gone(
    ours: str, theirs: str, base: str | None, kept: str
) -> None:
    text = merge_pages(ConflictSides(page(ours), page(theirs), None if base is None else page(base)))

    assert text == page(f"\n{kept}\n" if kept else "")


def test_a_paragraph_that_only_they_have_comes_at_the_end() -> None:
    theirs = page() + "<!-- keep:mine -->Theirs.<!-- /keep -->\n"

    text = merge_pages(ConflictSides(page(), theirs, page()))

    assert text.endswith("<!-- keep:mine -->\nTheirs.\n<!-- /keep -->\n")


@pytest.mark.parametrize("base", ["", "||||||| merged\nbase\n"])
def test_the_sides_of_a_conflict_are_told_apart(base: str) -> None:
    text = f"before\n<<<<<<< HEAD\nours\n{base}=======\ntheirs\n>>>>>>> left\nafter\n"

    sides = split_conflict(text)

    assert (sides.ours, sides.theirs) == ("before\nours\nafter\n", "before\ntheirs\nafter\n")
    assert sides.base == ("before\nbase\nafter\n" if base else None)


def test_a_page_without_a_conflict_stays_as_it_is() -> None:
    text = page("=======\na heading\n=======")

    assert resolve_conflict(text) == text
