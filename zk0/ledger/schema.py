"""The events of a ledger.

A number that could not be measured is null, and `missing` says why; no 0.0 or 1.0 means "unknown".
A measured number that is not finite becomes null too, since JSON has no word for it; elsewhere it is refused.
What differs between two identical runs (times, memory) is kept in `resources` alone, so that the rest of two ledgers
of the same seed is equal bit for bit.
"""

import math
from datetime import datetime
from enum import StrEnum
from statistics import fmean
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from zk0.core.git import GitState


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
    secret_shown = "secret-shown"  # noqa: S105  its value is cut out


SCHEMA_VERSION = 1

OPTIONAL_SERIES = ("memory_allocated", "memory_reserved")  # a run without an accelerator leaves them empty
SERIES = (
    *("policy_loss", "proximal_loss", "total_loss", "gradient_norm", "proximal_ratio", "learning_rate", "drift"),
    *OPTIONAL_SERIES,
)

type Series = list[float | None]
type Value = bool | int | float | str


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _Measured(_Record):
    """An event with a `missing`: what was not finite is null in it, with that as the reason.

    `read_from` is `file:line` where the event was read from another program's log, and null where zk0 measured it.
    """

    read_from: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _null_with_reason(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        found = {name: _finite(value) for name, value in given.items()}
        lost = [name for name, value in found.items() if value != given[name]]
        if lost:
            found["missing"] = {**dict.fromkeys(lost, "not finite"), **given.get("missing", {})}
        return found


class Resources(_Record):
    """The machine's time and memory; never compared between runs."""

    seconds: float | None = None
    peak_memory: int | None = Field(None, description="bytes of the process, resident, highest so far")
    at: datetime | None = None


class Setting(_Record):
    """A configured value and where it came from."""

    value: Value
    source: Literal["default", "pyproject.toml", "run-config"]


class ClientData(_Record):
    """A client's description of its data set before the first round; no frame leaves the client."""

    client: str
    partition: int
    dataset: str
    digest: str
    episodes: int
    training_frames: int
    held_out_episodes: list[int]
    fps: float
    robot_type: str | None
    tasks: list[str]
    cameras: list[str]
    state_range: list[tuple[float, float]] = Field(description="(minimum, maximum) a joint, in the data set's units")


class RunOpened(_Record):
    """The first event: everything that decides the result."""

    event: Literal["run"] = "run"
    schema_version: int = SCHEMA_VERSION
    seed: int
    configuration: dict[str, Setting]
    git: GitState
    versions: dict[str, str]
    clients: list[ClientData]
    parameters: int = Field(description="all of the policy's")
    trainable: int = Field(description="parameters that are trained and exchanged")
    tensors: int = Field(description="trainable tensors")
    frozen_digest: str
    statistics_digest: str = Field(description="of the federated normalisation statistics")
    resources: Resources = Resources()


class Faults(_Record):
    """Counters of errors that did not end the round."""

    undecodable_frames: int = 0
    non_finite_losses: int = 0
    empty_batches: int = 0


class Training(_Measured):
    """One client's work in one round; every series has one entry a step, null where it was not measured."""

    event: Literal["training"] = "training"
    round: int
    client: str
    partition: int | None
    steps: int
    batch_size: int | None
    examples: int | None = Field(description="frames of the training episodes; the aggregation weight")
    settings: dict[str, Value] = Field(description="the settings the client went by, under their configured keys")
    policy_loss: Series
    proximal_loss: Series = Field(description="mu/2 times the squared drift")
    total_loss: Series
    gradient_norm: Series = Field(description="of the total gradient, before clipping")
    proximal_ratio: Series = Field(description="norm of the proximal gradient over norm of the loss gradient")
    learning_rate: Series
    drift: Series = Field(description="L2 distance of the trainable tensors from the round's start, before the step")
    memory_allocated: Series = Field(default=[], description="bytes of the accelerator, before the step; or empty")
    memory_reserved: Series = Field(default=[], description="bytes of the accelerator, before the step; or empty")
    update_norm: dict[str, float | None] = Field(description="L2 norm of the round's change, a module")
    digest_in: str | None
    digest_out: str | None
    frozen_digest: str | None = Field(None, description="of the tensors that are not trained, after the round")
    faults: Faults = Faults()
    missing: dict[str, str] = {}
    resources: Resources = Resources()

    @model_validator(mode="after")
    def _one_entry_a_step(self) -> Self:
        for name, series in self:
            if isinstance(series, list) and len(series) not in (
                (0, self.steps) if name in OPTIONAL_SERIES else (self.steps,)
            ):
                raise ValueError(f"{name} has {len(series)} entries for {self.steps} steps")
        return self

    @property
    def mean_policy_loss(self) -> float:
        """The mean over the steps that have a policy loss; a round without any is refused by the loop."""
        return fmean(value for value in self.policy_loss if value is not None)


class Reply(_Record):
    """A client's reply that was averaged; another program's log may have neither weight nor digest."""

    client: str
    weight: float | None = Field(description="share of the average, the shares sum to 1")
    digest: str | None
    update_norm: float | None = Field(None, description="L2 distance from what was sent")
    cosine: float | None = Field(None, description="of this update with that of the aggregate")


class RejectedReply(_Record):
    """A client's reply, or its absence, that was not averaged."""

    client: str
    reason: str


class Aggregation(_Measured):
    """The aggregate of a round's replies.

    `digest_out` is null when the round failed; where it is in `missing`, the log it was read from does not have it.
    """

    event: Literal["aggregation"] = "aggregation"
    round: int
    sampled: list[str]
    accepted: list[Reply]
    rejected: list[RejectedReply]
    digest_in: str | None
    digest_out: str | None
    update_norm: float | None
    weight_norm: float | None = Field(None, description="L2 norm of the aggregate")
    deviation: float | None = Field(
        None, description="distance of the aggregate from the mean by examples, over its distance from what was sent"
    )
    outside: float | None = Field(None, description="share of the aggregate's values beyond every client's")
    not_finite: int | None = Field(None, description="values of the aggregate that are not finite")
    tensors: int | None = Field(None, description="in the aggregate")
    dtypes: list[str] = Field(default=[], description="of the aggregate's tensors")
    bits: int | None = Field(None, description="bits of float32's fraction that the aggregate uses; 23 is all")
    missing: dict[str, str] = {}
    resources: Resources = Resources()


class Evaluation(_Measured):
    """Policy loss on frames no client trains on, with fixed noise and time; round 0 is the untrained baseline."""

    event: Literal["evaluation"] = "evaluation"
    round: int
    dataset: str
    role: Literal["held-out", "unseen"]
    loss: float | None
    frames: int | None
    digest: str | None = Field(description="of the parameters evaluated")
    missing: dict[str, str] = {}
    resources: Resources = Resources()


class RolloutResult(_Record):
    """Closed-loop episodes in the simulator, with the 95 % Wilson interval of the success rate."""

    event: Literal["rollout"] = "rollout"
    round: int
    dataset: str
    task: str
    episodes: int
    successes: int
    low: float
    high: float
    digest: str
    resources: Resources = Resources()


class Decision(_Measured):
    """The settings that the server decided for a client's round; whether they arrived is another question.

    zk0's own server decides before every round with `adaptive-mu`, and else once, before the first, which is in the
    run's configuration; other programs change settings from round to round.
    """

    event: Literal["decision"] = "decision"
    round: int
    client: str | None = Field(description="null where it is for all clients")
    settings: dict[str, Value]
    reason: str = ""


class Incident(_Measured):
    """An event in a log that is not a number: an error, a refusal, a control that does nothing."""

    event: Literal["incident"] = "incident"
    kind: IncidentKind
    round: int | None
    client: str | None = Field(description="null where it is the server's, or nobody's in particular")
    count: int = Field(default=1, description="how often, where one incident is many lines")
    text: str = Field(description="its first line, at most 500 characters")


class RunClosed(_Record):
    """The last event."""

    event: Literal["closed"] = "closed"
    outcome: Literal["done", "failed"]
    rounds: int
    reason: str | None = None
    resources: Resources = Resources()


type Event = Annotated[
    RunOpened | Training | Aggregation | Evaluation | RolloutResult | Decision | Incident | RunClosed,
    Field(discriminator="event"),
]

EVENT: TypeAdapter[Event] = TypeAdapter(Event)


def short(digest: str | None) -> str:
    """Return what a digest is called in a sentence: its first 8 digits."""
    return "an unknown digest" if digest is None else digest[:8]


def _finite(value: Any) -> Any:
    """Return the value with null for every number in it that is not finite."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case list():
            if all(inner is None or (type(inner) is float and math.isfinite(inner)) for inner in value):
                return value  # a series, as it nearly always is: ten times faster than to rebuild it
            return [_finite(inner) for inner in value]
        case dict():
            return {key: _finite(inner) for key, inner in value.items()}
        case _:
            return value
