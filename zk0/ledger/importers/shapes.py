"""Read the pairs of lines that a program prints again and again, by what its first ones have taught.

`find_pairs` searches a line with a dozen patterns. A program's rows differ in their digits alone, so after a few the
numbers are taken by their place: `Epoch [#/#], Loss: #.#` has its loss in the third. Which place a name's number has is
learnt from lines that were searched: a place whose number once differs from the name's is not it. Where two places have
had the same number so far, either will do, until they differ and the line is searched again.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from zk0.ledger.importers.pairs import Pairs, find_pairs

CHECKED = 3  # lines of a shape are searched, before the places are relied on
MOST_SHAPES = 1_000  # of a log; a text that is no row has a shape of its own in each line
MOST_ALIKE = 16  # that begin with the same text
LONGEST = 1_000  # characters
_DIGIT, _DIGITS = re.compile(r"\d"), re.compile(r"\d+")
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\d.]*\d)|(?<![\w.])\.\d+")
_COMMA = re.compile(r"\d,\d")  # decimal in one place, between thousands in the next
# What a value is of the number that is printed.
_WAYS: tuple[Callable[[float], float], ...] = (
    lambda number: number,
    lambda number: -number,
    lambda number: number / 100,
    lambda number: number / 1000,
    lambda number: -number / 100,
)

type Place = tuple[int, Callable[[float], float]]  # of a number in the line, and the way to its value


@dataclass
class Shape:
    """A line's text without its digits, and where the numbers of its names stand in it."""

    pattern: re.Pattern[str]
    first: Pairs
    places: dict[tuple[str, str], list[Place]] = field(default_factory=dict)  # {(field, name): those that fit so far}
    checked: int = 0
    is_searched: bool = False  # for ever: a value is none of the line's numbers

    def read(self, text: str, numbers: list[float]) -> Pairs:
        """Return the pairs of a line of this shape."""
        if self.is_searched or self.checked < CHECKED or not self._agree(numbers):
            found = find_pairs(text)
            self.learn(found, numbers)
            return found
        found = Pairs({}, {}, {}, dict(self.first.parts), self.first.words, self.first.is_evaluation)
        for (part, name), places in self.places.items():
            place, way = places[0]
            getattr(found, part)[name] = way(numbers[place])
        return found

    def _agree(self, numbers: list[float]) -> bool:
        """Return whether all places that fit so far have the same value in this line."""
        for places in self.places.values():
            if len(places) > 1:
                value = places[0][1](numbers[places[0][0]])
                if any(way(numbers[place]) != value for place, way in places[1:]):
                    return False
        return True

    def learn(self, found: Pairs, numbers: list[float]) -> None:
        """Keep the places that fit what was found in a line."""
        if self.is_searched:
            return
        values = {
            (part, name): value
            for part in ("values", "totals", "planned")
            for name, value in getattr(found, part).items()
        }
        if not self.checked:
            every = [(place, way) for place in range(len(numbers)) for way in _WAYS]
            self.places = dict.fromkeys(values, every)
        if values.keys() != self.places.keys() or _constants(found) != _constants(self.first):
            self.is_searched = True
            return
        self.places = {
            name: [_always(value)]
            if not math.isfinite(value := values[name])
            else [(place, way) for place, way in places if way(numbers[place]) == value]
            for name, places in self.places.items()
        }
        self.is_searched = not numbers or not all(self.places.values())
        self.checked += 1


def _always(value: float) -> Place:
    """Return the place of what is no number: all lines of the shape have it."""
    return 0, lambda _: value


def _constants(found: Pairs) -> tuple[object, ...]:
    return found.parts, found.words, found.is_evaluation


class ShapeReader:
    """Finds the pairs of a log's lines."""

    def __init__(self) -> None:
        self._shapes: dict[str, list[Shape]] = {}  # by the text before the first digit
        self._count = 0

    def known(self, text: str) -> Pairs | None:
        """Return what a line of a known shape names; None where it has another one."""
        begins = _DIGIT.search(text)
        alike = self._shapes.get(text[: begins.start()]) if begins else None
        for place, shape in enumerate(alike or ()):
            if match := shape.pattern.fullmatch(text):
                if place and alike:
                    alike.insert(0, alike.pop(place))
                return shape.read(text, list(map(float, match.groups())))
        return None

    def pairs(self, text: str) -> Pairs:
        """Return the numbers that the line names, as `find_pairs` does."""
        known = self.known(text)
        return self.search(text) if known is None else known

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
    numbers: list[float] = []
    end = 0
    for match in _NUMBER.finditer(text):
        pieces += [re.escape(text[end : match.start()]), _slot(match[0])]
        numbers.append(float(match[0]))
        end = match.end()
    pieces.append(re.escape(text[end:]))
    shape = Shape(re.compile("".join(pieces)), found)
    shape.learn(found, numbers)
    return shape


def _slot(number: str) -> str:
    """Return the pattern of numbers that are printed alike: a count, a decimal, one with an exponent."""
    return "(" + "[0-9]+".join(re.escape(piece) for piece in _DIGITS.split(number)) + ")"
