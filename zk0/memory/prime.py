"""The brief an agent starts from (`zk0 prime`): what matters most first, within a budget of tokens.

Three bytes count as one token; no tokenizer is loaded, for that would be slower than all of this. English prose has
about four characters a token, ids and digests between two and three, so the estimate is on the safe side.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from zk0.core.errors import SpecError
from zk0.core.project import Project
from zk0.memory.bank import Bank, BankSnapshot
from zk0.memory.budget import cell, cut, fit
from zk0.memory.entries import Entry, Kind
from zk0.memory.evidence import EvidenceReader
from zk0.memory.freshness import SHORT_COMMIT, Assessment, Freshness, assess, count_freshness
from zk0.memory.preserved_blocks import read_preserved_blocks, resolve_conflict
from zk0.memory.unfinished_runs import OpenRun, open_runs

BUDGET = 2000  # tokens
BYTES_A_TOKEN = 3
ASSESSED = 250  # entries in force, the newest, whose evidence is read again: it has to be fast whatever the bank holds
BRIEF = 600  # bytes of the owner's own words at most
PRESERVED_NOTES = 900  # bytes of kept paragraphs at most
COMMANDS = (
    "`zk0 memory show ID` one entry with its evidence; `zk0 memory search WORDS`; `zk0 memory verify` all of it",
    "`zk0 memory add KIND TITLE --source …` keep what you learn; `--supersedes ID` replaces what is no longer so",
    "`zk0 workflows list`; `zk0 run NAME -i INPUT=VALUE`; `zk0 show latest`; `zk0 resume RUN`",
    "`zk0 task list`; `zk0 task new TITLE --criterion … --critical …`; `zk0 task show ID --check`",
)


@dataclass(frozen=True)
class BriefSection:
    """A heading and its lines, the most useful first; `more` says where the rest is."""

    title: str
    lines: Sequence[str]
    more: str = "zk0 memory show"


@dataclass(frozen=True)
class Brief:
    """The text and what it was estimated to cost."""

    text: str
    tokens: int
    revision: str
    counts: dict[str, int]


def prime(project: Project, now: datetime, *, budget: int = BUDGET) -> Brief:
    """Return the brief of a project as it is now."""
    reading = Bank.of(project).read_current()
    evidence = EvidenceReader(project)
    assessments = [assess(entry, evidence, now) for entry in reading.in_force[-ASSESSED:]]
    counts = count_freshness(assessments)
    sections = list(_sections(project, reading, assessments, evidence, list(open_runs(project))))
    text = fit_sections(sections, budget * BYTES_A_TOKEN)
    return Brief(text, math.ceil(len(text.encode()) / BYTES_A_TOKEN), reading.revision, counts)


def fit_sections(sections: Sequence[BriefSection], most: int) -> str:
    """Return sections as text of so many bytes at most; the last ones lose their last lines first. Pure."""
    counts = {number: len(section.lines) for number, section in enumerate(sections)}
    order = [(number, 0) for number in reversed(counts)]
    return fit(counts, order, lambda shown: _text(sections, list(shown.values())), most)


def _text(sections: Sequence[BriefSection], shown: Sequence[int]) -> str:
    parts = []
    for section, count in zip(sections, shown, strict=True):
        missing = len(section.lines) - count
        rest = [f"- {missing} more: `{section.more}`"] if missing else []
        lines = [*section.lines[:count], *rest]
        if lines:
            parts.append("\n".join([section.title, *lines]))
    return "\n\n".join(parts) + "\n"


def _sections(
    project: Project,
    reading: BankSnapshot,
    assessments: Sequence[Assessment],
    evidence: EvidenceReader,
    runs: Sequence[OpenRun],
) -> Iterator[BriefSection]:
    by_id = {assessment.entry.id: assessment for assessment in assessments}

    def line(entry: Entry, when: str = "") -> str:
        return f"- {cell(entry.title)}{when} (`{entry.id}`{_doubt(by_id.get(entry.id))})"

    def list_kind(kind: Kind) -> list[str]:
        return [line(entry) for entry in reading.newest(kind)]

    results = [line(one, f", {one.generated.at:%Y-%m-%d %H:%M} UTC") for one in reading.last_results.values()]
    runs_of_results = [entry.run for entry in reading.newest(Kind.result) if entry.run]
    proposed = [f"- `zk0 run {name}`, proposed by run `{run.id}`" for run in runs_of_results for name in run.proposals]
    yield BriefSection(f"# {project.name}: state of the work", [_place(evidence), _verification(assessments, reading)])
    yield BriefSection("## Waits for you", [_run(run) for run in runs], "zk0 runs")
    yield BriefSection("## Last results", results, "zk0 runs")
    yield BriefSection("## Focus", [*list_kind(Kind.focus), *_preserved(project, "focus")])
    yield BriefSection("## Open findings", [_finding(entry) for entry in reading.newest(Kind.fault)])
    yield BriefSection("## Next steps", [*proposed, *list_kind(Kind.next), *_preserved(project, "notes")])
    yield BriefSection("## To go on", [f"- {line}" for line in COMMANDS], "zk0 --help")
    yield BriefSection("## Open tasks", list_kind(Kind.task), "zk0 task list")
    yield BriefSection("## Decisions in force", list_kind(Kind.decision))
    yield BriefSection("## The project", _brief(project.memory_dir / "brief.md"), "cat memory-bank/brief.md")
    yield BriefSection("## Known", list_kind(Kind.procedure) + list_kind(Kind.fact), "zk0 memory search WORDS")


def _place(evidence: EvidenceReader) -> str:
    if evidence.head is None:
        return "- not in a git repository"
    branch = f"branch `{evidence.branch}`" if evidence.branch else "a detached HEAD"
    return f"- {branch}, commit `{evidence.head[:SHORT_COMMIT]}`"


def _verification(assessments: Sequence[Assessment], reading: BankSnapshot) -> str:
    counts = ", ".join(f"{count} {name}" for name, count in count_freshness(assessments).items() if count)
    others = len(reading.in_force) - len(assessments)
    broken = f", {others} older ones not looked at (`zk0 memory verify`)" if others else ""
    broken += f", {len(reading.problems)} to repair (`zk0 memory verify`)" if reading.problems else ""
    return f"- memory, read again just now: {counts or 'nothing yet'}{broken}; revision `{reading.revision}`"


def _run(run: OpenRun) -> str:
    if run.waiting:
        asked = f"run `{run.run}` waits for {run.waiting.who}: {cell(run.waiting.title)}"
        return f"- {asked}. Read `{run.waiting.handover}`, then `zk0 resume {run.run}`"
    return f"- run `{run.run}` has not ended: it goes on, or was stopped; `zk0 show {run.run}`, `zk0 resume {run.run}`"


def _finding(entry: Entry) -> str:
    fault = entry.fault
    if fault is None:
        return f"- {cell(entry.title)} (`{entry.id}`)"
    repair = f" Repair: `zk0 run {fault.repaired_by}`." if fault.repaired_by else ""
    remedy = f" Remedy: {cell(fault.remedy.rstrip('.'))}." if fault.remedy and not repair else ""
    title = cell(entry.title.rstrip("."))
    return f"- {fault.workflow}/{fault.step} `{fault.check or fault.code}`: {title}.{repair}{remedy} (`{entry.id}`)"


def _doubt(assessment: Assessment | None) -> str:
    if assessment is None or assessment.freshness is Freshness.fresh or not assessment.entry.sources:
        return ""
    return f", {assessment.freshness}: {cell(assessment.reasons[0])}"


def _preserved(project: Project, name: str) -> list[str]:
    """Return what people wrote into a kept paragraph of the context page."""
    page = project.memory_dir / "context.md"
    if not page.is_file():
        return []
    try:
        kept = read_preserved_blocks(resolve_conflict(page.read_text(encoding="utf-8", errors="replace")), page.name)
    except SpecError as error:  # the brief shows it, and all the rest
        return [f"- {error.message}"]
    return [cut(kept[name], PRESERVED_NOTES)] if kept.get(name) else []


def _brief(path: Path) -> list[str]:
    """Return the first paragraphs of the owner's brief, without its headings."""
    if not path.is_file():
        return []
    paragraphs = [part.strip() for part in path.read_text(encoding="utf-8", errors="replace").split("\n\n")]
    return [cut("\n".join(part for part in paragraphs if part and not part.startswith("#")), BRIEF)]
