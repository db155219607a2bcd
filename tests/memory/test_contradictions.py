"""Entries that can't both be true are named; those that only differ are not."""

from collections.abc import Callable
from datetime import timedelta

from zk0.memory.contradictions import contradictions
from zk0.memory.entries import Entry, Kind, identified

type MakeEntry = Callable[..., Entry]

HOUR = timedelta(hours=1)


def said(*entries: Entry) -> list[str]:
    return [str(found) for found in contradictions([identified(entry) for entry in entries])]


def test_two_values_of_one_setting_contradict_each_other(make_entry: MakeEntry) -> None:
    one = make_entry("mu is 0.01", sources=[{"config": "tool.x.mu", "value": 0.01}])
    other = make_entry("mu is 0.1", sources=[{"config": "tool.x.mu", "value": 0.1}], after=HOUR)

    [sentence] = said(one, other)

    assert sentence == (
        f"tool.x.mu in pyproject.toml is 0.01 in {identified(one).id} and 0.1 in {identified(other).id}"
    )


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
