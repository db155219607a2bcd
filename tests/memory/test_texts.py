"""Texts of others on our pages."""

from zk0.memory.texts import MASK, one_line


def test_a_text_becomes_one_line() -> None:
    assert one_line("  a\n b\t c ") == "a b c"


def test_each_secret_is_left_out_and_the_words_around_it_stay() -> None:
    token = f"hf_{'a1B2c3D4e5' * 4}"

    assert one_line(f"with {token} and\n{token} it fails") == f"with {MASK} and {MASK} it fails"
