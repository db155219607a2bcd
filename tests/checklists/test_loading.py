"""What a checklist file may say, and what is said of one that is wrong."""

from datetime import UTC, datetime, timedelta
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from zk0.checklists.items import CheckRef
from zk0.checklists.loading import checklist_names, lint, load_checklist, read_checklist
from zk0.checklists.signatures import Signature, save_signature
from zk0.core.checks import CHECKS
from zk0.core.errors import SpecError, UnknownNameError
from zk0.core.project import Project

PHASES = {"pre-implementation": 24, "implementation": 33, "post-implementation": 30}
REPOSITORY = Path(__file__).parents[2]

BOTH = "  - {id: b, section: S, sentence: T., manual: true, check: {check: data.units}}\n"
ITEM = "  - {id: a, section: S, sentence: It holds., manual: true}\n"


def write(directory: Path, text: str, name: str = "mine") -> Path:
    path = directory / "checklists" / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def head(name: str = "mine") -> str:
    return f"name: {name}\ntitle: Mine\nphase: training\n"


@pytest.fixture
def ours() -> Project:
    return Project(REPOSITORY)


@pytest.mark.parametrize(("phase", "count"), PHASES.items())
def test_every_item_of_a_phase_is_there(ours: Project, phase: str, count: int) -> None:
    assert len(list(load_checklist(ours, phase).items())) == count


def test_the_comprehensive_checklist_is_the_union_of_the_phases_and_copies_nothing(ours: Project) -> None:
    whole = load_checklist(ours, "comprehensive")

    assert [part.name for part in whole.parts] == list(PHASES)
    assert len(list(whole.items())) == 87
    assert "items" not in (REPOSITORY / "checklists" / "comprehensive.yaml").read_text()


def test_no_two_items_of_any_checklist_share_an_id(ours: Project) -> None:
    files = [load_checklist(ours, name) for name in checklist_names(ours) if name not in ("comprehensive", "general")]
    ids = [item.id for checklist in files for _, item in checklist.items()]

    assert len(ids) == len(set(ids))


def test_every_item_of_the_training_checklist_is_decided_by_a_check(ours: Project) -> None:
    items = [item for _, item in load_checklist(ours, "training").items()]

    assert all(item.check for item in items)
    assert {item.section for item in items} == {"Preparation", "Training", "Aggregation", "Result"}


@pytest.mark.skipif(not entry_points(group="zk0.checks"), reason="zk0 is not installed, so no check is registered")
def test_every_check_that_an_item_names_exists(ours: Project) -> None:
    checklists = [load_checklist(ours, name) for name in checklist_names(ours)]
    proofs = [proof for checklist in checklists for _, item in checklist.items() for proof in item.check or ()]
    named = {proof.check for proof in proofs if isinstance(proof, CheckRef)}

    assert named <= set(CHECKS.names())


def test_one_piece_of_evidence_needs_no_list(tmp_path: Path) -> None:
    item = "  - {id: a, section: S, sentence: It holds., check: {check: data.units, step: data}}\n"
    path = write(tmp_path, f"{head()}items:\n{item}")

    [read] = read_checklist(path).items or ()

    assert read.check == (CheckRef(check="data.units", step="data"),)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (f"{head()}items:\n  - {{id: a, section: S, sentense: T., manual: true}}\n", 5, "did you mean 'sentence'?"),
        (f"{head()}items:\n  - {{id: a, section: S, sentence: It holds.}}\n", 5, "either `check` or `manual: true`"),
        (f"{head()}items:\n{ITEM}{BOTH}", 6, "either `check` or `manual: true`"),
        (f"{head()}items:\n  - {{id: a, section: S, sentence: T., check: {{chek: data.units}}}}\n", 5, "mean 'check'?"),
        (f"{head()}items:\n  - {{id: a, section: S, sentence: T., check: {{check: units}}}}\n", 5, "pattern"),
        (f"{head()}items:\n  - {{id: Not Kebab, section: S, sentence: T., manual: true}}\n", 5, "pattern"),
        (f"{head()}items:\n  - {{id: a, section: S, sentence: T., manual: false}}\n", 5, "manual"),
        (f"{head()}items: []\n", 4, "at least 1 item"),
        (head(), 1, "either `items` or `union`"),
        (f"{head()}title: Twice\nitems:\n{ITEM}", 4, "duplicate"),
        (f"{head('other')}items:\n{ITEM}", 1, "it is named 'other' and its file 'mine'"),
        (f"{head()}items: [\n", 5, "not YAML"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    path = write(tmp_path, text)

    with pytest.raises(SpecError) as refused:
        read_checklist(path)

    assert f"{path}:{line}: " in refused.value.message
    assert said in refused.value.message
    assert refused.value.remedy


def test_all_problems_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, f"{head()}colour: red\nitems:\n{ITEM}  - {{id: b, section: S, manual: true}}\n")

    with pytest.raises(SpecError) as refused:
        read_checklist(path)

    assert refused.value.message.splitlines() == [
        f"{path}:4: unknown key 'colour'",
        f"{path}:7: 'sentence' is missing",
    ]


