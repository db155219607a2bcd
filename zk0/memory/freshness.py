"""Is an entry still true? Each of its sources is read again, without a model; pure but for the evidence handed in.

fresh         the evidence is there and says what the entry says
stale         what it rests on has changed since, or its time is over: it may still be true
contradicted  the evidence is there and says something else
unverifiable  the evidence is not here, or there is none to read

An entry is what the worst of its sources is. Web links are not read; beside other sources they do not count. Evidence
is missing where an entry has a receipt that is not in the repository, or a result has none: no clone can check it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from zk0.core.errors import UnknownNameError
from zk0.core.fingerprints import relevant
from zk0.core.pages import join_first
from zk0.memory.entries import PYPROJECT, Entry, FactSource, Kind, RunRecord
from zk0.memory.evidence import EvidenceReader, lines_digest, value_at

FILES_NAMED = 3  # changed files named in one reason
SHORT_COMMIT = 8  # digits
INTENTIONS = (Kind.focus, Kind.next, Kind.task)  # they claim nothing, so they need no evidence


class Freshness(StrEnum):
    """What reading the evidence again says of an entry."""

    fresh = "fresh"
    unverifiable = "unverifiable"
    stale = "stale"
    contradicted = "contradicted"


WORST = tuple(Freshness)  # the members from best to worst


@dataclass(frozen=True)
class SourceCheck:
    """What one source says now; `missing` evidence is none that a clone of the repository has."""

    freshness: Freshness
    reason: str = ""
    missing: bool = False


@dataclass(frozen=True)
class Assessment:
    """What all sources of an entry say now; `reasons` say why it is not fresh, `sources` is what each says."""

    entry: Entry
    freshness: Freshness
    reasons: tuple[str, ...]
    is_missing: bool = False
    sources: tuple[SourceCheck | None, ...] = ()

    @property
    def doubt(self) -> str:
        """What a page says beside the entry; nothing if it is fresh."""
        if self.freshness is Freshness.fresh:
            return ""
        if not self.entry.sources and self.freshness is Freshness.unverifiable and not self.entry.run:
            return "no evidence"
        return f"{self.freshness}: {self.reasons[0]}"

    @property
    def numbers(self) -> list[FactSource]:
        """The sources with a value that the evidence agrees with."""
        checked = zip(self.entry.sources, self.sources, strict=True)
        return [source for source, check in checked if check and check.freshness is Freshness.fresh]


FRESH = SourceCheck(Freshness.fresh)


def assess(entry: Entry, evidence: EvidenceReader, now: datetime) -> Assessment:
    """Read an entry's evidence again."""
    sources = tuple(_source(source, evidence) for source in entry.sources)
    nothing = SourceCheck(
        Freshness.unverifiable, "it names no source that can be read again", entry.kind is Kind.result
    )
    if entry.kind in INTENTIONS and not entry.sources:
        nothing = FRESH
    found = [*(one for one in sources if one), *_circumstances(entry, evidence, now)] or [nothing]
    freshness = max((one.freshness for one in found), key=WORST.index)
    worst_first = sorted(found, key=lambda one: WORST.index(one.freshness), reverse=True)
    reasons = dict.fromkeys(one.reason for one in worst_first if one.freshness is not Freshness.fresh)
    return Assessment(entry, freshness, tuple(reasons), any(one.missing for one in found), sources)


def assess_all(entries: Iterable[Entry], evidence: EvidenceReader, now: datetime) -> dict[str, Assessment]:
    """Read the evidence of several entries again, by their ids."""
    return {entry.id: assess(entry, evidence, now) for entry in entries}


def count_freshness(assessments: Iterable[Assessment]) -> dict[str, int]:
    """Return how many entries are fresh, unverifiable, stale and contradicted, all four named."""
    counted = Counter(one.freshness for one in assessments)
    return {freshness.value: counted[freshness] for freshness in Freshness}


def _circumstances(entry: Entry, evidence: EvidenceReader, now: datetime) -> Iterator[SourceCheck]:
    """Check what an entry is about besides its sources: its time, its commit, and the code and steps of its run."""
    if entry.is_stale(now):
        yield SourceCheck(Freshness.stale, f"it was said to hold until {entry.stale_after:%Y-%m-%d}")
    if entry.run and (altered := evidence.altered(entry.run.id)):
        yield SourceCheck(Freshness.contradicted, altered)
    if entry.kind is Kind.result and entry.run is None:
        yield SourceCheck(Freshness.unverifiable, "it is a result of no run", missing=True)
    elif entry.kind is Kind.result and entry.run:
        yield from _code(entry, evidence)
        yield from _steps(entry, entry.run, evidence)
    elif entry.commit and evidence.contains(entry.commit) is False:
        commit = f"{entry.commit[:SHORT_COMMIT]}{f' of branch {entry.branch}' if entry.branch else ''}"
        yield SourceCheck(Freshness.stale, f"it is about commit {commit}, which is not part of HEAD")


def _source(source: FactSource, evidence: EvidenceReader) -> SourceCheck | None:
    if source.receipt:
        return _receipt(source, evidence)
    if source.config:
        return _setting(source, evidence)
    if source.file:
        return _file(source, evidence)
    if source.commit:
        return _commit(source.commit, evidence)
    return None


