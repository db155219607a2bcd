"""Is an entry still true? Each of its sources is read again, without a model; pure but for the evidence handed in.

fresh         the evidence is there and says what the entry says
stale         what it rests on has changed since, or its time is over: it may still be true
contradicted  the evidence is there and says something else
unverifiable  the evidence is not here, or there is none to read

An entry is what the worst of its sources is. Web links are not read; beside other sources they do
not count.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from zk0.core.errors import UnknownNameError
from zk0.core.pages import join_first
from zk0.memory.entries import PYPROJECT, Entry, FactSource, Kind
from zk0.memory.evidence import EvidenceReader, lines_digest, value_at

FILES_NAMED = 3  # changed files named in one reason
SHORT_COMMIT = 8  # digits


class Freshness(StrEnum):
    """What reading the evidence again says of an entry."""

    fresh = "fresh"
    unverifiable = "unverifiable"
    stale = "stale"
    contradicted = "contradicted"


WORST = tuple(Freshness)  # the members from best to worst


@dataclass(frozen=True)
class SourceCheck:
    """What one source says now."""

    freshness: Freshness
    reason: str = ""


@dataclass(frozen=True)
class Assessment:
    """What all sources of an entry say now; `reasons` say why it is not fresh."""

    entry: Entry
    freshness: Freshness
    reasons: tuple[str, ...]


FRESH = SourceCheck(Freshness.fresh)


def assess(entry: Entry, evidence: EvidenceReader, now: datetime) -> Assessment:
    """Read an entry's evidence again."""
    nothing = SourceCheck(Freshness.unverifiable, "it names no source that can be read again")
    found = list(_read_again(entry, evidence, now)) or [nothing]
    freshness = max((one.freshness for one in found), key=WORST.index)
    reasons = dict.fromkeys(one.reason for one in found if one.freshness is not Freshness.fresh)
    return Assessment(entry, freshness, tuple(reasons))


def count_freshness(assessments: Iterable[Assessment]) -> dict[str, int]:
    """Return how many entries are fresh, unverifiable, stale and contradicted, all four named."""
    counted = Counter(one.freshness for one in assessments)
    return {freshness.value: counted[freshness] for freshness in Freshness}


def _read_again(entry: Entry, evidence: EvidenceReader, now: datetime) -> Iterator[SourceCheck]:
    read = [found for source in entry.sources if (found := _source(source, evidence))]
    yield from read
    if entry.is_stale(now):
        yield SourceCheck(Freshness.stale, f"it was said to hold until {entry.stale_after:%Y-%m-%d}")
    if entry.run and (altered := evidence.altered(entry.run.id)):
        yield SourceCheck(Freshness.contradicted, altered)
    if entry.kind is Kind.result and entry.run:
        yield from _code(entry, evidence)
        if not read:
            yield from _steps(entry, evidence)
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
        if receipt is None:
            return SourceCheck(Freshness.unverifiable, f"receipt {digest} is not here")
        if source.metric is None:
            return FRESH
        value = value_at(receipt, source.metric)
    except UnknownNameError as error:
        return SourceCheck(Freshness.contradicted, str(error))
    return _compare(f"{source.metric} of receipt {digest}", value, source.value)


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
    if entry.tree and entry.tree == evidence.tree:
        yield FRESH
    elif entry.tree is None and entry.code:
        yield SourceCheck(Freshness.unverifiable, "its digest of the code is of an older kind; run the workflow again")
    elif entry.tree is None and entry.run and entry.run.files:
        yield SourceCheck(Freshness.stale, f"the code changed while it ran: {join_first(entry.run.files, FILES_NAMED)}")
    elif entry.tree is None and (entry.commit is None or evidence.resolve_commit(entry.commit) is None):
        yield SourceCheck(Freshness.unverifiable, "it does not say which code it is about")
    else:
        files = evidence.changed_since(entry.commit) if entry.commit else []
        named = f": {join_first(files, FILES_NAMED)}" if files else ""
        changed = entry.tree is not None or files
        yield SourceCheck(Freshness.stale, f"the code has changed since{named}") if changed else FRESH


def _steps(entry: Entry, evidence: EvidenceReader) -> Iterator[SourceCheck]:
    """Read the verdicts of a result that has no numbers: those of its steps."""
    for step in entry.run.steps if entry.run else ():
        if step.receipt:
            yield _receipt(FactSource(receipt=step.receipt, metric="verdict", value=str(step.verdict)), evidence)


def _compare(what: str, found: object, stated: object) -> SourceCheck:
    # TOML and YAML read 1 and 1.0 as different types; true is not 1.
    is_flag = isinstance(found, bool) or isinstance(stated, bool)
    if found is stated if is_flag else found == stated:
        return FRESH
    return SourceCheck(Freshness.contradicted, f"{what} is {found!r}, not {stated!r}")
