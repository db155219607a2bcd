"""What stands before every message: learnt from the lines, not from a list of programs that write it.

Docker, kubectl, journald, srun, torchrun, `ts` and every logging format put the same things before each line: a time, a
label, a level, with the same marks between them. Cut into tokens, the lines of a file agree for as long as that lasts.
What more than half of them begin with is the wrapper; the message begins behind its last mark. Tokens that differ by
line are remembered as a kind (a time, digits, a word); those that look like the name of a container, pod, rank or
client are the line's lane, so that two processes' lines are kept apart.

Text that counts or measures (`Epoch 3/5: loss`) is never part of a wrapper, however regular it is.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LEVELS = "DEBUG|INFO|SUCCESS|WARNING|WARN|ERROR|CRITICAL|FATAL|TRACE|NOTICE"
TIME = (
    r"\d{4}[-/.]\d\d[-/.]\d\d(?:[ T_]+\d\d:\d\d:\d\d(?:[.,:]\d+)?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?)?"
    r"|(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +\d{1,2}"
    r"(?:,? \d{4})?,? \d\d:\d\d:\d\d(?:[.,]\d+)?(?: \d{4})?"
    r"|\d{1,2}[-/]\d{1,2}[-/]\d{2,4}[ ,]+\d\d:\d\d:\d\d(?:[.,]\d+)?(?: ?[AP]M)?"
    r"|\d\d:\d\d:\d\d(?:[.,]\d+)?"
    r"|(?<![\d.])1\d{9}(?:\.\d+)?(?![\d.])"
)
FEWEST_LINES = 3  # fewer agree by chance
MOST_LINES = 400  # of a file are compared; a wrapper is on the first of them as on the others
MOST_TOKENS = 40
LONGEST = 300  # characters of a wrapper
SHARE = 0.6  # of the lines that agree; the others are of programs that the wrapper's author forgot
ASTRAY = 0.1  # of the lines may lack the wrapper and begin with a known word: behind a bar's carriage return
CONSTANT = 0.9  # of the lines have the same word, which is then a label and not a message's beginning

_WORD = r"[\w.\-/@+#]+"
_TOKEN = re.compile(rf"(?P<time>{TIME})|(?P<word>{_WORD})|(?P<space>[ \t]+)|(?P<mark>.)")
_LEVEL = re.compile(rf"(?:{LEVELS})", re.IGNORECASE)
_LANE = re.compile(
    r"(?:[\w.\-/]*?[-_/.])?(?:client|server|supernode|superlink|node|rank|worker|pod|container|host|gpu|task|default"
    r"|actor|replica|site|trainer)s?[-_.]?\w*(?:[-_./][\w\-]*)*",
    re.IGNORECASE,
)
_COUNTS = re.compile(
    r"(?i)\b(?:epochs?|steps?|iter(?:ation)?s?|rounds?|batch(?:es)?|loss\w*|\w*_loss|acc\w*|lr|grad_norm|train|val|eval"
    r"|traceback|error|exception|file|it)\b(?!\.\w|/)"
)


@dataclass(frozen=True)
class Wrapper:
    """A learnt beginning of lines."""

    pattern: re.Pattern[str]
    lanes: tuple[int, ...]  # groups that name the line's lane
    when: int | None  # the group of the time
    level: int | None  # the group of the level

    def cut(self, line: str) -> tuple[str, str, str, str] | None:
        """Return (message, lane, time, level); None where the line does not begin so."""
        found = self.pattern.match(line)
        if found is None:
            return None
        lanes = self.lanes
        lane = "" if not lanes else found[lanes[0]] if len(lanes) == 1 else " ".join([found[one] for one in lanes])
        when = found[self.when] if self.when else ""
        level = found[self.level].upper() if self.level else ""
        return line[found.end() :], lane, when, level


type _Tokens = list[tuple[str, str]]  # (kind, text)


def learn_wrappers(lines: Iterable[str]) -> list[Wrapper]:
    """Return what most of these lines begin with, the longest first; none where they begin with their messages.

    The shorter ones are for lines that lack a part: a traceback has docker's label, and no level behind it.
    """
    rows = [tokens for line in _sample(lines) if (tokens := _tokens(line))]
    if len(rows) < FEWEST_LINES:
        return []
    total = len(rows)
    column: list[tuple[str, Counter[str]]] = []
    ends: list[int] = []
    for place in range(MOST_TOKENS):
        kinds = Counter(row[place][0] for row in rows if len(row) > place)
        kind, count = kinds.most_common(1)[0] if kinds else ("", 0)
        if count < SHARE * total:
            break
        rows = [row for row in rows if len(row) > place and row[place][0] == kind]
        texts = Counter(row[place][1] for row in rows)
        if kind == "word" and (counted := {text for text in texts if _COUNTS.fullmatch(text)}):
            if sum(texts[text] for text in counted) > ASTRAY * total:
                break
            rows = [row for row in rows if row[place][1] not in counted]
            texts = Counter(row[place][1] for row in rows)
        if not place and len(texts) == total > FEWEST_LINES and all(map(str.isdigit, texts)):
            break  # every line has a number of its own: it counts
        column.append((kind, texts))
        if ends and ends[-1] == place and kind in ("|", ":", "-"):
            ends.pop()  # the mark belongs to the label before it
        if kind == "space" and place and _closes(column[:-1], total):
            ends.append(place + 1)
        if kind == ":" and place and column[-2][0] in "])":  # `[default0]:message`
            ends.append(place + 1)
    return [_compile(column[:end], total) for end in reversed(ends)]


def learn_beginning(beginnings: Sequence[str]) -> list[Wrapper]:
    """Return wrappers of texts that stood before known messages, where two or more agree in their marks."""
    groups: dict[tuple[str, ...], list[_Tokens]] = {}
    for text in beginnings[:MOST_LINES]:
        tokens = _tokens(text)
        if tokens and not _COUNTS.search(text):
            groups.setdefault(tuple(kind for kind, _ in tokens), []).append(tokens)
    found: list[Wrapper] = []
    for kinds, rows in groups.items():
        column = [(kind, Counter(row[place][1] for row in rows)) for place, kind in enumerate(kinds)]
        if len(rows) > 1 and any(_is_mark(kind, texts) for kind, texts in column):
            found.append(_compile(column, len(rows)))
    return sorted(found, key=lambda one: -len(one.pattern.pattern))


def _sample(lines: Iterable[str]) -> list[str]:
    whole = [line for line in lines if line.strip()]
    distance = max(len(whole) // MOST_LINES, 1)
    return whole[::distance]


def _tokens(line: str) -> _Tokens:
    found: _Tokens = []
    for match in _TOKEN.finditer(line[:LONGEST]):
        kind = match.lastgroup or "mark"
        if kind == "word" and not any(map(str.isalnum, match[0])):
            kind = "mark"  # ` - `
        found.append((match[0] if kind == "mark" else kind, match[0]))
        if len(found) == MOST_TOKENS:
            break
    return found


def _is_mark(kind: str, texts: Counter[str]) -> bool:
    return kind not in ("word", "space") or (kind == "word" and all(any(map(str.isdigit, one)) for one in texts))


def _closes(column: Sequence[tuple[str, Counter[str]]], total: int) -> bool:
    """Return whether a wrapper may end here: behind a time, a mark, or a label that all lines have."""
    kind, texts = column[-1]
    if kind == "word":
        word, most = texts.most_common(1)[0]
        host = all(one[0] in ("time", "space") for one in column[:-1])  # a message's first word is not
        label = most >= CONSTANT * total and (host or any(map(str.isdigit, word)))
        return (label or all(_LEVEL.fullmatch(text) for text in texts)) and any(_is_mark(*one) for one in column)
    return kind == "time" or kind in "|:])>-}#" or set(kind) == {"-"}


def _compile(column: Sequence[tuple[str, Counter[str]]], total: int) -> Wrapper:
    parts: list[str] = []
    lanes: list[int] = []
    when = level = None
    group = 0
    for place, (kind, texts) in enumerate(column):
        last = place == len(column) - 1
        if kind == "time":
            group += 1
            when = when or group
            parts.append(f"({_usual(texts)}|{TIME})")
        elif kind == "space":
            # The last one is as short as the shortest: what else is there is the message's indentation.
            least = min(map(len, texts))
            parts.append(rf"[ \t]{{0,{least}}}" if last else r"[ \t]+")
        elif kind == "word":
            is_level = all(_LEVEL.fullmatch(text) for text in texts)
            is_lane = not level and _names_lane(column, place, texts)
            if is_level or is_lane:
                group += 1
                level = group if is_level and not level else level
                lanes += [group] if is_lane and not is_level else []
            text = rf"(?i:{LEVELS})" if is_level else _word(texts, total)
            parts.append(f"({text})" if is_level or is_lane else text)
        else:
            parts.append(re.escape(kind))
    return Wrapper(re.compile("".join(parts)), tuple(lanes), when, level)


def _usual(texts: Counter[str]) -> str:
    """Return the form of most of the times, which is tried first: all forms together take four times as long."""
    forms = Counter(re.sub(r"\d+", r"\\d+", re.escape(text)) for text in texts)
    return forms.most_common(1)[0][0]


def _word(texts: Counter[str], total: int) -> str:
    if all(text.isdigit() for text in texts):
        return r"\d+"
    if len(texts) == 1 and texts.total() >= CONSTANT * total:
        return re.sub(r"\d+", r"\\d+", re.escape(next(iter(texts))))
    return _WORD


def _names_lane(column: Sequence[tuple[str, Counter[str]]], place: int, texts: Counter[str]) -> bool:
    """Return whether a word tells processes apart: by what it is called, or as a label before the first mark."""
    if all(_LANE.fullmatch(text) for text in texts):
        return True
    before = column[place - 1][0] if place else ""
    behind = next((kind for kind, _ in column[place + 1 :] if kind != "space"), "")
    numbers = all(text.isdigit() for text in texts) and len(texts) > 1
    if place == 0:
        return behind == "|" or (numbers and behind == ":")
    process = column[place - 2][1] if place > 1 else Counter[str]()
    named = before in "[=" and numbers and texts.total() > len(texts)  # `python[123]`, `(pid=123`
    return named and bool(process)
