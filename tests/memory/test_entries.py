"""What an entry must say, what its id is made of, and which entries count."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from zk0.memory.entries import MASK, Entry, Kind, content_id, one_line, with_id
from zk0.memory.snapshot import BankSnapshot

type MakeEntry = Callable[..., Entry]

HOUR = timedelta(hours=1)


def test_the_id_is_the_date_and_a_hash_of_what_the_entry_says(make_entry: MakeEntry) -> None:
    one, same, other = make_entry("mu is 0.01"), make_entry("mu is 0.01"), make_entry("mu is 0.1")

    assert content_id(one).startswith("2026-03-01-")
    assert len(content_id(one)) == len("2026-03-01-") + 8
    assert content_id(one) == content_id(same) != content_id(other)
    assert content_id(with_id(one)) == with_id(one).id


def test_what_has_its_default_value_does_not_change_the_id(make_entry: MakeEntry) -> None:
    assert content_id(make_entry("mu is 0.01")) == content_id(make_entry("mu is 0.01", sources=(), stale_after=None))


def test_keys_we_do_not_know_belong_to_the_content(make_entry: MakeEntry) -> None:
    known, more = make_entry("mu is 0.01"), make_entry("mu is 0.01", reviewed_in="spring")

    assert more.model_extra == {"reviewed_in": "spring"}
    assert content_id(known) != content_id(more)


def test_a_time_without_a_zone_is_utc(make_entry: MakeEntry) -> None:
    entry = make_entry("mu is 0.01", stale_after="2026-03-02")

    assert entry.stale_after == datetime(2026, 3, 2, tzinfo=UTC)
    assert not entry.is_stale(datetime(2026, 3, 1, tzinfo=UTC))
    assert entry.is_stale(datetime(2026, 3, 3, tzinfo=UTC))


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "rumour"},
        {"title": ""},
        {"title": "two\nlines"},
        {"generated": {"by": "somebody", "at": "2026-03-01"}},
        {"generated": {"by": "agent:", "at": "2026-03-01"}},
        {"sources": [{"metric": "findings.0.verdict", "value": 1}]},
        {"sources": [{"receipt": "0123456789abcdef", "value": float("nan")}]},
        {"sources": [{"file": "train.py", "lines": [0, 1]}]},
        {"sources": [{"file": "train.py", "lines": [3, 2]}]},
        {"status": "perhaps"},
    ],
)
def test_an_entry_without_a_sound_origin_is_refused(fields: dict[str, Any]) -> None:
    whole = {"kind": "fact", "title": "T", "generated": {"by": "person:ada", "at": "2026-03-01"}, **fields}

    with pytest.raises(ValidationError):
        Entry.model_validate(whole)


def test_an_entry_counts_until_another_supersedes_it(make_entry: MakeEntry) -> None:
    first = with_id(make_entry("mu is 0.01"))
    second = with_id(make_entry("mu is 0.001", after=HOUR, supersedes=(first.id,)))

    assert BankSnapshot((second, first)).in_force == [second]


def test_a_closing_entry_settles_a_matter_and_does_not_count_itself(make_entry: MakeEntry) -> None:
    fault = with_id(make_entry("the loss rises", Kind.fault))
    closing = with_id(make_entry("it falls", Kind.fault, status="closed", after=HOUR, supersedes=(fault.id,)))

    assert BankSnapshot((fault, closing)).in_force == []


def test_entries_that_count_come_oldest_first(make_entry: MakeEntry) -> None:
    entries = [with_id(make_entry(f"fact {hour}", after=hour * HOUR)) for hour in (2, 0, 1)]

    assert [entry.title for entry in BankSnapshot(tuple(entries)).in_force] == ["fact 0", "fact 1", "fact 2"]


def test_a_text_becomes_one_line() -> None:
    assert one_line("  a\n b\t c ") == "a b c"


def test_each_secret_is_left_out_and_the_words_around_it_stay() -> None:
    token = f"hf_{'a1B2c3D4e5' * 4}"

    assert one_line(f"with {token} and\n{token} it fails") == f"with {MASK} and {MASK} it fails"
