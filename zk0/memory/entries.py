"""An entry: one fact of the memory bank, with where it comes from, who says so and how long it holds.

An entry is never edited. What is learned later is a new entry that names the old one in `supersedes`; a matter that
is settled is superseded by an entry of status `closed`. So two branches can't conflict, and nothing is ever lost.
The id is the date and a hash of the content, so that two writers never choose the same one for different facts.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from zk0.core.errors import ExitStatus
from zk0.core.receipts import canonical_digest
from zk0.core.secrets import without_secrets
from zk0.core.verdicts import Verdict
from zk0.workflow.task_context import TaskContext

PYPROJECT = "pyproject.toml"
COMPLETE = (ExitStatus.done, ExitStatus.failed)  # of a run that came to its end
MASK = "[secret left out]"
HASH_LENGTH = 8  # 32 bits a day: among 100 entries of one day a collision has a chance of 1e-6, and `Bank` notices

INIT = "process:init"  # the author of what `zk0 init` read off a project


class Kind(StrEnum):
    """What sort of fact an entry is."""

    result = "result"
    decision = "decision"
    fault = "fault"
    procedure = "procedure"
    fact = "fact"
    focus = "focus"
    next = "next"
    task = "task"


class Status(StrEnum):
    """Whether an entry counts, or says that the matter it supersedes is settled."""

    active = "active"
    closed = "closed"


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _sentences(text: str) -> str:
    return f"{text.strip()}\n" if text.strip() else ""


type Instant = Annotated[datetime, AfterValidator(_utc)]
type Actor = Annotated[str, StringConstraints(pattern=r"^(process|agent|person):\S")]
type Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, pattern=r"^[^\r\n]+$")]


class Record(BaseModel):
    """What all parts of an entry share: values don't change, and keys we don't know are kept as they are."""

    model_config = ConfigDict(frozen=True, extra="allow", defer_build=True)


class Mark(Record):
    """Who did something, and when."""

    by: Actor
    at: Instant


class FactSource(Record):
    """Where a fact can be read again.

    One of: a receipt, with the path of a value in it (`findings.0.evidence.1.value`) and that value; a file, with
    lines (first and last, from 1) and the SHA-256 of these lines, or of the whole file where none are named; a key of
    a settings file (`tool.flwr.app.config.proximal-mu`; of pyproject.toml where no file is named) and its value; a
    commit; a link.
    """

    name: str = ""
    receipt: str | None = None
    metric: str | None = None
    value: bool | int | Annotated[float, Field(allow_inf_nan=False)] | str | None = None
    unit: str = ""
    file: str | None = None
    lines: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] | None = None
    sha256: str | None = None
    commit: str | None = None
    config: str | None = None
    link: str | None = None

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if not (self.receipt or self.file or self.commit or self.config or self.link):
            raise ValueError("a source names a receipt, a file, a commit, a config key or a link")
        if self.lines and self.lines[0] > self.lines[1]:
            raise ValueError("the first of its lines comes after the last")
        return self

    @property
    def where(self) -> str:
        """The place in a few words, for a table or a message."""
        if self.receipt:
            return f"{self.receipt} {self.metric}" if self.metric else self.receipt
        if self.config:
            return f"{self.file or PYPROJECT} {self.config}"
        if self.file:
            first, last = self.lines or (0, 0)
            return (
                self.file if not first else f"{self.file}:{first}" if first == last else f"{self.file}:{first}-{last}"
            )
        return f"commit {self.commit}" if self.commit else self.link or ""


class StepRecord(Record):
    """One step of a run: its verdict with its receipt, or with the reason why it was skipped."""

    id: str
    title: str
    verdict: Verdict
    seconds: float | None = None
    receipt: str | None = None
    note: str = ""


class RunRecord(Record):
    """The run a result is of; `files` are the programs and settings that changed between its begin and its end.

    `reads` are the files that it read, where a trace shows that it read no others: the result holds for them alone.
    `seconds` is the time of its steps. Of a run that was broken off it is the time that zk0 worked on it, without that
    in which it waited or was stopped.
    """

    id: str
    workflow: str
    verdict: Verdict
    ended: str = ExitStatus.done.name
    seconds: float
    steps: tuple[StepRecord, ...] = ()
    proposals: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether it came to its end; if not, it was cancelled, or something was missing."""
        return self.ended in {status.name for status in COMPLETE}

    @property
    def outcome(self) -> str:
        """Its verdict, or how it was broken off."""
        return str(self.verdict) if self.is_complete else self.ended.replace("_", " ")


class FaultRecord(Record):
    """What was found wrong, where, why, and what repairs it: by a check, or as the error (`code`) that ended a step."""

    workflow: str
    step: str
    check: str = ""
    code: str = ""
    at: str = ""
    verdict: Verdict = Verdict.failed
    cause: str | None = None
    remedy: str | None = None
    repaired_by: str | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two findings the same fault."""
        return self.workflow, self.step, self.check, self.code, self.at


class Entry(Record):
    """One fact; the front matter holds every field but `id`, which is the file's name, and `body`.

    `commit` and `branch` are what it applies to: the code it was learned on. `tree` is the digest of the code that a
    run's result vouches for; `code` is one of another kind, that older entries have, and can't be compared any more.
    """

    id: str = ""
    kind: Kind
    title: Title
    status: Status = Status.active
    generated: Mark
    sources: tuple[FactSource, ...] = ()
    commit: str | None = None
    branch: str | None = None
    code: str | None = None
    tree: str | None = None
    stale_after: Instant | None = None
    supersedes: tuple[str, ...] = ()
    run: RunRecord | None = None
    fault: FaultRecord | None = None
    task: TaskContext | None = None
    body: Annotated[str, AfterValidator(_sentences)] = ""

    def is_stale(self, now: datetime) -> bool:
        """Whether the time is over for which the fact was said to hold."""
        return self.stale_after is not None and self.stale_after < now


def one_line(text: str) -> str:
    """Return a text as a title or a note holds it: in one line, and without the words that are secrets."""
    return without_secrets(" ".join(text.split()), lambda _: MASK)


def with_id(entry: Entry) -> Entry:
    """Return the entry with the id that its content gives it."""
    return entry.model_copy(update={"id": content_id(entry)})


def content_id(entry: Entry) -> str:
    """Return `<date>-<hash>`: the day an entry was generated, and the hash of all that it says.

    Fields that have their default value don't count, so that a field added to the model later changes no id.
    """
    content = entry.model_dump(mode="json", exclude={"id"}, exclude_defaults=True)
    return f"{entry.generated.at:%Y-%m-%d}-{canonical_digest(content)[:HASH_LENGTH]}"
