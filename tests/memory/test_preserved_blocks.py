"""Paragraphs people write into a rendered page stay there."""

import pytest

from zk0.core.errors import SpecError
from zk0.memory.preserved_blocks import Keep, kept_paragraphs


def test_a_paragraph_is_found_by_its_name() -> None:
    text = "# Page\n<!-- keep:notes -->\nMind the\ncamera.\n<!-- /keep -->\n<!--keep:a-b--><!--/keep-->\n"

    assert kept_paragraphs(text, "page.md") == {"notes": "Mind the\ncamera.", "a-b": ""}


def test_two_paragraphs_of_one_name_are_joined_and_equal_ones_said_once() -> None:
    text = "".join(f"<!-- keep:notes -->{words}<!-- /keep -->\n" for words in ("one", "two", "one"))

    assert kept_paragraphs(text, "page.md") == {"notes": "one\n\ntwo"}


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("\n<!-- keep:notes -->\nopen", 2, "is not closed"),
        ("<!-- keep:notes -->\n<!-- keep:more -->\n<!-- /keep -->", 1, "is not closed"),
        ("\n\n<!-- /keep -->", 3, "is closed and was not opened"),
    ],
)
def test_a_paragraph_whose_end_would_be_a_guess_is_refused(text: str, line: int, said: str) -> None:
    with pytest.raises(SpecError) as refused:
        kept_paragraphs(text, "page.md")

    assert refused.value.message.startswith(f"page.md:{line}: ")
    assert said in refused.value.message


def test_a_paragraph_without_a_place_comes_with_the_rest() -> None:
    keep = Keep({"notes": "Mind the camera.", "old": "Still true."})

    assert keep("notes") == "<!-- keep:notes -->\nMind the camera.\n<!-- /keep -->"
    assert keep("new") == "<!-- keep:new --><!-- /keep -->"
    assert keep.rest() == "<!-- keep:old -->\nStill true.\n<!-- /keep -->"
    assert keep.rest() == ""
