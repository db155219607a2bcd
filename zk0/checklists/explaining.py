"""Explain one item: what its sentence claims, what exactly was looked at, and what was not."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from zk0.checklists.answers import PROJECT
from zk0.checklists.evaluation import EvaluatedItem, EvidenceLine
from zk0.checklists.items import ChecklistFile, EvidenceRef, StepVerdictRef, as_checklist, check_of
from zk0.checklists.loading import is_of_zk0
from zk0.checklists.snapshot import BASIS
from zk0.checklists.verifying import decide
from zk0.core.checks import CHECKS
from zk0.core.errors import UnknownNameError
from zk0.core.project import Project
from zk0.core.receipts import ReceiptStore, read_content

TWINS = "tests/checklists/test_twins.py"  # in zk0's repository


@dataclass(frozen=True)
class LookedAt:
    """One piece of evidence that an item names.

    `asks` is what its check finds out, `reads` the parts of the project that its answer rests on, `options` what it was
    asked with, `at` when, `receipt` where it is kept. `lines` are what it found; there are none before it was asked.
    """

    proof: str
    asks: str
    reads: tuple[str, ...]
    lines: tuple[EvidenceLine, ...]
    receipt: str = ""
    at: datetime | None = None
    artifacts: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExplainedItem:
    """An item as decided, with all that decided it; `twins` selects the tests in which it is true and false."""

    decided: EvaluatedItem
    looked_at: tuple[LookedAt, ...]
    twins: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        item = self.decided.item
        return {
            "item": item.id,
            "part": self.decided.part,
            "section": item.section,
            "sentence": item.sentence,
            "by": "person" if item.manual else "machine",
            "verdict": self.decided.verdict,
            "ticked": self.decided.ticked,
            "stale": self.decided.stale,
            "message": self.decided.message,
            "looked_at": [_as_json(one) for one in self.looked_at],
            "not_looked_at": item.not_looked_at,
            "remedy": self.decided.remedy,
            "twins": self.twins or None,
        }


def explain(project: Project, part: ChecklistFile, name: str) -> ExplainedItem:
    """Decide one item of a checklist from what is kept, asking no check, and explain it."""
    item = next(item for item in part.items or () if item.id == name)
    [decided] = decide(project, as_checklist(part, item)).items
    looked_at = tuple(_looked_at(project, proof, decided) for proof in item.check or ())
    has_twins = item.check is not None and part.about == "project" and is_of_zk0(item)
    return ExplainedItem(decided, looked_at, f"pytest {TWINS} -k {item.id}" if has_twins else "")


def _looked_at(project: Project, proof: EvidenceRef, decided: EvaluatedItem) -> LookedAt:
    named = f"step {proof.verdict_of}" if isinstance(proof, StepVerdictRef) else check_of(proof)
    lines = tuple(line for line in decided.evidence if line.proof == str(proof))
    asks, reads = _summary(named)
    path = _path(project, lines[0]) if lines else None
    if path is None:
        return LookedAt(str(proof), asks, reads, lines)
    content = read_content(path)
    basis = content["outputs"].get(BASIS) or {}
    artifacts = tuple(str(one["path"]) for one in content.get("artifacts", ()))
    at = datetime.fromisoformat(content["finished"])
    return LookedAt(str(proof), asks, tuple(basis) or reads, lines, project.shown(path), at, artifacts)


def _summary(check: str) -> tuple[str, tuple[str, ...]]:
    try:
        known = CHECKS.get(check)
    except UnknownNameError:  # the verdict of a step, or a check of a plugin that is gone
        return "", ()
    return known.summary, tuple(known.reads)


def _path(project: Project, line: EvidenceLine) -> Path | None:
    folder = project.state_dir / "checklists" if line.run == PROJECT else project.runs_dir
    path = ReceiptStore(folder).path_of(line.run, line.step)
    try:
        return path if read_content(path)["digest"] == line.receipt else None
    except UnknownNameError:
        return None


def _as_json(one: LookedAt) -> dict[str, Any]:
    return {
        "evidence": one.proof,
        "asks": one.asks,
        "reads": list(one.reads),
        "receipt": one.receipt or None,
        "at": one.at.isoformat() if one.at else None,
        "artifacts": list(one.artifacts),
        "found": [
            {
                "verdict": line.verdict,
                "message": line.message,
                "run": line.run,
                "step": line.step,
                "digest": line.receipt,
                "remedy": line.remedy,
                "numbers": [number.model_dump(mode="json") for number in line.numbers],
            }
            for line in one.lines
        ],
    }


def text_of(explained: ExplainedItem) -> Iterator[str]:
    """Yield the explanation line by line, for people."""
    decided, item = explained.decided, explained.decided.item
    yield f"{item.id}: {'ticked' if decided.ticked else 'open'}, {decided.word if item.manual else decided.verdict}"
    yield f"{decided.part}, {item.section}"
    yield f"\nclaims\n  {item.sentence}\n\n{'said' if item.manual else 'looked at'}"
    if not explained.looked_at:
        yield f"  {decided.message}"
    for one in explained.looked_at:
        yield f"  {one.proof}{f': {one.asks}' if one.asks else ''}"
        yield from _lines_of(one)
    if item.not_looked_at:
        yield f"\nnot looked at\n  {item.not_looked_at}"
    if not decided.ticked:
        yield f"\nopen because\n  {decided.message}"
        yield from [f"  → {decided.remedy}"] if decided.remedy and not decided.stale else []
    if explained.twins:
        yield f"\ntested on a true project and on false ones\n  {explained.twins} (in the repository of zk0)"


def _lines_of(one: LookedAt) -> Iterator[str]:
    if not one.lines:
        yield "    not yet"
    for line in one.lines:
        yield f"    {line.verdict}: {line.message}"
        numbers = (f"{number.name} {number.amount}{f' ({number.at})' if number.at else ''}" for number in line.numbers)
        yield from (f"      {number}" for number in numbers)
    if one.at:
        source = "" if one.lines[0].run == PROJECT else f", step {one.lines[0].step} of run {one.lines[0].run}"
        yield f"    on {one.at:%Y-%m-%d %H:%M} UTC{source}; kept in {one.receipt}"
        yield from [f"    from {', '.join(one.artifacts)}"] if one.artifacts else []
    yield from [f"    read: {', '.join(one.reads)}"] if one.reads else []
