"""Do the copies of a run's results agree? Its journal, receipts, workflow file, and the evidence in the memory bank.

A result is kept more than once: a receipt in the journal, in a file and, where it is cited, in the memory bank. Each
line of the journal has the hash of the line before, and `journal.head` that of the last one. So to change one copy is
noticed by comparing it with the others. It does not help against somebody who changes all copies consistently: only
what is committed does, which `verify_run` reads too.

The records are compared as plain JSON, as they were written, whatever fields this version knows.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from zk0.core.errors import JournalError
from zk0.core.project import Project
from zk0.core.receipts import DIGEST_LENGTH, canonical_digest
from zk0.workflow.handed_over import path_of, read_files
from zk0.workflow.journal import RESTING_KINDS, WAITING_KIND, Head, line_digest, read_head

SHOWN = 60  # characters of a value in a message
JOURNAL, SPEC, NESTED, INPUTS, RECEIPTS = "journal.jsonl", "spec.yaml", "workflows", "inputs.json", "receipts"

type Content = Mapping[str, Any]


@dataclass(frozen=True)
class Difference:
    """Two copies that do not agree: the file and the field of one of them, and how it differs."""

    file: str
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}{f': {self.field}' if self.field else ''}: {self.message}"


class RecordReader:
    """Compares the records of a project's runs; reads the evidence of the memory bank once."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._believed: dict[str, bool] = {}

    def differences(self, run: Path, *, incomplete: bool = False) -> tuple[Difference, ...]:
        """Return how the records of a run differ.

        Args:
            run: its directory.
            incomplete: whether files of receipts may be missing. If not, nothing is said of a run in progress, whose
                records are being written.
        """
        records = RunRecords(run)
        if not records.lines:
            return tuple(records.without_journal())
        if records.is_in_progress and not incomplete:
            return ()
        evidence = self._evidence.get(run.name, ())
        return (*records.differences(incomplete=incomplete), *records.compare_evidence(evidence))

    def complaint(self, run: str) -> str | None:
        """Return that the records of a run do not agree; None where they do, or where it is not on this machine."""
        found = self.differences(self.project.runs_dir / run)
        return f"the records of run {run} do not agree (zk0 runs verify {run})" if found else None

    def may_be_reused(self, run: str) -> bool:
        """Return whether the journal of a run may be believed; receipts that are missing do not matter."""
        if run not in self._believed:
            self._believed[run] = not self.differences(self.project.runs_dir / run, incomplete=True)
        return self._believed[run]

    def require_agreement(self, run: Path, *, replaces_spec: bool = False) -> None:
        """Refuse a run whose records do not agree; of its workflow file, only if that is not replaced.

        Raises:
            JournalError: they do not; the message names the first difference.
        """
        found = [one for one in self.differences(run, incomplete=True) if not (replaces_spec and one.file == SPEC)]
        if found:
            instead = f"zk0 resume {run.name} --spec new" if found[0].file == SPEC else "start a new run instead"
            raise JournalError(
                f"run {run.name} was altered: {found[0]}", remedy=f"zk0 runs verify {run.name}; {instead}"
            )

    @cached_property
    def _evidence(self) -> dict[str, list[tuple[str, Content]]]:
        found: dict[str, list[tuple[str, Content]]] = {}
        for directory in self.project.evidence_dirs:
            for path in sorted(directory.glob("*.json")):
                content = read_json(path)
                found.setdefault(str(content.get("run")), []).append((self.project.shown(path), content))
        return found


