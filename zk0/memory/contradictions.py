"""Do two entries in force say different things of the same? Pure.

The same is one setting, one place in one receipt, or one number by its name. Entries of different branches may differ,
and a result is what one run gave: the next run's may differ. What people and agents state beside that may not.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from zk0.memory.entries import PYPROJECT, Entry, Kind, Source

MEASURED = (Kind.result, Kind.fault)  # what runs found, each at its time


@dataclass(frozen=True)
class Contradiction:
    """Two entries and what each says of the same."""

    about: str
    one: Entry
    other: Entry
    said: tuple[object, object]

    def __str__(self) -> str:
        """Say it in one sentence."""
        return f"{self.about} is {self.said[0]!r} in {self.one.id} and {self.said[1]!r} in {self.other.id}"


def contradictions(entries: Iterable[Entry]) -> Iterator[Contradiction]:
    """Yield each pair of entries that can't both be true; the entries are those in force, oldest first."""
    claims: dict[str, list[tuple[Entry, object]]] = defaultdict(list)
    for entry in entries:
        for about, value in dict(_claims(entry)).items():
            for other, said in claims[about]:
                if said != value and _same_branch(entry, other):
                    yield Contradiction(about, other, entry, (said, value))
            claims[about].append((entry, value))


def _claims(entry: Entry) -> Iterator[tuple[str, object]]:
    for source in entry.sources:
        if source.value is not None and (about := _about(source, entry)):
            yield about, source.value


def _about(source: Source, entry: Entry) -> str | None:
    if source.config:
        return f"{source.config} in {source.file or PYPROJECT}"
    if source.receipt and source.metric:
        return f"{source.metric} of receipt {source.receipt}"
    return source.name if source.name and entry.kind not in MEASURED else None


def _same_branch(one: Entry, other: Entry) -> bool:
    return one.branch is None or other.branch is None or one.branch == other.branch
