"""The kept answers of checks: a receipt each, and a journal that says which of them zk0 wrote.

The journal has a line for each answer, with the digest of its receipt, and of the line before as `chain`. An answer
counts if it is the last that the journal has of its check. One that was written or edited by hand, put back from
before, or copied from another project is named and asked again. Who can write files can write journal and receipt
alike: answers are not committed, so a fresh clone asks every check, and so does `zk0 checklist verify --anew`.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from zk0.core.errors import UnknownNameError
from zk0.core.project import Project
from zk0.core.receipts import Receipt, ReceiptStore, read_receipt
from zk0.workflow.integrity import parse_content
from zk0.workflow.journal import line_digest

PROJECT = "project"  # the run, and the workflow, of the receipts of checks that look at the project itself
LARGEST = 1 << 16  # bytes of the journal, of about 500 answers; then it begins anew with those that are kept


@dataclass(frozen=True)
class KeptAnswers:
    """The answers that count, and why others do not, by the key of the check."""

    receipts: tuple[Receipt, ...]
    problems: dict[str, str]


class AnswerStore:
    """The answers of one project, in `.zk0/checklists/project/`."""

    def __init__(self, project: Project) -> None:
        self._store = ReceiptStore(project.state_dir / "checklists")
        self._folder = self._store.runs_dir / PROJECT
        self._journal = self._folder / "journal.jsonl"

    def save(self, receipt: Receipt) -> None:
        """Keep an answer in place of the one before; several processes may do so at once."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._locked() as descriptor:
            whole = _whole_lines(self._journal.read_bytes())
            good = list(_chained(whole))
            if len(good) < len(whole) or sum(map(len, whole)) > LARGEST:
                _rewrite(descriptor, _written(good))
                good = list(_chained(_whole_lines(self._journal.read_bytes())))
            os.ftruncate(descriptor, sum(len(line) + 1 for line in good))  # a torn line goes
            os.write(descriptor, _line(receipt.step, receipt.digest, good[-1] if good else b""))
            self._store.save(receipt)

    def read(self) -> KeptAnswers:
        """Return the answers, and name those that zk0 did not write."""
        text = self._journal.read_bytes() if self._journal.is_file() else b""
        recorded = _written(_chained(_whole_lines(text)))
        found, problems = [], {}
        folder = self._folder / "receipts"
        for path in sorted(folder.rglob("*.json")):
            key = path.relative_to(folder).as_posix().removesuffix(".json")
            try:
                receipt = read_receipt(path)
            except UnknownNameError:
                problems[key] = f"the kept answer of {key} was changed since it was written"
                continue
            written = recorded.get(key, [""])
            if receipt.step == key and receipt.run == PROJECT and written[-1] == receipt.digest:
                found.append(receipt)
            elif receipt.digest not in written:  # one from before is left by a process that was killed
                problems[key] = f"the kept answer of {key} is not one that zk0 wrote"
        return KeptAnswers(tuple(sorted(found, key=lambda one: one.order)), problems)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        descriptor = os.open(self._journal, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)


def _written(lines: Iterable[bytes]) -> dict[str, list[str]]:
    """Return the digests of the answers of each check, the last one last."""
    found: dict[str, list[str]] = {}
    for content in map(parse_content, lines):
        found.setdefault(str(content.get("check")), []).append(str(content.get("receipt")))
    return found


def _whole_lines(text: bytes) -> list[bytes]:
    return text.split(b"\n")[:-1]


def _chained(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines up to the first that does not follow on the one before."""
    before = b""
    for line in lines:
        if parse_content(line).get("chain") != line_digest(before):
            return
        yield line
        before = line


def _line(check: str, receipt: str, before: bytes) -> bytes:
    return json.dumps({"check": check, "receipt": receipt, "chain": line_digest(before)}).encode() + b"\n"


def _rewrite(descriptor: int, written: Mapping[str, list[str]]) -> None:
    os.ftruncate(descriptor, 0)
    before = b""
    for check, receipts in written.items():
        line = _line(check, receipts[-1], before)
        os.write(descriptor, line)
        before = line.rstrip(b"\n")
