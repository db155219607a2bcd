"""A page is overwritten only as zk0 wrote it, and what people wrote into older pages stays."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from zk0.core.errors import SpecError
from zk0.core.project import Project
from zk0.memory.bank import Bank
from zk0.memory.page_seal import body_of, is_changed, is_own, kept_paragraphs, require_own, seal
from zk0.memory.recording import install, write_pages

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
OLDER = (
    "<!-- Rendered by zk0 from entries/. The text between keep markers is yours; all else is overwritten. -->\n"
    "# Context\n\n<!-- keep:focus -->\nMind the\ncamera.\n<!-- /keep -->\n\n"
    "- an old line\n<!-- keep:mine -->x<!-- /keep -->\n"
)


def test_a_page_is_our_own_as_it_was_written_and_no_longer_when_a_word_changes() -> None:
    page = seal("# Context\n\nmu is 0.01\n")

    assert is_own(page)
    assert body_of(page) == "# Context\n\nmu is 0.01\n"
    assert not is_own(page.replace("0.01", "0.1"))
    assert is_changed(page.replace("0.01", "0.1"))
    assert not is_own(page.replace("\n\n", "\n"))
    assert not is_own("# Context\n")
    assert not is_changed("# Context\n")
    assert is_own(" \n")


@pytest.mark.parametrize(
    "page",
    ["# Mine\n", seal("a\n") + "b\n", seal("a\n").partition("\n")[2], OLDER.replace("<!-- /keep -->", "", 1), "<" * 9],
)
def test_another_page_is_refused_with_how_to_import_it(page: str, tmp_path: Path) -> None:
    path = tmp_path / "context.md"
    path.write_text(page)

    with pytest.raises(SpecError) as refused:
        require_own(path)

    assert refused.value.remedy == "zk0 memory import"


def test_paragraphs_of_an_older_page_become_notes_and_its_text_is_kept(project: Project) -> None:
    project.memory_dir.mkdir()
    (project.memory_dir / "context.md").write_text(OLDER)

    write_pages(project, NOON)
    write_pages(project, NOON)

    assert Bank.of(project).notes() == {"focus": "Mind the\ncamera.", "mine": "x"}
    page = (project.memory_dir / "context.md").read_text()
    assert page.count("> Mind the\n> camera.") == 1
    assert "## Note: mine\n\n> x\n" in page
    [kept] = (project.state_dir / "replaced").iterdir()
    assert kept.read_text() == OLDER


def test_a_note_that_there_is_grows_and_loses_nothing(project: Project) -> None:
    bank = Bank.of(project)
    for text in ("one", "two", "one"):
        bank.append_note("focus", text)

    assert (bank.notes_dir / "focus.md").read_text() == "one\n\ntwo\n"


def test_two_paragraphs_of_one_name_are_joined() -> None:
    page = "".join(f"<!-- keep:notes -->{words}<!-- /keep -->\n" for words in ("one", "two", "one", " "))

    assert kept_paragraphs(page) == {"notes": "one\n\ntwo"}


def test_setting_up_twice_does_nothing_the_second_time(project: Project) -> None:
    first = list(install(project, NOON))
    before = {path: path.read_bytes() for path in project.memory_dir.rglob("*") if path.is_file()}

    assert list(install(project, NOON)) == first[1:]
    assert {path: path.read_bytes() for path in project.memory_dir.rglob("*") if path.is_file()} == before
    assert (project.memory_dir / ".gitignore").read_text() == "/context.md\n/tasks.md\n"


def test_lines_in_the_bank_s_gitignore_stay(project: Project) -> None:
    project.memory_dir.mkdir()
    (project.memory_dir / ".gitignore").write_text("*.tmp")

    write_pages(project, NOON)

    assert (project.memory_dir / ".gitignore").read_text() == "*.tmp\n/context.md\n/tasks.md\n"
