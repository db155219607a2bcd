"""Banks that people and other tools wrote come in, and no line is lost."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from zk0.core.errors import InputError, SecretError
from zk0.core.project import Project
from zk0.memory.bank import Bank
from zk0.memory.entries import Kind
from zk0.memory.importing import import_files, parts_of
from zk0.memory.page_seal import is_sealed
from zk0.memory.recording import write_pages

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
BY = "person:ada"

CLINE = {
    "projectbrief.md": "# Project Brief\n\n## Core Requirements\n- Two arms fold\n- The arms must never touch people\n",
    "productContext.md": "# Product Context\n\nWhy this project exists:\n\tTowels.\n",
    "systemPatterns.md": "# System Patterns\n```python\n# not a heading\nloss = policy(b)\n```\n| a | b |\n|---|---|\n",
    "techContext.md": "# Tech Context\n\n1. Python 3.12\n2. LeRobot\n",
    "activeContext.md": (
        "# Active Context\n\n## Current Work Focus\n- Folding with one arm\n\n## Recent Changes\n\n- Camera moved\n"
        "## Active Decisions and Considerations\n- **mu**: 0.01, see `pyproject.toml`\n  larger values diverge\n"
        '\n  - measured twice\n- Keep "quotes" and | pipes\n\nA sentence among decisions.\n'
        "## Next Steps\n1. numbered stays\n- [ ] Record 50 episodes\n- [x] Buy towels\n* Calibrate\n+ Publish\n"
    ),
    "progress.md": (
        "# Progress\n\n## What Works\n- Gripper\n\n## What's Left to Build\n- Second arm\n- Second arm\n\n"
        "## Known Issues\n- The camera drifts\n    - after 20 minutes\n"
    ),
}
KILO = {
    "brief.md": "A towel folder. Never run it unattended.\n",
    "product.md": "# Product\nTowels.\n",
    "context.md": "# Context\n\n## Current focus\n\nOne arm.\n\n## Next steps\n- Second arm\n---\nkind: no\n---\n",
    "architecture.md": "# Architecture\n\n- src/\n",
    "tech.md": "# Tech\n- Python\n",
    "tasks.md": (
        "# Tasks\n\nHow we do it.\n\n## Add a new robot\n**Last performed:** 2026-02-01\n**Files:**\n- `robots.py`\n\n"
        "### Steps\n1. Measure\n\n## Empty\n\n## Retrain\n- Run it\n"
    ),
}
PLAIN = {"notes.md": "no heading\r\n\r\n# Décisions\n- é | ü\n\n## Decision log\n- Use UTC\ttabs\n", "empty.md": "\n\n"}


def lines_of(project: Project) -> set[str]:
    """Return all lines that the bank has: of entries, of notes, and of pages that people write."""
    bank, found = Bank.of(project), set[str]()
    texts = [path.read_text() for path in (*bank.directory.glob("*.md"), *bank.notes_dir.glob("*.md"))]
    texts += [f"{entry.title}\n{entry.body}" for entry in bank.read().entries]
    for text in texts:
        found |= {line.strip() for line in text.splitlines()}
    return found


def lost(texts: dict[str, str], project: Project) -> list[str]:
    """Return the lines that are neither as they were nor, as a member of a list, the title of an entry."""
    known = lines_of(project)
    lines = [line.strip() for text in texts.values() for line in text.splitlines() if line.strip()]
    shortened = {line: line[2:].removeprefix("[ ] ").strip() for line in lines if line[:2] in ("- ", "* ", "+ ")}
    return [line for line in lines if line not in known and shortened.get(line) not in known]


def write(folder: Path, texts: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_bytes(text.encode())


@pytest.mark.parametrize("texts", [CLINE, KILO, PLAIN], ids=["cline", "kilo", "plain"])
@pytest.mark.parametrize("place", ["memory-bank", ".kilocode/rules/memory-bank"])
def test_no_line_of_a_bank_is_lost(texts: dict[str, str], place: str, project: Project) -> None:
    write(project.root / place, texts)

    import_files(project, [] if place == "memory-bank" else [project.root / place], by=BY, now=NOON)

    assert lost(texts, project) == []
    assert all(is_sealed((project.memory_dir / page).read_text()) for page in ("context.md", "tasks.md"))
    if place != "memory-bank":
        assert all((project.root / place / name).read_bytes() == text.encode() for name, text in texts.items())


def test_what_was_removed_from_the_bank_can_be_recovered_word_for_word(project: Project) -> None:
    write(project.memory_dir, CLINE)

    import_files(project, [], by=BY, now=NOON)

    kept = {path.read_bytes().decode() for path in (project.state_dir / "replaced").iterdir()}
    assert kept == set(CLINE.values())


def test_importing_twice_adds_nothing(project: Project) -> None:
    write(project.root / "cline", CLINE)
    import_files(project, [project.root / "cline"], by=BY, now=NOON)
    before = {path: path.read_bytes() for path in project.memory_dir.rglob("*.md")}

    import_files(project, [project.root / "cline"], by=BY, now=NOON + timedelta(days=1))

    assert {path: path.read_bytes() for path in project.memory_dir.rglob("*.md")} == before


def test_members_of_known_sections_become_entries_without_evidence(project: Project) -> None:
    write(project.memory_dir, CLINE)

    import_files(project, [], by=BY, now=NOON)

    found = {(entry.kind, entry.title) for entry in Bank.of(project).read().entries}
    assert found == {
        (Kind.focus, "Folding with one arm"),
        (Kind.decision, "**mu**: 0.01, see `pyproject.toml`"),
        (Kind.decision, 'Keep "quotes" and | pipes'),
        (Kind.next, "Record 50 episodes"),
        (Kind.next, "Calibrate"),
        (Kind.next, "Publish"),
        (Kind.next, "Second arm"),
        (Kind.fault, "The camera drifts"),
    }
    page = (project.memory_dir / "context.md").read_text()
    assert "- **mu**: 0.01, see `pyproject.toml` (no evidence) (`" in page
    assert (project.memory_dir / "brief.md").read_text() == CLINE["projectbrief.md"]


def test_sections_of_a_page_of_tasks_become_procedures(project: Project) -> None:
    write(project.memory_dir, KILO)

    import_files(project, [], by=BY, now=NOON)

    procedures = {entry.title: entry.body for entry in Bank.of(project).read().counting(Kind.procedure)}
    assert set(procedures) == {"Add a new robot", "Retrain"}
    assert "- `robots.py`\n\n### Steps\n1. Measure" in procedures["Add a new robot"]


def test_of_a_rendered_page_only_what_a_person_added_is_imported(project: Project) -> None:
    Bank.of(project).append_note("focus", "The arm.")
    write_pages(project, NOON)
    page = project.memory_dir / "context.md"
    page.write_text(page.read_text().replace("## Decisions in force", "Mind the camera.\n\n## Decisions in force"))

    import_files(project, [], by=BY, now=NOON)

    assert Bank.of(project).notes() == {"context": "Mind the camera.", "focus": "The arm."}
    assert Bank.of(project).read().entries == ()
    assert "Mind the camera." in page.read_text()


def test_a_link_in_the_way_is_replaced_and_what_it_leads_to_stays(project: Project) -> None:
    write(project.root / "docs", {"context.md": "# Ours\n"})
    project.memory_dir.mkdir()
    (project.memory_dir / "context.md").symlink_to(project.root / "docs" / "context.md")

    import_files(project, [], by=BY, now=NOON)

    assert Bank.of(project).notes() == {"context": "# Ours"}
    assert not (project.memory_dir / "context.md").is_symlink()
    assert (project.root / "docs" / "context.md").read_text() == "# Ours\n"


def test_an_existing_page_of_the_project_is_not_replaced(project: Project) -> None:
    write(project.memory_dir, {"brief.md": "Ours.\n"})
    write(project.root / "cline", CLINE)

    import_files(project, [project.root / "cline"], by=BY, now=NOON)

    assert (project.memory_dir / "brief.md").read_text() == "Ours.\n"
    assert lost(CLINE, project) == []


def test_a_secret_is_refused_and_nothing_is_written(project: Project) -> None:
    write(project.memory_dir, CLINE | {"techContext.md": f"token hf_{'a1B2c3D4e5' * 4}\n"})

    with pytest.raises(SecretError, match=r"techContext\.md:1"):
        import_files(project, [], by=BY, now=NOON)

    assert {path.name for path in project.memory_dir.iterdir()} == set(CLINE)


def test_where_there_is_nothing_to_import_it_says_what_could_be(project: Project) -> None:
    write_pages(project, NOON)

    with pytest.raises(InputError, match="no page to import"):
        import_files(project, [], by=BY, now=NOON)
    with pytest.raises(InputError, match="no file"):
        import_files(project, [project.root / "gone.md"], by=BY, now=NOON)


@pytest.mark.parametrize("text", [*CLINE.values(), *KILO.values(), *PLAIN.values(), "", "# \n#no\n- a\n- b"])
def test_every_line_is_in_one_part(text: str) -> None:
    lines = [line for part in parts_of(text) for line in part.lines]

    assert sorted(lines) == sorted(text.splitlines())
