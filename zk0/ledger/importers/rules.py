"""Rules and readers: how a dialect says which lines it knows, and what they mean.

A rule is a pattern from a message's first word on; a reader gets the lines that no rule knows.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

FIRST_WORD = re.compile(r"[^A-Za-z\n]*([A-Za-z]+)")

type Act = Callable[[Any, re.Match[str]], object]  # gets the `LogFile`, which knows its rules, and the match


@dataclass(frozen=True)
class Rule:
    """A pattern from a message's first word on, and what it means; without a meaning the line is known noise."""

    word: str
    pattern: re.Pattern[str]
    act: Act | None = None


class Taken(Enum):
    """What a reader made of a line."""

    understood = auto()
    noise = auto()
    no = auto()


@dataclass(frozen=True)
class LineReader:
    """Reads lines that no rule knows: those that hold one of the signs are handed to it until one reader takes them.

    `read` gets the `LogFile` and the message, and says what it made of it.
    """

    name: str
    signs: tuple[str, ...]
    read: Callable[[Any, str], Taken]


def rule(pattern: str, act: Act | None = None) -> Rule:
    """Return the rule of a pattern, which has to begin with letters."""
    word = FIRST_WORD.match(pattern)
    if word is None or word.start(1):
        raise ValueError(f"{pattern} does not begin with letters")
    return Rule(word[1], re.compile(pattern, re.DOTALL), act)


class RuleBook:
    """The rules of all dialects by their first word."""

    def __init__(self, dialects: Iterable[tuple[str, Iterable[Rule]]]) -> None:
        self._rules: dict[str, list[tuple[str, Rule]]] = {}
        for name, rules in dialects:
            for one in rules:
                self._rules.setdefault(one.word, []).append((name, one))

    def match(self, line: str, start: int = 0) -> tuple[str, Rule, re.Match[str]] | None:
        """Return (dialect, rule, match) of the rule that knows the message that begins here; None without one."""
        word = FIRST_WORD.match(line, start)
        for name, one in self._rules.get(word[1], ()) if word else ():
            found = one.pattern.match(line, word.start(1)) if word else None
            if found is not None:
                return name, one, found
        return None

    def knows_word(self, word: re.Match[str], line: str) -> bool:
        """Return whether a rule that means something begins with this word of the line."""
        return any(one.act and one.pattern.match(line, word.start()) for _, one in self._rules.get(word[0], ()))
