"""The events of a ledger.

A number that could not be measured is null, and `missing` says why; no 0.0 or 1.0 means "unknown".
A measured number that is not finite becomes null too, since JSON has no word for it; elsewhere it is refused.
What differs between two identical runs (times, memory) is kept in `resources` alone, so that the rest of two ledgers
of the same seed is equal bit for bit.
"""

from datetime import datetime
from statistics import fmean
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, TypeAdapter, model_validator

from zk0.core.git import GitState
from zk0.ledger.event_base import EventRecord, Measured
from zk0.ledger.log_events import EvaluationReplies, Incident, LogProgress, LogRead

SCHEMA_VERSION = 1

# A run without an accelerator, or a log that does not print them, leaves these empty.
OPTIONAL_SERIES = (
    *("memory_allocated", "memory_reserved", "accuracy", "reward", "value_loss", "policy_change"),
    *("step_seconds", "data_seconds"),
)
SERIES = (
    *("policy_loss", "proximal_loss", "total_loss", "gradient_norm", "proximal_ratio", "learning_rate", "drift"),
    *OPTIONAL_SERIES,
)

AggregationRule = Literal["mean", "trimmed-mean", "median", "krum", "multi-krum"]
type Series = list[float | None]
type Value = bool | int | float | str


class Resources(EventRecord):
    """The machine's time and memory; never compared between runs."""

    seconds: float | None = None
    peak_memory: int | None = Field(None, description="bytes of the process, resident, highest so far")
    at: datetime | None = None


class Setting(EventRecord):
    """A configured value and where it came from."""

    value: Value
    source: Literal["default", "pyproject.toml", "run-config"]


class ClientData(EventRecord):
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


class RunOpened(EventRecord):
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


class Faults(EventRecord):
    """Counters of errors that did not end the round."""

    undecodable_frames: int = 0
    non_finite_losses: int = 0
    empty_batches: int = 0


class Training(Measured):
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
    accuracy: Series = Field(default=[], description="share of right answers, 0 to 1; or empty")
    reward: Series = Field(default=[], description="mean return of an episode, in the task's own units; or empty")
    value_loss: Series = Field(default=[], description="of an agent's value function or critic; or empty")
    policy_change: Series = Field(
        default=[], description="KL divergence of an agent's policy before and after an update, estimated; or empty"
    )
    step_seconds: Series = Field(default=[], description="seconds of the step without loading; or empty")
    data_seconds: Series = Field(default=[], description="seconds spent waiting for the batch; or empty")
    logged: int | None = Field(None, description="steps that the log has values of; null where zk0 measured each")
    not_finite: dict[str, list[int]] = Field(
        default={}, description="steps at which another program's log has NaN or an infinity, a series; the first 100"
    )
    zero_losses: dict[str, int] = Field(
        default={},
        description="parts of another program's loss that are exactly 0 in so many logged values, to the last",
    )
    restarts: tuple[int, ...] = Field(
        default=(), description="steps at which another program's log counts from its beginning again"
    )
    update_norm: dict[str, float | None] = Field(description="L2 norm of the round's change, a module")
    digest_in: str | None
    digest_out: str | None
    frozen_digest: str | None = Field(None, description="of the tensors that are not trained, after the round")
    faults: Faults = Faults()
    missing: dict[str, str] = Field(default={})
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


class Reply(EventRecord):
    """A valid reply; another program's log may have neither weight nor digest.

    A weight of 0 is that of a reply which the rule did not choose.
    """

    client: str
    weight: float | None = Field(description="share of the average, the shares sum to 1")
    digest: str | None
    update_norm: float | None = Field(None, description="L2 distance from what was sent")
    cosine: float | None = Field(None, description="of this update with that of the aggregate")
    size: int | None = Field(None, description="bytes of its tensors on the wire")


class RejectedReply(EventRecord):
    """A client's reply, or its absence, that was not averaged."""

    client: str
    reason: str


class Aggregation(Measured):
    """The aggregate of a round's replies.

    `digest_out` is null when the round failed; where it is in `missing`, the log it was read from does not have it.
    """

    event: Literal["aggregation"] = "aggregation"
    round: int
    sampled: list[str]
    rule: AggregationRule = Field("mean", description="how the replies became one; mean for other programs' logs")
    trimmed: int = Field(0, description="values that the rule left out at each end, for each number of each tensor")
    accepted: list[Reply]
    rejected: list[RejectedReply]
    digest_in: str | None
    digest_out: str | None
    update_norm: float | None
    weight_norm: float | None = Field(None, description="L2 norm of the aggregate")
    deviation: float | None = Field(
        None, description="distance of the aggregate from what its rule gives, over its distance from what was sent"
    )
    outside: float | None = Field(None, description="share of the aggregate's values beyond every client's")
    not_finite: int | None = Field(None, description="values of the aggregate that are not finite")
    tensors: int | None = Field(None, description="in the aggregate")
    dtypes: list[str] = Field(default=[], description="of the aggregate's tensors")
    bits: int | None = Field(None, description="bits of float32's fraction that the aggregate uses; 23 is all")
    missing: dict[str, str] = Field(default={})
    resources: Resources = Resources()


RETURN = "return"  # the metric of an evaluation that is the mean return of episodes, in the task's own units


class Evaluation(Measured):
    """Policy loss on frames no client trains on, with fixed noise and time; round 0 is the untrained baseline."""

    event: Literal["evaluation"] = "evaluation"
    round: int
    dataset: str
    role: Literal["held-out", "unseen"]
    loss: float | None
    frames: int | None
    digest: str | None = Field(description="of the parameters evaluated")
    metrics: dict[str, float] = Field(default={}, description="other numbers of it, as the log names them: `accuracy`")
    missing: dict[str, str] = Field(default={})
    resources: Resources = Resources()


class RolloutResult(EventRecord):
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


class Decision(Measured):
    """The settings that the server decided for a client's round; whether they arrived is another question.

    zk0's own server decides before every round with `adaptive-mu`, and else once, before the first, which is in the
    run's configuration; other programs change settings from round to round.
    """

    event: Literal["decision"] = "decision"
    round: int
    client: str | None = Field(description="null where it is for all clients")
    settings: dict[str, Value]
    reason: str = ""


class RunClosed(EventRecord):
    """The last event."""

    event: Literal["closed"] = "closed"
    outcome: Literal["done", "failed"]
    rounds: int
    reason: str | None = None
    resources: Resources = Resources()


type Event = Annotated[
    RunOpened
    | Training
    | Aggregation
    | Evaluation
    | RolloutResult
    | Decision
    | Incident
    | LogProgress
    | EvaluationReplies
    | LogRead
    | RunClosed,
    Field(discriminator="event"),
]

EVENT: TypeAdapter[Event] = TypeAdapter(Event, config=ConfigDict(defer_build=True))


def short(digest: str | None) -> str:
    """Return what a digest is called in a sentence: its first 8 digits."""
    return "an unknown digest" if digest is None else digest[:8]
