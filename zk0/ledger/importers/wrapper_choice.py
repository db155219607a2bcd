"""Which of the wrappers that may stand before all messages are worth to be cut: those that let more lines be read."""

import re
from collections.abc import Iterable, Sequence

from zk0.ledger.importers.lines import LONGEST_PREFIX, split_prefix
from zk0.ledger.importers.metric_names import meanings
from zk0.ledger.importers.pairs import find_pairs
from zk0.ledger.importers.rows import MEASURED
from zk0.ledger.importers.rules import RuleBook
from zk0.ledger.importers.tracebacks import TRACEBACK
from zk0.ledger.importers.unwrap import is_packed, unwrap
from zk0.ledger.importers.wrappers import MOST_LINES, Wrapper, learn_beginning, learn_wrappers

MOST_WORDS_OF_HEADING = 2  # beside a counter: `Learning iteration 3`


def choose_wrappers(lines: Iterable[str], rules: RuleBook) -> list[Wrapper]:
    """Return what stands before all messages; nothing where as much is read with it as without."""
    sample = [line for line in lines if line.strip()]
    sample = sample[:: max(len(sample) // MOST_LINES, 1)]
    found = learn_wrappers(sample)
    # How long it is, is decided by what can be read behind it; of equals the shorter, which is the surer one.
    best = max(range(len(found), -1, -1), key=lambda first: _gain(sample, found[first:], rules))
    found = found[best:]
    beginnings = [start for line in sample if (start := _beginning(_strip(found, line), rules))]
    found += learn_beginning(beginnings)
    return found if found and _gain(sample, found, rules) > 0 else []


def _gain(sample: Iterable[str], wrappers: Sequence[Wrapper], rules: RuleBook) -> float:
    return sum(_worth(line, wrappers, rules) - _worth(line, (), rules) for line in sample)


def _worth(line: str, wrappers: Sequence[Wrapper], rules: RuleBook) -> float:
    """Return 1 for a line that a rule knows, half for a row of numbers, and a little for its lane and its level."""
    lane = when = level = ""
    for wrapper in wrappers:
        if (found := wrapper.cut(line)) is not None:
            line, lane, when, level = found
            break
    if is_packed(line) and unwrap(line):
        return 1.0
    parsed = split_prefix(line)
    by_rule = rules.match(parsed.message) is not None or parsed.message.startswith(('  File "', TRACEBACK))
    told = bool(level or parsed.level or when or parsed.when)
    return (
        (1.0 if by_rule else _clarity(parsed.message))
        + 0.1 * bool(lane or parsed.client or parsed.process)
        + 0.2 * told
    )


def _beginning(line: str, rules: RuleBook) -> str:
    """Return what stands before a known message; empty where nothing does, or none is known."""
    if rules.match(split_prefix(line).message) is not None:
        return ""
    for word in re.finditer(r"[A-Za-z_]+", line[:LONGEST_PREFIX]):
        if word.start() and rules.knows_word(word, line):
            return line[: word.start()]
    return ""


def _strip(wrappers: list[Wrapper], line: str) -> str:
    return next((found[0] for wrapper in wrappers if (found := wrapper.cut(line)) is not None), line)


def _clarity(message: str) -> float:
    """Return 0.5 for numbers with names and nothing else, less for each word beside them, 0 where it is no such row.

    Half of what a rule is worth: a sentence may look like a row.
    """
    pairs = find_pairs(message)
    measured = pairs.is_row and bool(meanings(list(pairs.values)).keys() & MEASURED)
    counted = bool(pairs.values) and pairs.words <= MOST_WORDS_OF_HEADING
    return 0.5 - 0.02 * min(pairs.words, 10) if measured or counted else 0.0
