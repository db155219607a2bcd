"""An entry as text: nothing is lost on the way, and what is wrong has a line."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from zk0.memory.entries import Entry, FactSource, Kind, Mark, with_id
from zk0.memory.frontmatter import UnreadableEntryError, read_entry, write_entry

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
LETTERS = st.characters(exclude_categories=("Cs", "Cc"))
TEXT = st.text(LETTERS).map(str.strip)
VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
EXTRAS = st.dictionaries(
    st.text(LETTERS, min_size=1).filter(lambda key: key not in Entry.model_fields),
    st.recursive(VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3)),
    max_size=3,
)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    source = st.builds(FactSource, name=TEXT, receipt=st.just("0123456789abcdef"), value=NUMBERS)
    sources = draw(st.lists(source, max_size=3))
    return with_id(
        Entry.model_validate(
            {
                "kind": draw(st.sampled_from(Kind)),
                "title": draw(TEXT.filter(bool).map(lambda title: " ".join(title.split()) or "-")),
                "generated": Mark(by="process:zk0 0", at=draw(st.datetimes(timezones=st.just(UTC)))),
                "sources": tuple(sources),
                "body": draw(TEXT),
                "commit": draw(st.none() | st.just("1234567") | st.just("12e4567")),
                **draw(EXTRAS),
            }
        )
    )


def front_matter(text: str) -> str:
    return text.removeprefix("---\n").partition("\n---\n")[0]


@settings(deadline=None)  # a busy machine is no fault of the format
@given(entries())
def test_what_is_written_is_read_back(entry: Entry) -> None:
    assert read_entry(write_entry(entry), entry.id) == entry


@settings(deadline=None)
@given(entries())
def test_what_is_written_is_the_same_to_any_yaml_parser(entry: Entry) -> None:
    written = front_matter(write_entry(entry))

    assert YAML(typ="safe", pure=True).load(written) == entry.model_dump(
        mode="json", exclude={"id", "body"}, exclude_defaults=True
    )


def test_each_number_is_a_line_of_its_own() -> None:
    sources = tuple(FactSource(receipt="0123456789abcdef", metric=f"findings.{n}", value=n / 8) for n in range(3))
    entry = Entry(kind=Kind.result, title="T", generated=Mark(by="process:zk0 0", at=AT), sources=sources)

    lines = front_matter(write_entry(entry)).splitlines()

    assert lines[3:] == [
        "sources:",
        '- {"receipt": "0123456789abcdef", "metric": "findings.0", "value": 0.0}',
        '- {"receipt": "0123456789abcdef", "metric": "findings.1", "value": 0.125}',
        '- {"receipt": "0123456789abcdef", "metric": "findings.2", "value": 0.25}',
    ]


def test_what_a_person_writes_is_read_too() -> None:
    text = """---
kind: decision   # agreed on Tuesday
title: mu stays at 0.01
generated:
  by: person:ada
  at: 2026-03-01 12:00:00
sources:
  - file: train.py
    line: 3
owner: ada
---
Because it converged.
"""
    entry = read_entry(text, "2026-03-01-mu")

    assert (entry.id, entry.kind, entry.generated.at) == ("2026-03-01-mu", Kind.decision, AT)
    assert entry.sources[0].line == 3
    assert entry.model_extra == {"owner": "ada"}
    assert entry.body == "Because it converged.\n"


HEAD = "---\nkind: fact\ntitle: T\ngenerated: {by: person:ada, at: 2026-03-01}\n"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "begins with a line ---"),
        ("# Notes\n", 1, "begins with a line ---"),
        (HEAD, 5, "not closed"),
        (f"{HEAD}kind: fact\n---\n", 5, "duplicate key"),
        (f"{HEAD}sources: [\n---\n", 5, ""),
        ("---\n- one\n---\n", 2, "not a mapping"),
        (f"{HEAD}status: perhaps\n---\n", 5, "status"),
        (f"{HEAD}sources:\n- {{commit: abc}}\n- {{value: 1}}\n---\n", 7, "a source names"),
        ("---\ntitle: T\ngenerated: {by: person:ada, at: 2026-03-01}\n---\n", 1, "kind"),
        (f"{HEAD}commit: 1234567\n---\n", 5, "commit"),
    ],
)
def test_what_is_no_entry_is_refused_with_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(UnreadableEntryError) as refused:
        read_entry(text, "mine")

    assert refused.value.line == line
    assert said in refused.value.message


@pytest.mark.parametrize("key", ["a: ", "null", "true", "Null", "-", "a-b", "ö"])
def test_a_key_that_yaml_would_read_as_something_else_stays_a_key(key: str) -> None:
    whole = {"kind": "fact", "title": "T", "generated": {"by": "person:ada", "at": AT}, key: None}

    assert read_entry(write_entry(Entry.model_validate(whole)), "").model_extra == {key: None}


@pytest.mark.parametrize("value", ["key:", "- {", "{a: b", "key: value", "# text", "a\tb"])
def test_a_title_that_looks_like_yaml_stays_a_title(value: Any) -> None:
    entry = Entry(kind=Kind.fact, title=value, generated=Mark(by="person:ada", at=AT))

    assert read_entry(write_entry(entry), "").title == value
