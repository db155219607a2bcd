"""Events that only another program's log gives: what went wrong, how far it came, how it ended.

zk0's own ledgers have none of them: a federation of zk0's records replies, faults and its end by themselves.
"""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from zk0.ledger.event_base import EventRecord, Measured


class IncidentKind(StrEnum):
    """A kind of incident: what was seen, not its cause; causes are the diagnostics' business."""

    decode_error = "decode-error"  # a frame of a video could not be read
    loader_restarted = "loader-restarted"  # the data loader ended too early and began again
    batch_skipped = "batch-skipped"
    step_skipped = "step-skipped"  # a training step failed, or had no batch, and was passed over
    timestamps = "timestamps"  # frames violate the tolerance
    unsupported_backend = "unsupported-backend"  # of video decoding
    out_of_memory = "out-of-memory"
    not_finite = "not-finite"
    scale_lowered = "scale-lowered"  # a step in half precision overflowed: it is skipped, and the loss scale halved
    traceback = "traceback"  # an exception nobody caught
    nothing_returned = "nothing-returned"  # None was unpacked where a strategy had to return two values
    hash_mismatch = "hash-mismatch"
    hash_missing = "hash-missing"  # a client gave no digest and was averaged all the same
    client_failed = "client-failed"
    no_clients = "no-clients"  # none was selected, or none answered
    actor_died = "actor-died"  # a worker process of Ray, or Ray itself
    storage_invalid = "storage-invalid"  # torch could not read a tensor's memory
    mixed_clients = "mixed-clients"  # one client's lines are in the log of another
    program_missing = "program-missing"
    success_claimed = "success-claimed"  # a line that says something went well
    token_missing = "token-missing"  # noqa: S105  a kind of incident
    sentinel = "sentinel"  # a placeholder for a number that was not measured
    error_logged = "error-logged"  # a line of level ERROR or worse, or an exception's own line without a traceback
    complaint = "complaint"  # a line without a level whose words say that something failed, near the end of a log
    killed = "killed"  # by the kernel, the scheduler or a person, with a signal that can't be caught
    crashed = "crashed"  # the process broke: segmentation fault, abort, bus error
    time_limit = "time-limit"  # of a scheduler or a job
    interrupted = "interrupted"  # Ctrl-C, SIGTERM
    collective_timeout = "collective-timeout"  # of NCCL or Gloo: one process waited for the others
    waiting = "waiting"  # the same line again and again: for clients, nodes, a lock or a peer
    retried = "retried"  # a line that says something is tried again
    secret_shown = "secret-shown"  # noqa: S105  its value is cut out


class RaisedException(EventRecord):
    """One exception of a chain."""

    type: str = Field(description="as the log prints it: `torch.OutOfMemoryError`")
    message: str = Field(description="with its following lines, at most 2,000 characters")
    frame: str | None = Field(None, description="the last frame outside of installed packages: `file:line in function`")
    innermost: str | None = Field(None, description="the frame that raised: `file:line in function`")
    relation: Literal["cause", "context"] | None = Field(
        None, description="to the next one of the chain: its direct cause, or handled when that one was raised"
    )


class Incident(Measured):
    """An event in a log that is not a number: an error, a refusal, a control that does nothing."""

    event: Literal["incident"] = "incident"
    kind: IncidentKind
    round: int | None
    client: str | None = Field(description="null where it is the server's, or nobody's in particular")
    count: int = Field(default=1, description="how often, where one incident is many lines")
    text: str = Field(description="its first line, at most 500 characters")
    level: str = Field(default="", description="of the line: ERROR, WARNING …; empty where it has none")
    exceptions: tuple[RaisedException, ...] = Field(
        default=(), description="the chain of a traceback, the first raised first"
    )
    following: tuple[str, ...] = Field(default=(), description="lines right behind it, where they belong to it")
    first_at: datetime | None = Field(default=None, description="time of its first line")
    last_at: datetime | None = Field(default=None, description="time of its last line")
    line: int | None = Field(default=None, description="number of its last line in the file")
    progress_after: int = Field(
        default=0, description="measurements of the same lane after its last line: where there are some, work went on"
    )


class LogProgress(Measured):
    """How far a run came of what it had planned; one event for each unit and client that the log counts."""

    event: Literal["progress"] = "progress"
    unit: Literal["round", "epoch", "step"]
    client: str | None = Field(None, description="null for the server, and where there is one training only")
    planned: float | None = Field(description="null where no line says it")
    reached: float | None = Field(description="the highest that a line says is done or under way; parts of an epoch")
    begins: float | None = Field(None, description="the first that a line says")
    stride: float | None = Field(None, description="from the line before to the highest")


class EvaluationReplies(Measured):
    """How many clients answered an evaluation that clients do."""

    event: Literal["evaluation-replies"] = "evaluation-replies"
    round: int
    answered: int
    failed: int


class LogRead(Measured):
    """One file of the run, and how it was read: what a verdict must know of its own blindness."""

    event: Literal["log"] = "log"
    source: str
    format: str
    understood: int = Field(description="lines, rows or records with a known meaning")
    noise: int = Field(description="known to say nothing about a run")
    unknown: int = Field(description="not understood")
    after_progress: int = Field(default=0, description="lines behind the last measurement")
    lines: int | None = Field(default=None, description="of the file; null where it has none, as a table of records")
    last_line: str = Field(default="", description="the last line that is not empty, at most 500 characters")
    first_at: datetime | None = Field(default=None, description="the first time in it")
    last_at: datetime | None = Field(default=None, description="the last time in it")
    modified_at: datetime | None = Field(default=None, description="of the file; null for a stream")
    read_at: datetime | None = Field(default=None, description="when it was read")
