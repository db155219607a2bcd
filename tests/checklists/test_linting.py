"""What `zk0 checklist lint` finds."""

from datetime import UTC, datetime, timedelta

from zk0.checklists.linting import lint
from zk0.checklists.signatures import Signature, save_signature
from zk0.core.project import Project

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HEAD = "name: mine\ntitle: Mine\nphase: all\nitems:\n"
ITEM = "  - {{id: a{number}, section: S, sentence: It holds., check: {proof}}}\n"


def write(project: Project, *proofs: str) -> None:
    folder = project.root / "checklists"
    folder.mkdir(exist_ok=True)
    items = "".join(ITEM.format(number=number, proof=proof) for number, proof in enumerate(proofs))
    (folder / "mine.yaml").write_text(HEAD + items)


def test_the_checklists_that_come_with_zk0_are_sound(project: Project) -> None:
    assert list(lint(project)) == []


def test_checks_that_can_decide_nothing_are_found(project: Project) -> None:
    write(
        project,
        "{project: style.lnt}",
        "{project: data.episodes}",
        "{check: style.lint}",
        "{project: machine.disk, with: {gib: much}}",
        "{project: style.lint}",
        "{verdict_of: data}",
    )

    assert list(lint(project)) == [
        "mine: a0: unknown check: style.lnt; did you mean style.lint, style.rules, style.format?",
        "mine: a1: data.episodes judges what a step puts out: write `check: data.episodes`",
        "mine: a3: machine.disk: gib: Input should be a valid number, unable to parse string as a number",
    ]


def test_a_tick_that_is_typed_is_found_in_templates_and_pages(project: Project) -> None:
    templates = project.root / "checklists" / "templates"
    templates.mkdir(parents=True)
    (templates / "mine.md.j2").write_text("# Mine\n- [x] done\n")
    (project.root / "checklists" / "notes.md").write_text("- [ ] open\n- ✅ done\n")

    assert [problem.partition(": it has")[0] for problem in lint(project)] == [
        "checklists/templates/mine.md.j2:2",
        "checklists/notes.md:2",
    ]


def test_a_checklist_without_items_or_with_a_broken_file_is_found(project: Project) -> None:
    write(project)
    (project.root / "checklists" / "mine.yaml").write_text(HEAD + "  []\n")

    [problem] = lint(project)

    assert "checklists/mine.yaml:5: items: Tuple should have at least 1 item" in problem


def test_a_signature_of_no_item_is_found(project: Project) -> None:
    save_signature(
        project,
        Signature(
            item="gone",
            sentence="S.",
            decision="signed",
            note="n",
            by="ada",
            how="terminal",
            at=NOON,
            expires=NOON + timedelta(days=1),
        ),
    )

    assert list(lint(project)) == ["gone was signed and is no item of a checklist"]
