"""How large a bank is."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from zk0.core.project import Project
from zk0.memory.bank import Bank
from zk0.memory.entries import Entry, Kind
from zk0.memory.recording import write_pages
from zk0.memory.statistics import stats_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_entries_are_counted_by_kind_and_pages_measured(
    project: Project, bank: Bank, make_entry: Callable[..., Entry]
) -> None:
    [old] = bank.add(lambda _: [make_entry("mu is 0.01", Kind.decision)])
    bank.add(lambda _: [make_entry("mu is 0.1", Kind.decision, supersedes=(old.id,)), make_entry("a fact")])
    write_pages(project, NOON)

    counted = stats_of(project, NOON + timedelta(days=30))

    assert (counted["entries"], counted["archived"], counted["may_be_archived"]) == (3, 0, 1)
    assert counted["in_force"]["decision"] == counted["in_force"]["fact"] == 1
    assert counted["pages"]["context.md"] == (project.memory_dir / "context.md").stat().st_size
    assert counted["revision"] == bank.read().revision
