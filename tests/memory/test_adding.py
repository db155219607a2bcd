"""What a person or an agent adds: read, check_task, kept and rendered."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from zk0.core.errors import InputError, SecretError, SpecError, UnknownNameError
from zk0.core.project import Project
from zk0.core.receipts import Receipt, ReceiptStore
from zk0.memory.adding import EntryDraft, add_entry, cite, on_same_source
from zk0.memory.bank import Bank
from zk0.memory.entries import FactSource, Kind
from zk0.memory.evidence import EvidenceReader, lines_digest

type MakeReceipt = Callable[..., Receipt]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
BY = "agent:tester"


def test_an_entry_knows_its_commit_and_its_sources_and_stands_on_the_page(
    project: Project, make_receipt: MakeReceipt, save_receipt: Callable[..., None]
) -> None:
    receipt = make_receipt(outputs={"loss": 0.5})
    save_receipt(project, receipt)
    draft = EntryDraft(Kind.decision, "mu stays", BY, "Twice.", [f"loss=receipt:{receipt.digest}:outputs.loss"])

    entry = add_entry(project, draft, NOON)

    assert entry.commit == project.git_state().commit
    assert (entry.branch, entry.body, entry.sources[0].value) == ("main", "Twice.\n", 0.5)
    assert f"- mu stays (`{entry.id}`)" in (project.memory_dir / "context.md").read_text()
    assert (project.memory_dir / "evidence" / f"{receipt.digest}.json").is_file()


def test_superseding_replaces_and_closing_settles(project: Project) -> None:
    first = add_entry(project, EntryDraft(Kind.next, "try mu 0.1", BY), NOON)
    second = add_entry(
        project, EntryDraft(Kind.next, "try mu 1", BY, supersedes=[first.id[-8:]]), NOON + timedelta(hours=1)
    )
    assert Bank.of(project).read().in_force == [second]

    done = EntryDraft(Kind.next, "tried", BY, supersedes=[second.id], closes=True)
    add_entry(project, done, NOON + timedelta(hours=2))
    assert Bank.of(project).read().in_force == []


@pytest.mark.parametrize(
    ("draft", "error"),
    [
        (EntryDraft(Kind.fact, "two\nlines", BY), InputError),
        (EntryDraft(Kind.fact, "x", "somebody"), InputError),
        (EntryDraft(Kind.fact, "x", BY, closes=True), InputError),
        (EntryDraft(Kind.fact, "x", BY, sources=["0.5"]), InputError),
        (EntryDraft(Kind.fact, "x", BY, supersedes=["nope"]), UnknownNameError),
    ],
)
def test_what_is_not_sound_is_refused_and_nothing_is_written(
    draft: EntryDraft, error: type[Exception], project: Project
) -> None:
    first = add_entry(project, EntryDraft(Kind.fact, "first", BY), NOON)

    with pytest.raises(error):
        add_entry(project, draft, NOON)

    assert Bank.of(project).read().entries == (first,)


def test_an_entry_in_force_on_the_same_source_is_named(project: Project, bank: Bank) -> None:
    first = add_entry(
        project, EntryDraft(Kind.decision, "mu stays", BY, sources=["file:train.py:1", "commit:HEAD"]), NOON
    )
    add_entry(project, EntryDraft(Kind.fact, "elsewhere", BY, sources=["commit:HEAD"]), NOON)

    second = add_entry(project, EntryDraft(Kind.decision, "mu goes", BY, sources=["file:train.py:1"]), NOON)

    assert on_same_source(second, bank.read()) == [first]


@pytest.mark.parametrize("page", ["context.md", "tasks.md"])
def test_nothing_is_written_where_a_page_is_a_person_s(page: str, project: Project) -> None:
    project.memory_dir.mkdir()
    (project.memory_dir / page).write_text("# Mine\n")

    with pytest.raises(SpecError) as refused:
        add_entry(project, EntryDraft(Kind.fact, "x", BY), NOON)

    assert refused.value.remedy == "zk0 memory import"
    assert [path.name for path in project.memory_dir.iterdir()] == [page]
    assert (project.memory_dir / page).read_text() == "# Mine\n"


def test_a_receipt_with_a_secret_can_not_be_cited(project: Project, make_receipt: MakeReceipt) -> None:
    receipt = make_receipt(outputs={"said": f"hf_{'a1B2c3D4e5' * 4}", "loss": 1})
    ReceiptStore(project.runs_dir).save(receipt)

    with pytest.raises(SecretError):
        add_entry(project, EntryDraft(Kind.fact, "x", BY, sources=[f"receipt:{receipt.digest}:outputs.loss"]), NOON)

    assert not Bank.of(project).read().entries


type MakeReceipt = Callable[..., Receipt]


def test_the_value_of_a_receipt_is_read(project: Project, make_receipt: MakeReceipt) -> None:
    receipt = make_receipt(outputs={"results": [{"name": "loss", "value": 0.5}]})
    ReceiptStore(project.runs_dir).save(receipt)
    metric = "outputs.results.0.value"

    source = cite(f"last loss=receipt:{receipt.digest}:{metric}", EvidenceReader(project))

    assert source == FactSource(name="last loss", receipt=receipt.digest, metric=metric, value=0.5)
    assert cite(f"receipt:{receipt.digest}", EvidenceReader(project)) == FactSource(receipt=receipt.digest)


def test_a_setting_is_read_from_pyproject_or_from_the_file_that_is_named(project: Project) -> None:
    (project.root / "pyproject.toml").write_text("[tool.x]\nmu = 0.01\n")
    (project.root / "w.yaml").write_text("rounds: 3\n")
    evidence = EvidenceReader(project)

    assert cite("config:tool.x.mu", evidence) == FactSource(config="tool.x.mu", value=0.01)
    assert cite("config:w.yaml#rounds", evidence) == FactSource(config="rounds", file="w.yaml", value=3)


def test_lines_are_cited_with_their_hash(project: Project) -> None:
    evidence = EvidenceReader(project)
    (project.root / "a.py").write_text("one\ntwo\nthree\n")

    assert cite("file:a.py:2-3", evidence) == FactSource(
        file="a.py", lines=(2, 3), sha256=lines_digest(["two", "three"])
    )
    assert cite("file:a.py:2", evidence).lines == (2, 2)
    assert cite("file:train.py", evidence).sha256 == lines_digest(["mu = 0.01"])


def test_a_commit_is_named_in_full_and_a_link_as_it_is(project: Project) -> None:
    evidence = EvidenceReader(project)

    assert cite("commit:HEAD", evidence).commit == evidence.head
    assert cite("link:https://arxiv.org/abs/1812.06127", evidence).link == "https://arxiv.org/abs/1812.06127"


@pytest.mark.parametrize(
    "text",
    [
        "0.5",
        "rumour:somebody",
        "receipt:0000000000000000",
        "config:tool.none",
        "config:tool",
        "file:gone.py",
        "file:train.py:2",
        "file:train.py:3-1",
        "file:../outside.py",
        "commit:nope",
        "commit:--help",
    ],
)
def test_what_can_not_be_read_is_refused(text: str, project: Project) -> None:
    (project.root / "pyproject.toml").write_text("[tool.x]\nmu = 0.01\n")
    (project.root.parent / "outside.py").touch()

    with pytest.raises(InputError):
        cite(text, EvidenceReader(project))


def test_a_receipt_has_no_value_where_there_is_none(project: Project, make_receipt: MakeReceipt) -> None:
    receipt = make_receipt()
    ReceiptStore(project.runs_dir).save(receipt)

    with pytest.raises(InputError, match="has nothing at"):
        cite(f"receipt:{receipt.digest}:outputs.loss", EvidenceReader(project))
    with pytest.raises(InputError, match="not a single value"):
        cite(f"receipt:{receipt.digest}:outputs", EvidenceReader(project))