def test_an_id_may_not_come_twice_in_a_union(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    for name in ("one", "two"):
        write(tmp_path, f"{head(name)}items:\n{ITEM}", name)
    write(tmp_path, f"{head()}union: [one, two]\n")

    with pytest.raises(SpecError, match="these item ids twice: a"):
        load_checklist(Project(tmp_path), "mine")


def test_a_union_of_unions_is_refused(tmp_path: Path) -> None:
    write(tmp_path, f"{head()}union: [comprehensive]\n")

    with pytest.raises(SpecError, match="a union itself"):
        load_checklist(Project(tmp_path), "mine")


def test_an_unknown_checklist_is_answered_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError) as refused:
        load_checklist(Project(tmp_path), "trainning")

    assert refused.value.remedy == "did you mean training?"


def test_a_project_replaces_a_checklist_of_ours_by_its_own(tmp_path: Path) -> None:
    write(tmp_path, f"{head('training')}items:\n{ITEM}", "training")

    assert [item.id for _, item in load_checklist(Project(tmp_path), "training").items()] == ["a"]
    assert "comprehensive" in checklist_names(Project(tmp_path))


NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HEAD = "name: mine\ntitle: Mine\nphase: all\nitems:\n"
LINT_ITEM = "  - {{id: a{number}, section: S, sentence: It holds., not_looked_at: the rest, check: {proof}}}\n"


def write_items(project: Project, *proofs: str) -> None:
    folder = project.root / "checklists"
    folder.mkdir(exist_ok=True)
    items = "".join(LINT_ITEM.format(number=number, proof=proof) for number, proof in enumerate(proofs))
    (folder / "mine.yaml").write_text(HEAD + items)


def test_the_checklists_that_come_with_zk0_are_sound(project: Project) -> None:
    assert list(lint(project)) == []


def test_checks_that_can_decide_nothing_are_found(project: Project) -> None:
    write_items(
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
    write_items(project)
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

    assert list(lint(project)) == ["gone was signed and is not an item of a checklist"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("impl-coverage", "Tests cover enough."),
        ("mine", "The tests that zk0 ran cover at least 80 % of the lines of the whole library."),
    ],
)
def test_an_item_that_passes_for_one_of_zk0_asks_for_the_same_evidence(
    tmp_path: Path, name: str, sentence: str
) -> None:
    item = f"  - {{id: {name}, section: Tests, sentence: {sentence}, check: "
    (tmp_path / "checklists").mkdir()
    file = tmp_path / "checklists" / "mine.yaml"

    file.write_text(HEAD + item + "{project: test-coverage.lines, with: {percent: 0}}}\n")
    with pytest.raises(SpecError, match="passes for zk0's impl-coverage"):
        load_checklist(Project(tmp_path), "mine")
    file.write_text(HEAD + item + "[{project: test-coverage.lines, with: {percent: 80}}, {project: style.lint}]}\n")
    assert len(load_checklist(Project(tmp_path), "mine").parts) == 1


@pytest.mark.parametrize(("percent", "is_refused"), [(0, True), (79.9, True), (80, False), (95, False)])
def test_an_item_that_asks_for_less_than_its_sentence_says_is_refused(project: Project, percent: float, is_refused):
    folder = project.root / "checklists"
    folder.mkdir()
    check = f"{{project: test-coverage.lines, with: {{percent: {percent}}}}}"
    item = f"  - {{id: covered, section: S, sentence: At least 80 % of all lines are tested., check: {check}}}\n"
    (folder / "mine.yaml").write_text(HEAD + item)

    if is_refused:
        with pytest.raises(SpecError, match="covered says 80 %, and asks"):
            load_checklist(project, "mine")
    else:
        assert load_checklist(project, "mine").name == "mine"
