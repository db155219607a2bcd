"""The statement that a person approves: the instruction, and a digest each of the code, the artifacts and the receipts.

It is text, so that the person reads what they sign, and each digest has a short list of what is behind it. It is
computed again when the answer is read: an answer to another statement does not count.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from zk0.core.file_snapshots import FileSnapshot
from zk0.core.pages import visible
from zk0.core.project import Project
from zk0.core.receipts import Receipt, canonical_digest, file_digest
from zk0.workflow.state import RunState

LISTED = 20  # artifacts or receipts in a statement; the digest covers all
SHORT = 16  # digits of a digest in a list
GONE = "gone"


@dataclass(frozen=True)
class MadeFile:
    """An artifact of a step, with its digest as it is now; `gone` where it is no longer there."""

    step: str
    name: str
    path: str
    sha256: str


@dataclass(frozen=True)
class ApprovalSubject:
    """The project and what a run made, as a person approves it; `code` is the digest that receipts name."""

    code: str
    files: FileSnapshot
    made: tuple[MadeFile, ...]


def read_subject(project: Project, receipts: Iterable[Receipt]) -> ApprovalSubject:
    """Return the project and what these receipts say was made, read from disk now.

    Raises:
        DependencyMissingError: it is a repository, and there is no git that can be trusted.
    """
    made = tuple(file for receipt in receipts for file in _made(project, receipt))
    return ApprovalSubject(project.tree().code, project.file_snapshot(), made)


def _made(project: Project, receipt: Receipt) -> list[MadeFile]:
    run, found = project.runs_dir / receipt.run, []
    for one in receipt.artifacts:
        place = next((base / one.path for base in (run, project.root) if (base / one.path).exists()), None)
        found.append(MadeFile(receipt.step, one.name, one.path, file_digest(place) if place else GONE))
    return found


def statement_of(
    state: RunState, workflow: str, step: str, asked: datetime, instruction: str, subject: ApprovalSubject
) -> str:
    """Return the statement of a question.

    Args:
        state: the run when it was asked.
        workflow: the digest of the workflow file that it performs.
        step: the path of the step that asks.
        asked: when it began to ask.
        instruction: what the person is asked to approve.
        subject: what they approve it of.
    """
    made = [f"{one.step} {one.name} {one.path} {one.sha256[:SHORT]}" for one in subject.made]
    receipts = [f"{receipt.step} {receipt.verdict} {receipt.digest}" for receipt in state.receipts]
    lines = [
        f"run: {state.run}",
        f"workflow: {state.workflow}, sha256 {workflow}",
        f"step: {step}",
        f"asked: {asked.isoformat()}",
        "instruction:",
        *(f"  {line}" for line in instruction.strip().splitlines()),
        f"code: sha256 {subject.code}",
        f"files: sha256 {subject.files.digest}",
        f"  all {len(subject.files.files)} files of the project, with their modes",
        f"artifacts: sha256 {canonical_digest([[one.step, one.name, one.path, one.sha256] for one in subject.made])}",
        *_listed(made),
        f"receipts: sha256 {canonical_digest([receipt.digest for receipt in state.receipts])}",
        *_listed(receipts),
    ]
    return "zk0 asks for an approval\n" + "".join(f"{visible(line)}\n" for line in lines)


def changed_parts(before: str, now: str) -> list[str]:
    """Return the names of the parts in which two statements differ."""
    old, new = _parts(before), _parts(now)
    return [name for name in dict.fromkeys((*old, *new)) if old.get(name) != new.get(name)]


def _parts(statement: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    name = ""
    for line in statement.splitlines()[1:]:
        if not line.startswith(" "):
            name = line.partition(":")[0]
        parts[name] = parts.get(name, "") + line
    return parts


def _listed(lines: Sequence[str]) -> list[str]:
    rest = [f"  and {len(lines) - LISTED} more"] if len(lines) > LISTED else []
    return [f"  {line}" for line in lines[:LISTED]] + rest or ["  none"]
