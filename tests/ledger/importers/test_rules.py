"""Rules are found by the first word of a message."""

from importlib import import_module
from pkgutil import iter_modules

import pytest

import zk0.ledger.importers
from zk0.ledger.importers.rules import FIRST_WORD, rule

RULES = [
    one
    for module in iter_modules(zk0.ledger.importers.__path__)
    for one in getattr(import_module(f"zk0.ledger.importers.{module.name}"), "RULES", ())
]


def alternatives(pattern: str) -> list[str]:
    """Split a pattern at those of its bars that stand in no group and no set."""
    found, depth, escaped = [""], 0, False
    for character in pattern:
        depth += 0 if escaped else {"(": 1, "[": 1, ")": -1, "]": -1}.get(character, 0)
        if character == "|" and not depth and not escaped:
            found.append("")
        else:
            found[-1] += character
        escaped = character == "\\" and not escaped
    return found


@pytest.mark.parametrize("one", RULES, ids=lambda one: one.pattern.pattern[:40])
def test_every_alternative_of_a_rule_begins_with_the_word_by_which_it_is_found(one):
    words = {match[1] for text in alternatives(one.pattern.pattern) if (match := FIRST_WORD.match(text))}

    assert words == {one.word}


def test_a_pattern_that_begins_otherwise_is_refused():
    with pytest.raises(ValueError, match="does not begin with letters"):
        rule(r"\[ROUND (\d+)\]")
