"""Read the pairs of lines that a program prints again and again, by what its first ones have taught.

`find_pairs` searches a line with a dozen patterns. A program's rows differ in their digits alone, so after a few the
numbers are taken by their place: `Epoch [#/#], Loss: #.#` has its loss in the third. Which place a name's number has is
learnt from lines that were searched: a place whose number once differs from the name's is not it. Where two places have
had the same number so far, either will do, until they differ and the line is searched again.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from zk0.ledger.importers.logs import LogFile
from zk0.ledger.importers.pairs import Pairs, find_pairs
from zk0.ledger.importers.repeats import NumberPlace, RepeatedRow

CHECKED = 3  # lines of a shape are searched, before the places are relied on
MOST_SHAPES = 1_000  # of a log; a text that is no row has a shape of its own in each line
MOST_ALIKE = 16  # that begin with the same text
LONGEST = 1_000  # characters
_DIGIT, _DIGITS = re.compile(r"\d"), re.compile(r"\d+")
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\d.]*\d)|(?<![\w.])\.\d+")
_COMMA = re.compile(r"\d,\d")  # decimal in one place, between thousands in the next
# What a value is of the number that is printed.
_WAYS: tuple[Callable[[float], float] | None, ...] = (
    None,
    lambda number: -number,
    lambda number: number / 100,
    lambda number: number / 1000,
    lambda number: -number / 100,
)


@dataclass
class Shape:
    """A line's text without its digits, and where the numbers of its names stand in it."""

    pattern: re.Pattern[str]
    first: Pairs
    places: dict[tuple[str, str], list[NumberPlace]] = field(default_factory=dict)  # {(field, name): that fit so far}
    checked: int = 0
    is_searched: bool = False  # for ever: a value is none of the line's numbers
    row: RepeatedRow | None = None  # what its lines add, once that is known

    def repeat(self, log: LogFile, text: str) -> bool:
        """Take a message that is one more row of this shape; False where it is not, or does more."""
        if self.row is None or (match := self.pattern.fullmatch(text)) is None:
            return False
        return self.row.take(log, match.groups())

    @property
    def is_known(self) -> bool:
        """True where the places of its numbers are relied on."""
        return not self.is_searched and self.checked >= CHECKED

    def read(self, text: str, printed: Sequence[str]) -> Pairs:
        """Return the pairs of a line of this shape, in which these numbers are printed."""
        if not self.is_known or not self._agree(printed):
            found = find_pairs(text)
            self.learn(found, printed)
            return found
        found = Pairs({}, {}, {}, dict(self.first.parts), self.first.words, self.first.is_evaluation)
        for (part, name), places in self.places.items():
            getattr(found, part)[name] = places[0].value(printed)
        return found

    def _agree(self, printed: Sequence[str]) -> bool:
        """Return whether all places that fit so far have the same value in this line."""
        for places in self.places.values():
            if len(places) > 1:
                value = places[0].value(printed)
                if any(place.value(printed) != value for place in places[1:]):
                    return False
        return True

    def learn(self, found: Pairs, printed: Sequence[str]) -> None:
        """Keep the places that fit what was found in a line."""
        self.row = None
        if self.is_searched:
            return
        values = {
            (part, name): value
            for part in ("values", "totals", "planned")
            for name, value in getattr(found, part).items()
        }
        if not self.checked:
            every = [NumberPlace(at, way) for at in range(len(printed)) for way in _WAYS]
            self.places = dict.fromkeys(values, every)
        if values.keys() != self.places.keys() or _constants(found) != _constants(self.first):
            self.is_searched = True
            return
        self.places = {
            name: [_always(value)]
            if not math.isfinite(value := values[name])
            else [place for place in places if place.value(printed) == value]
            for name, places in self.places.items()
        }
        self.is_searched = not printed or not all(self.places.values())
        self.checked += 1


def _always(value: float) -> NumberPlace:
    """Return the place of what is no number: all lines of the shape have it."""
    return NumberPlace(0, lambda _: value)


def _constants(found: Pairs) -> tuple[object, ...]:
    return found.parts, found.words, found.is_evaluation


class ShapeReader:
    """Finds the pairs of a log's lines."""

    def __init__(self) -> None:
        self._shapes: dict[str, list[Shape]] = {}  # by the text before the first digit
        self._count = 0

    def find(self, text: str) -> tuple[Shape, tuple[str, ...]] | None:
        """Return a line's shape, if it is known, and the numbers in it."""
        begins = _DIGIT.search(text)
        alike = self._shapes.get(text[: begins.start()]) if begins else None
        for place, shape in enumerate(alike or ()):
            if match := shape.pattern.fullmatch(text):
                if place and alike:
                    alike.insert(0, alike.pop(place))
                return shape, match.groups()
        return None

    def pairs(self, text: str) -> Pairs:
        """Return the numbers that the line names, as `find_pairs` does."""
        if known := self.find(text):
            shape, numbers = known
            return shape.read(text, numbers)
        return self.search(text)

    def search(self, text: str) -> Pairs:
        """Search a line of no known shape, and learn its shape."""
        found = find_pairs(text)
        begins = _DIGIT.search(text)
        if begins and found.values and self._count < MOST_SHAPES and len(text) <= LONGEST and not _COMMA.search(text):
            alike = self._shapes.setdefault(text[: begins.start()], [])
            if len(alike) < MOST_ALIKE:
                alike.insert(0, _learnt_from(text, found))
                self._count += 1
        return found


def _learnt_from(text: str, found: Pairs) -> Shape:
    pieces: list[str] = []
    printed: list[str] = []
    end = 0
    for match in _NUMBER.finditer(text):
        pieces += [re.escape(text[end : match.start()]), _slot(match[0])]
        printed.append(match[0])
        end = match.end()
    pieces.append(re.escape(text[end:]))
    shape = Shape(re.compile("".join(pieces)), found)
    shape.learn(found, printed)
    return shape


def _slot(number: str) -> str:
    """Return the pattern of numbers that are printed alike: a count, a decimal, one with an exponent."""
    return "(" + "[0-9]+".join(re.escape(piece) for piece in _DIGITS.split(number)) + ")"