class RunRecords:
    """The records of one run, as they are on the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def lines(self) -> list[bytes]:
        """The lines of the journal, without a torn last one."""
        journal = self.path / JOURNAL
        whole = journal.read_bytes().splitlines(keepends=True) if journal.is_file() else []
        return [line.rstrip(b"\n") for line in whole if line.endswith(b"\n")]

    @cached_property
    def events(self) -> list[Content]:
        """The events of the journal; empty for a line that is none."""
        return [parse_content(line) for line in self.lines]

    @cached_property
    def receipts(self) -> dict[str, list[Content]]:
        """The receipts in the journal by step, in the order they were written."""
        found: dict[str, list[Content]] = {}
        for event in self.events:
            if event.get("kind") == "step-finished" and isinstance(receipt := event.get("receipt"), dict):
                found.setdefault(str(receipt.get("step")), []).append(receipt)
        return found

    @property
    def _rests(self) -> bool:
        """Whether the run has ended, or waits."""
        return self.events[-1].get("kind") in RESTING_KINDS

    @property
    def is_in_progress(self) -> bool:
        """Whether an engine writes to it now, and it has neither ended nor waits."""
        if self._rests:
            return False
        from zk0.workflow.lock import owner  # it imports psutil, for which `zk0 prime` has no time
        from zk0.workflow.run import RunDirectory

        return owner(RunDirectory(self.path)) is not None

    def without_journal(self) -> Iterator[Difference]:
        """Yield a difference for receipts without a journal: an engine writes its line before it writes a receipt."""
        if any((self.path / RECEIPTS).rglob("*.json")):
            yield Difference(JOURNAL, "", "is missing: no engine wrote the receipts beside it")

    def differences(self, *, incomplete: bool = False) -> Iterator[Difference]:
        """Yield how the records differ from each other.

        Args:
            incomplete: whether missing receipts are no difference: a run that is resumed writes them again.
        """
        yield from self._journal()
        yield from self._workflow()
        yield from self._receipts(incomplete=incomplete)
        yield from self._handovers()

    def compare_evidence(self, evidence: Iterable[tuple[str, Content]]) -> Iterator[Difference]:
        """Yield how copies of receipts elsewhere differ from those in the journal."""
        journal = {str(one.get("digest")): one for receipts in self.receipts.values() for one in receipts}
        for event in self.events:
            if event.get("kind") == "step-repairing":
                failed = event.get("failed", {}).get("receipt", {})
                journal[str(failed.get("digest"))] = failed
        for name, content in evidence:
            stated = str(content.get("digest"))
            if stated not in journal:
                yield Difference(name, "digest", f"is {stated}, which no receipt in the journal of the run has")
            else:
                yield from _fields(name, content, journal[stated], "the journal")

    def _journal(self) -> Iterator[Difference]:
        start = self.events[0] if self.events else {}
        if start.get("run") != self.path.name:
            yield Difference(JOURNAL, "run", f"is {start.get('run')!r}, in the directory of run {self.path.name}")
        before = b""
        for number, (line, event) in enumerate(zip(self.lines, self.events, strict=True), 1):
            if ("chain" in event or "chain" in start) and event.get("chain") != line_digest(before):
                yield Difference(
                    f"{JOURNAL}:{number}", "chain", "the lines above are not those after which it was written"
                )
            before = line
        if "chain" in start:
            yield from self._head(read_head(self.path / JOURNAL))

    def _head(self, head: Head | None) -> Iterator[Difference]:
        count = len(self.lines)
        if head is None:
            if self._rests:  # else the machine may have lost power
                yield Difference("journal.head", "", "is missing")
        elif count < head.count - 1:
            yield Difference(JOURNAL, "", f"has {count} lines, and {head.count} were written")
        elif count >= head.count and line_digest(self.lines[head.count - 1]) != head.digest:
            yield Difference(f"{JOURNAL}:{head.count}", "", "is not the line that was written")
        elif count > head.count and self._rests:
            yield Difference(JOURNAL, "", f"has {count} lines, and {head.count} were written")

    def _workflow(self) -> Iterator[Difference]:
        start = self.events[0]
        recorded = [event["spec"] for event in self.events if event.get("spec")]
        if recorded and spec_digest(self.path) != recorded[-1]:
            yield Difference(SPEC, "", "is not the workflow that the run performs")
        inputs = self.path / INPUTS
        if recorded and inputs.is_file() and read_json(inputs) != start.get("inputs"):
            yield Difference(INPUTS, "", "differs from the inputs in the journal")

    def _receipts(self, *, incomplete: bool) -> Iterator[Difference]:
        for step, receipts in self.receipts.items():
            for receipt in receipts:
                yield from _digest(f"{JOURNAL}: receipt of {step}", receipt)
            yield from self._receipt_file(step, receipts, incomplete=incomplete)
        known = {self._receipt_path(step) for step in self.receipts}
        for path in sorted((self.path / RECEIPTS).rglob("*.json")):
            if path not in known:
                yield Difference(self._shown(path), "", "the journal has no such receipt")

    def _receipt_file(self, step: str, receipts: list[Content], *, incomplete: bool) -> Iterator[Difference]:
        path, last = self._receipt_path(step), receipts[-1]
        name = self._shown(path)
        # Killed after the journal's line, before the file: the resumed run writes it again.
        is_pending = incomplete or (self.events[-1].get("receipt") == last)
        if not path.is_file():
            if not is_pending:
                yield Difference(name, "", "is missing")
            return
        content = read_json(path)
        if is_pending and content in receipts:
            return
        yield from _digest(name, content)
        yield from _fields(name, content, last, "the journal")

    def _handovers(self) -> Iterator[Difference]:
        for event in self.events:
            if event.get("kind") == WAITING_KIND and (digest := event.get("files")):
                handover = self.path / "steps" / str(event.get("step")) / "handover.md"
                if read_files(handover, digest) is None:
                    name = self._shown(path_of(handover, digest))
                    yield Difference(name, "", "the list of the files at the handover is missing or was changed")

    def _receipt_path(self, step: str) -> Path:
        return self.path / RECEIPTS / f"{step}.json"

    def _shown(self, path: Path) -> str:
        return path.relative_to(self.path).as_posix()


def spec_digest(run: Path) -> str:
    """Return the digest of the workflow file in a run's directory, and of those it performs."""
    return texts_digest(_text(run / SPEC), {path.stem: _text(path) for path in (run / NESTED).glob("*.yaml")})


def texts_digest(spec: str, nested: Mapping[str, str]) -> str:
    """Return the digest of a workflow file's text and of those it performs, by name."""
    return canonical_digest([spec, dict(nested)])


def read_json(path: Path) -> Content:
    """Return the JSON object in a file; empty where there is none."""
    try:
        return parse_content(path.read_bytes())
    except OSError:
        return {}


def parse_content(text: bytes) -> Content:
    """Return the JSON object in a text; empty where there is none."""
    try:
        content = json.loads(text)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""


def _digest(name: str, content: Content) -> Iterator[Difference]:
    """Yield a difference where a receipt's content does not have the digest that it states."""
    found = canonical_digest({key: value for key, value in content.items() if key != "digest"})[:DIGEST_LENGTH]
    if found != content.get("digest"):
        yield Difference(name, "digest", f"states {content.get('digest')}, and its content has {found}")


def _fields(name: str, content: Content, other: Content, place: str) -> Iterator[Difference]:
    for key in dict.fromkeys((*other, *content)):
        if content.get(key) != other.get(key):
            yield Difference(name, key, f"is {_shown(content.get(key))}, and {_shown(other.get(key))} in {place}")


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
