"""What may leave the daily reading, and that nothing comes back into force by it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from zk0.core.project import Project
from zk0.core.receipts import Receipt
from zk0.memory.bank import Bank
from zk0.memory.entries import Entry, Kind
from zk0.memory.evidence import copy_receipt
from zk0.memory.pruning import archive, proposals

type MakeEntry = Callable[..., Entry]
type MakeReceipt = Callable[..., Receipt]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def chain(bank: Bank, make_entry: MakeEntry, *days: int) -> list[Entry]:
    """Add entries of these days, each superseding the one before."""
    entries: list[Entry] = []
    for day in days:
        supersedes = (entries[-1].id,) if entries else ()
        [entry] = bank.add(lambda _, d=day, s=supersedes: [make_entry(f"mu {d}", after=d * DAY, supersedes=s)])  # type: ignore[misc]
        entries.append(entry)
    return entries


def test_what_was_superseded_long_ago_may_go_and_says_why(bank: Bank, make_entry: MakeEntry) -> None:
    first, second, third = chain(bank, make_entry, 0, 1, 25)

    found = proposals(bank.read(), NOON + 30 * DAY)

    assert [(one.entry.id, one.reason) for one in found] == [(first.id, f"superseded by {second.id}")]
    assert [one.entry for one in proposals(bank.read(), NOON + 60 * DAY)] == [first, second]
    assert third in bank.read().in_force


def test_a_settled_matter_goes_with_what_settled_it(bank: Bank, make_entry: MakeEntry) -> None:
    [fault] = bank.add(lambda _: [make_entry("it rises", Kind.fault)])
    [closing] = bank.add(
        lambda _: [make_entry("it falls", Kind.fault, status="closed", supersedes=(fault.id,), after=DAY)]
    )

    assert {one.entry.id for one in proposals(bank.read(), NOON + 30 * DAY)} == {fault.id, closing.id}
    assert not proposals(bank.read(), NOON + 10 * DAY)


def test_what_holds_no_longer_may_go_but_not_before_what_it_superseded(bank: Bank, make_entry: MakeEntry) -> None:
    [old] = bank.add(lambda _: [make_entry("mu is 0.01")])
    [new] = bank.add(
        lambda _: [make_entry("mu is 0.1", supersedes=(old.id,), after=20 * DAY, stale_after=NOON + 1 * DAY)]
    )

    assert not proposals(bank.read(), NOON + 30 * DAY)
    assert [one.entry for one in proposals(bank.read(), NOON + 40 * DAY)] == [old, new]


def test_archiving_moves_an_entry_with_all_it_superseded_and_the_receipts_only_it_cites(
    project: Project, bank: Bank, make_entry: MakeEntry, make_receipt: MakeReceipt
) -> None:
    receipts = [make_receipt(run=f"run-{number}") for number in range(2)]
    for receipt in receipts:
        copy_receipt(project, receipt.digest, receipt.model_dump_json())
    first, second = chain(bank, make_entry, 0, 1)
    cites = [
        make_entry(f"cites {number}", sources=[{"receipt": receipt.digest}], after=2 * DAY)
        for number, receipt in enumerate(receipts)
    ]
    gone, stays = bank.add(lambda _: cites)

    moved = archive(project, [second.id, gone.id])

    assert {path.name for path in moved} == {
        *(f"{entry.id}.md" for entry in (first, second, gone)),
        f"{receipts[0].digest}.json",
    }
    assert bank.read().entries == (stays,)
    assert {entry.id for entry in bank.read_archive().entries} == {first.id, second.id, gone.id}
    assert (project.memory_dir / "evidence" / f"{receipts[1].digest}.json").is_file()
