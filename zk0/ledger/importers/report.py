"""What came of reading one file: how much of it was understood, and what was odd."""

import re
from dataclasses import dataclass, field

EXAMPLES = 5  # of lines not understood, each unlike the others
LOOKED_AT = 10_000  # lines not understood among which examples are looked for
_DIGITS = re.compile(r"[\d.]+")


@dataclass
class FileReport:
    """Counts of one file; a unit is a line of text, a row of numbers or a record."""

    name: str
    format: str
    understood: int = 0
    noise: int = 0
    unknown: int = 0
    examples: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Unknown:
    """Lines that no rule knows: how many, and the first of some that are unlike each other."""

    def __init__(self) -> None:
        self.lines = 0
        self.examples: list[str] = []
        self._shapes: set[str] = set()

    @property
    def wants_more(self) -> bool:
        """Whether examples are still looked for."""
        return self.lines <= LOOKED_AT and len(self.examples) < EXAMPLES

    def add(self, at: str, text: str) -> None:
        """Keep a line as an example, if it is unlike those before."""
        if self.wants_more:
            shape = _DIGITS.sub("#", text[:200])[:80]
            if shape not in self._shapes:
                self._shapes.add(shape)
                self.examples.append(f"{at}: {text[:200]}")
