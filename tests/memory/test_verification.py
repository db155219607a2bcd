"""A whole bank verified: its entries in force, what contradicts, what is broken, what leads nowhere."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from zk0.core.project import Project
from zk0.memory.bank import Bank
from zk0.memory.entries import Entry, Kind, with_id
from zk0.memory.verification import contradictions, verify

type MakeEntry = Callable[..., Entry]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_only_what_is_in_force_is_judged(project: Project, bank: Bank, make_entry: MakeEntry) -> None:
    [old] = bank.add(lambda _: [make_entry("mu is 0.1", sources=[{"file": "gone.py"}])])
    newer = make_entry("mu is 0.01", sources=[{"file": "train.py"}], supersedes=(old.id,), after=timedelta(hours=1))
    bank.add(lambda _: [newer])

    report = verify(project, NOON)

    assert report.counts == {"fresh": 1, "unverifiable": 0, "stale": 0, "contradicted": 0}
    assert report.superseded == 1
    assert not report.is_in_doubt


def test_a_stale_entry_is_in_doubt_and_not_wrong(project: Project, bank: Bank, make_entry: MakeEntry) -> None:
    bank.add(lambda _: [make_entry("mu is 0.1", sources=[{"file": "gone.py"}])])

    report = verify(project, NOON)

    assert (report.is_wrong, report.is_in_doubt) == (False, True)
    assert report.as_json()["entries"][0]["reasons"] == ["gone.py is not there any more"]


def test_a_broken_entry_and_dead_references_of_pages_and_entries_are_named(
    project: Project, bank: Bank, make_entry: MakeEntry
) -> None:
    bank.add(lambda _: [make_entry("x", sources=[{"file": "train.py"}], body="See `src/task.py` and `zk0 nope`.")])
    (bank.entries_dir / "2026-01-01-00000000.md").write_text("no front matter")
    (bank.directory / "tech.md").write_text("# Tech\n\nSee [it](gone.md).\n")

    told = [str(problem) for problem in verify(project, NOON, commands=["run"]).problems]

    assert told[0] == "entries/2026-01-01-00000000.md:1: an entry begins with a line ---"
    assert told[1] == "tech.md:3: gone.md leads nowhere"
    assert [message.partition(": ")[2] for message in told[2:]] == [
        "names src/task.py, which is not there",
        "names an unknown command: zk0 nope",
    ]


def test_an_archived_entry_may_still_be_named(project: Project, bank: Bank, make_entry: MakeEntry) -> None:
    [entry] = bank.add(lambda _: [make_entry("x")])
    bank.archive(lambda _: [entry.id])
    (bank.directory / "tech.md").write_text(f"See `{entry.id}`.\n")

    assert not verify(project, NOON).problems


type MakeEntry = Callable[..., Entry]

HOUR = timedelta(hours=1)


def said(*entries: Entry) -> list[str]:
    return [str(found) for found in contradictions([with_id(entry) for entry in entries])]


def test_two_values_of_one_setting_contradict_each_other(make_entry: MakeEntry) -> None:
    one = make_entry("mu is 0.01", sources=[{"config": "tool.x.mu", "value": 0.01}])
    other = make_entry("mu is 0.1", sources=[{"config": "tool.x.mu", "value": 0.1}], after=HOUR)

    [sentence] = said(one, other)

    assert sentence == (f"tool.x.mu in pyproject.toml is 0.01 in {with_id(one).id} and 0.1 in {with_id(other).id}")


def test_the_same_value_twice_and_settings_of_two_files_do_not(make_entry: MakeEntry) -> None:
    one = make_entry("a", sources=[{"config": "mu", "value": 0.01}])
    same = make_entry("b", sources=[{"config": "mu", "value": 0.01}])
    other = make_entry("c", sources=[{"config": "mu", "file": "other.toml", "value": 0.1}])

    assert not said(one, same, other)


def test_one_place_in_one_receipt_has_one_value(make_entry: MakeEntry) -> None:
    place = {"receipt": "0" * 16, "metric": "outputs.results.0.value"}

    assert said(make_entry("a", sources=[{**place, "value": 1}]), make_entry("b", sources=[{**place, "value": 2}]))


def test_what_people_state_of_one_number_must_agree_and_what_runs_measure_need_not(make_entry: MakeEntry) -> None:
    def stating(value: float, kind: Kind, receipt: str) -> Entry:
        return make_entry(str(value), kind, sources=[{"name": "best loss", "receipt": receipt, "value": value}])

    assert said(stating(0.3, Kind.fact, "1" * 16), stating(0.4, Kind.decision, "2" * 16))
    assert not said(stating(0.3, Kind.result, "1" * 16), stating(0.4, Kind.result, "2" * 16))


def test_two_branches_may_differ(make_entry: MakeEntry) -> None:
    left = make_entry("a", sources=[{"config": "mu", "value": 0.01}], branch="left")
    right = make_entry("b", sources=[{"config": "mu", "value": 0.1}], branch="right")
    everywhere = make_entry("c", sources=[{"config": "mu", "value": 0.1}])

    assert not said(left, right)
    assert len(said(left, everywhere)) == 1
