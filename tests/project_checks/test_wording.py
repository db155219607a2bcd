import pytest

from zk0.project_checks.wording import says_something


@pytest.mark.parametrize(
    "text", ["", ".", "x", "none", "n/a", "nothing yet", "To do: later", "1 2 3", "see above", "x x x"]
)
def test_a_text_that_stands_for_one_to_come_says_nothing(text):
    assert not says_something(text)


@pytest.mark.parametrize("text", ["arm stalls", "Die Kamera fällt aus.", "limits each joint"])
def test_two_words_say_something(text):
    assert says_something(text)
