"""A rule: a pattern that begins with a message's first word, and what a line like it means."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zk0.ledger.importers.logs import LogFile

FIRST_WORD = re.compile(r"[^A-Za-z\n]*([A-Za-z]+)")


@dataclass(frozen=True)
class Rule:
    """A pattern from a message's first word on, and what it means; without a meaning the line is known noise."""

    word: str
    pattern: re.Pattern[str]
    act: Callable[["LogFile", re.Match[str]], object] | None = None


def rule(pattern: str, act: Callable[["LogFile", re.Match[str]], object] | None = None) -> Rule:
    """Return the rule of a pattern, which has to begin with letters."""
    word = FIRST_WORD.match(pattern)
    if word is None or word.start(1):
        raise ValueError(f"{pattern} does not begin with letters")
    return Rule(word[1], re.compile(pattern, re.DOTALL), act)
