"""Verify a memory bank: every entry in force against its evidence, entries against each other, references, pages.

Two entries contradict each other if they give different values for one setting, one place in one receipt, or one number
by its name. Entries of different branches may differ, and results of different runs may; what people and agents state
may not.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from zk0.core.git import read_git
from zk0.core.markdown import Page
from zk0.core.project import Project
from zk0.core.references import KnownNames, dead_references
from zk0.memory.bank import ENTRIES, NOTES, Bank
from zk0.memory.entries import PYPROJECT, Entry, FactSource, Kind
from zk0.memory.evidence import EVIDENCE, EvidenceReader
from zk0.memory.freshness import Assessment, Freshness, assess, count_freshness
from zk0.memory.page_seal import IMPORT, PAGES, is_own
from zk0.memory.snapshot import BankProblem, BankSnapshot
from zk0.workflow.names import workflow_files

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


def _about(source: FactSource, entry: Entry) -> str | None:
    if source.config:
        return f"{source.config} in {source.file or PYPROJECT}"
    if source.receipt and source.metric:
        return f"{source.metric} of receipt {source.receipt}"
    return source.name if source.name and entry.kind not in MEASURED else None


def _same_branch(one: Entry, other: Entry) -> bool:
    return one.branch is None or other.branch is None or one.branch == other.branch


@dataclass(frozen=True)
class VerificationReport:
    """What verifying found."""

    assessments: tuple[Assessment, ...]
    contradictions: tuple[Contradiction, ...]
    problems: tuple[BankProblem, ...]
    superseded: int

    @property
    def counts(self) -> dict[str, int]:
        """How many entries are fresh, unverifiable, stale and contradicted, all four named."""
        return count_freshness(self.assessments)

    @property
    def is_wrong(self) -> bool:
        """Whether something in the bank is known to be wrong, or rests on evidence that no clone has."""
        known = self.contradictions or self.problems or self.counts[Freshness.contradicted]
        return bool(known) or any(one.is_missing for one in self.assessments)

    @property
    def is_in_doubt(self) -> bool:
        """Whether something in the bank is not known to be right."""
        return self.is_wrong or any(assessment.freshness is not Freshness.fresh for assessment in self.assessments)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "counts": self.counts,
            "superseded": self.superseded,
            "entries": [
                one.entry.model_dump(mode="json", include={"id", "kind", "title"})
                | {"truth": one.freshness.value, "reasons": list(one.reasons)}
                for one in self.assessments
            ],
            "contradictions": [
                {"about": one.about, "entries": [one.one.id, one.other.id], "said": list(one.said)}
                for one in self.contradictions
            ],
            "problems": [
                {"file": problem.path.as_posix(), "line": problem.line, "message": problem.message}
                for problem in self.problems
            ],
        }


def verify(project: Project, now: datetime, *, commands: Collection[str] = ()) -> VerificationReport:
    """Verify a project's bank as of a time; references to commands are checked where zk0's commands are named."""
    bank = Bank.of(project)
    reading = bank.read()
    evidence = EvidenceReader(project)
    return VerificationReport(
        assessments=tuple(assess(entry, evidence, now) for entry in reading.in_force),
        contradictions=tuple(contradictions(reading.in_force)),
        problems=(
            *reading.problems,
            *_pages(project, bank, reading, commands),
            *_tracking(project),
        ),
        superseded=len(reading.entries) - len(reading.in_force),
    )


def _pages(project: Project, bank: Bank, reading: BankSnapshot, commands: Collection[str]) -> Iterator[BankProblem]:
    ids = {entry.id for entry in reading.entries} | {path.stem for path in bank.archive_dir.glob("*.md")}
    known = KnownNames(project.root, project.settings.state, ids, workflow_files(project), commands)
    for path in sorted((*bank.directory.glob("*.md"), *bank.notes_dir.glob("*.md"))):
        name, page = path.relative_to(bank.directory), Page(path.parent, path.name)
        if name.as_posix() in PAGES and not is_own(page.text):
            yield BankProblem(name, 1, f"it is not as zk0 wrote it: {IMPORT}")
        yield from (BankProblem(name, dead.line, dead.message) for dead in dead_references(page, known))
    for entry in reading.in_force:
        name = Path("entries") / f"{entry.id}.md"
        page = Page(bank.directory, name.as_posix(), entry.body)
        yield from (BankProblem(name, 1, dead.message) for dead in dead_references(page, known))


def _tracking(project: Project) -> Iterator[BankProblem]:
    """Yield files that git has to keep and ignores, and pages that it keeps and that are rendered."""
    kept = [f"{project.settings.memory}/{folder}" for folder in (ENTRIES, EVIDENCE, NOTES)]
    ignored = read_git(project.root, "ls-files", "--others", "--ignored", "--exclude-standard", "--", *kept) or ""
    rendered = [f"{project.settings.memory}/{page}" for page in PAGES]
    tracked = read_git(project.root, "ls-files", "--", *rendered) or ""
    for name in ignored.splitlines():
        yield BankProblem(_below(name, project), 1, "git ignores it, so no clone will have it")
    for name in tracked.splitlines():
        why = f"git keeps it, so branches conflict in it: git rm --cached {name}"
        yield BankProblem(_below(name, project), 1, why)


def _below(name: str, project: Project) -> Path:
    return Path(name).relative_to(project.settings.memory)
