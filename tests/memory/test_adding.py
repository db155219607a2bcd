"""What a person or an agent adds: read, checked, kept and rendered."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from zk0.core.errors import InputError, StaleReadError, UnknownNameError
from zk0.core.project import Project
from zk0.core.receipts import Receipt, ReceiptStore
from zk0.memory.adding import Draft, added, confirmed
from zk0.memory.bank import Bank
from zk0.memory.entries import Kind

type MakeReceipt = Callable[..., Receipt]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
BY = "agent:tester"


def test_an_entry_knows_its_commit_and_its_sources_and_stands_on_the_page(
    project: Project, make_receipt: MakeReceipt
) -> None:
    receipt = make_receipt(outputs={"loss": 0.5})
    ReceiptStore(project.runs_dir).save(receipt)
    draft = Draft(Kind.decision, "mu stays", BY, "Twice.", [f"loss=receipt:{receipt.digest}:outputs.loss"])

    entry = added(project, draft, NOON)

    assert entry.commit == project.git_state().commit
    assert (entry.branch, entry.body, entry.sources[0].value) == ("main", "Twice.\n", 0.5)
    assert f"- mu stays (`{entry.id}`)" in (project.memory_dir / "context.md").read_text()
    assert (project.memory_dir / "evidence" / f"{receipt.digest}.json").is_file()


def test_superseding_replaces_and_closing_settles(project: Project) -> None:
    first = added(project, Draft(Kind.next, "try mu 0.1", BY), NOON)
    second = added(project, Draft(Kind.next, "try mu 1", BY, supersedes=[first.id[-8:]]), NOON + timedelta(hours=1))
    assert Bank.of(project).read().in_force == [second]

    done = Draft(Kind.next, "tried", BY, supersedes=[second.id], closes=True)
    added(project, done, NOON + timedelta(hours=2))
    assert Bank.of(project).read().in_force == []


@pytest.mark.parametrize(
    ("draft", "error"),
    [
        (Draft(Kind.fact, "two\nlines", BY), InputError),
        (Draft(Kind.fact, "x", "somebody"), InputError),
        (Draft(Kind.fact, "x", BY, closes=True), InputError),
        (Draft(Kind.fact, "x", BY, sources=["0.5"]), InputError),
        (Draft(Kind.fact, "x", BY, supersedes=["nope"]), UnknownNameError),
        (Draft(Kind.fact, "x", BY, based_on="00000000-0"), StaleReadError),
    ],
)
def test_what_is_not_sound_is_refused_and_nothing_is_written(
    draft: Draft, error: type[Exception], project: Project
) -> None:
    first = added(project, Draft(Kind.fact, "first", BY), NOON)

    with pytest.raises(error):
        added(project, draft, NOON)

    assert Bank.of(project).read().entries == (first,)


def test_who_checked_an_entry_is_kept_with_it(project: Project) -> None:
    first = added(project, Draft(Kind.fact, "mu is small", BY, sources=["file:train.py"]), NOON)

    second = confirmed(project, first.id, "person:ada", NOON + timedelta(hours=1))
    third = confirmed(project, second.id, "person:bob", NOON + timedelta(hours=2))

    assert Bank.of(project).read().in_force == [third]
    assert [mark.by for mark in third.verified] == ["person:ada", "person:bob"]
    assert (third.generated, third.sources) == (first.generated, first.sources)
    with pytest.raises(StaleReadError, match="was superseded meanwhile"):
        confirmed(project, first.id, "person:eve", NOON + timedelta(hours=3))