def _receipt(source: FactSource, evidence: EvidenceReader) -> SourceCheck:
    digest = source.receipt or ""
    try:
        receipt = evidence.receipt(digest)
        if receipt is None or not evidence.is_carried(digest):
            where = "is not here" if receipt is None else "is in a run on this machine alone"
            return SourceCheck(Freshness.unverifiable, f"receipt {digest} {where}, not in the repository", missing=True)
        value = source.value if source.metric is None else value_at(receipt, source.metric)
    except UnknownNameError as error:
        return SourceCheck(Freshness.contradicted, str(error))
    said = _compare(f"{source.metric} of receipt {digest}", value, source.value)
    return _origin(digest, str(receipt.get("run")), evidence) if said is FRESH else said


def _origin(digest: str, run: str, evidence: EvidenceReader) -> SourceCheck:
    """Check that an engine wrote a receipt: a commit has it, or the journal of its run on this machine."""
    if altered := evidence.altered(run):
        return SourceCheck(Freshness.contradicted, altered)
    if evidence.is_vouched_for(digest, run):
        return FRESH
    reason = f"receipt {digest} is in no commit, and in the journal of no run on this machine"
    return SourceCheck(Freshness.unverifiable, reason, missing=True)


def _setting(source: FactSource, evidence: EvidenceReader) -> SourceCheck:
    file, key = source.file or PYPROJECT, source.config or ""
    try:
        value = evidence.setting(file, key)
    except KeyError as error:
        return SourceCheck(Freshness.stale, str(error.args[0]))
    return _compare(f"{key} in {file}", value, source.value)


def _file(source: FactSource, evidence: EvidenceReader) -> SourceCheck:
    lines = evidence.lines(source.file or "")
    if lines is None:
        return SourceCheck(Freshness.stale, f"{source.file} is not there any more")
    if source.sha256 is None:
        return FRESH if source.lines is None or source.lines[1] <= len(lines) else _stale_file(source)
    first, last = source.lines or (1, len(lines))
    if lines_digest(lines[first - 1 : last]) == source.sha256:
        return FRESH
    # Lines that only moved, since something was written above them, still say what they said.
    length = last - first + 1
    moved = range(len(lines) - length + 1) if source.lines else ()
    return FRESH if any(lines_digest(lines[at : at + length]) == source.sha256 for at in moved) else _stale_file(source)


def _stale_file(source: FactSource) -> SourceCheck:
    return SourceCheck(Freshness.stale, f"{source.where} has changed since it was cited")


def _commit(commit: str, evidence: EvidenceReader) -> SourceCheck:
    short = commit[:SHORT_COMMIT]
    match evidence.contains(commit):
        case True:
            return FRESH
        case False:
            return SourceCheck(Freshness.stale, f"commit {short} is not part of HEAD")
        case None:
            return SourceCheck(Freshness.unverifiable, f"commit {short} is not in this repository")


def _code(entry: Entry, evidence: EvidenceReader) -> Iterator[SourceCheck]:
    """Check whether a result is about the code as it is now."""
    reads = entry.run.reads if entry.run else ()
    if entry.tree and entry.tree == evidence.tree(reads):
        yield FRESH
    elif entry.tree is None and entry.code:
        yield SourceCheck(Freshness.unverifiable, "its digest of the code is of an older kind; run the workflow again")
    elif entry.tree is None and entry.run and entry.run.files:
        yield SourceCheck(Freshness.stale, f"the code changed while it ran: {join_first(entry.run.files, FILES_NAMED)}")
    elif entry.tree is None and (entry.commit is None or evidence.resolve_commit(entry.commit) is None):
        yield SourceCheck(Freshness.unverifiable, "it does not say which code it is about")
    else:
        files = relevant(evidence.changed_since(entry.commit), reads) if entry.commit else []
        added = ": files that it read, or the names of others" if reads else ""
        named = f": {join_first(files, FILES_NAMED)}" if files else added
        changed = entry.tree is not None or files
        yield SourceCheck(Freshness.stale, f"the code has changed since{named}") if changed else FRESH


def _steps(entry: Entry, run: RunRecord, evidence: EvidenceReader) -> Iterator[SourceCheck]:
    """Check the verdicts of a result's steps, and that all its receipts are of this run.

    A run that was broken off before its first step claims nothing.
    """
    for step in run.steps:
        if step.receipt:
            yield _receipt(FactSource(receipt=step.receipt, metric="verdict", value=str(step.verdict)), evidence)
            yield _receipt(FactSource(receipt=step.receipt, metric="step", value=step.id), evidence)
    cited = {*(step.receipt for step in run.steps), *(source.receipt for source in entry.sources)} - {None}
    for digest in sorted(filter(None, cited)):
        yield _receipt(FactSource(receipt=digest, metric="run", value=run.id), evidence)
    if run.is_complete and not cited:
        yield SourceCheck(Freshness.unverifiable, "it names no receipt", missing=True)
    if not run.verdict.stops and any(step.verdict.stops for step in run.steps):
        yield SourceCheck(Freshness.contradicted, f"a step did not pass, and it says {run.verdict}")


def _compare(what: str, found: object, stated: object) -> SourceCheck:
    # TOML and YAML read 1 and 1.0 as different types; true is not 1.
    is_flag = isinstance(found, bool) or isinstance(stated, bool)
    if found is stated if is_flag else found == stated:
        return FRESH
    return SourceCheck(Freshness.contradicted, f"{what} is {found!r}, not {stated!r}")
