"""Does a text say anything? Words are counted; whether what they say is right is for a person."""

import re

WORD = re.compile(r"[^\W\d_]{2,}")
LEAST = 2  # different words that say something: "arm stalls" does, "none yet" and "see above" do not
FILLERS = (
    "above any applicable as bar be below blah do doc documentation dummy etc example fill foo here ipsum is it later"
    " lorem missing na nil no none not nothing null ok pending placeholder same see some something soon tba tbd test"
    " text that the there thing this to todo unknown various wip write xx xxx yes yet"
)
EMPTY = frozenset(FILLERS.split())


def words_of(text: str) -> set[str]:
    """Return the different words of a text that could say something, in lower case."""
    return {word.lower() for word in WORD.findall(text)} - EMPTY


def says_something(text: str, least: int = LEAST) -> bool:
    """Return whether a text has so many different words besides those that stand for a text to come."""
    return len(words_of(text)) >= least
