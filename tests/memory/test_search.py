"""What is searched for is found, the best first, and what holds before what held."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from zk0.core.errors import InputError
from zk0.memory.bank import Bank
from zk0.memory.entries import Entry
from zk0.memory.search import search

type MakeEntry = Callable[..., Entry]


@pytest.fixture
def filled(bank: Bank, make_entry: MakeEntry) -> Bank:
    [old] = bank.add(lambda _: [make_entry("the proximal term is too strong", body="Its mu was 0.1.")])
    bank.add(
        lambda _: [
            make_entry("the proximal term is inert", supersedes=(old.id,), after=timedelta(hours=1)),
            make_entry("cameras matter", body="The proximal term is only mentioned here, among many other words."),
            make_entry("losses fall", sources=[{"name": "loss of lift-left", "config": "tool.x.mu", "value": 0.25}]),
        ]
    )
    (bank.directory / "tech.md").write_text("# Technology\n\nMuJoCo.\n\n## Rendering\n\nEGL needs libegl1.\n")
    return bank


def test_a_title_counts_more_and_what_is_superseded_less(filled: Bank) -> None:
    hits = search(filled, "proximal term")

    assert [hit.title for hit in hits] == [
        "the proximal term is inert",
        "cameras matter",
        "the proximal term is too strong",
    ]
    assert [hit.in_force for hit in hits] == [True, True, False]


def test_words_are_found_in_their_other_forms_and_by_their_beginning(filled: Bank) -> None:
    assert [hit.title for hit in search(filled, "camera matters")] == ["cameras matter"]
    assert [hit.title for hit in search(filled, "lift-l")] == ["losses fall"]


def test_sources_and_pages_are_searched_too(filled: Bank) -> None:
    assert [hit.title for hit in search(filled, "tool.x.mu")] == ["losses fall"]
    [hit] = search(filled, "libegl1")
    assert (hit.id, hit.kind, hit.title) == ("tech.md", "page", "Rendering")
    assert "libegl1" in hit.snippet


def test_where_nothing_has_all_words_some_are_enough(filled: Bank) -> None:
    assert [hit.title for hit in search(filled, "cameras xylophone")] == ["cameras matter"]


def test_the_archive_is_searched_where_it_is_asked_for(filled: Bank) -> None:
    filled.archive(lambda reading: [entry.id for entry in reading.entries if "strong" in entry.title])

    assert not search(filled, "strong")
    assert [hit.title for hit in search(filled, "strong", archived=True)] == ["the proximal term is too strong"]


def test_no_word_is_refused_and_query_syntax_is_only_text(filled: Bank) -> None:
    with pytest.raises(InputError, match="no word"):
        search(filled, "-- ?")
    assert not search(filled, 'xylophone" NOT * (')
