"""What came of reading one file: how much of it was understood, and what was odd."""

from dataclasses import dataclass, field


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
