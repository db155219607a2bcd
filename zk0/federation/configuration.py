"""The run configuration: one model of all keys, and the source of each value.

The same keys are in `[tool.flwr.app.config]` (a test keeps both equal), on Flower's command line
(`flwr run . --run-config 'rounds=5'`), and behind the inputs of the `train` workflow. Flower passes the same values to
server and clients; the ledger records the values that each used.
"""

import tomllib
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from zk0.core.errors import ConfigurationError
from zk0.core.project import FLOWER_CONFIG, table_of
from zk0.ledger import AggregationRule, Setting

type Value = bool | int | float | str
type Observe = Callable[[int, int, str], None]  # called with rounds done, rounds in all, and a note

OF_THIS_PROCESS = ("output", "resume")  # they change no result

Share = Annotated[float, Field(ge=0, le=1)]


class Client(NamedTuple):
    """A client: its partition, its name and the source of its data set."""

    partition: int
    name: str
    source: str


def _kebab(name: str) -> str:
    return name.replace("_", "-")


def replies_needed(rule: AggregationRule, faulty: int) -> int:
    """Return of how many replies a rule survives so many faulty ones; the sources are in `zk0.federation.rules`."""
    if rule == "mean":
        return 1
    return 2 * faulty + (3 if rule in ("krum", "multi-krum") else 1)


class RunConfig(BaseModel):
    """The configuration of a federated run. Keys have hyphens where Python has underscores."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, alias_generator=_kebab, populate_by_name=True
    )

    data: str = Field(
        "sim:lift-left;sim:lift-right;sim:place-middle;sim:touch-far",
        description="one per client, `;` between: sim:TASK, a folder, a hub id, site: (at the client), or NAME=SOURCE",
    )
    unseen: str = Field("sim:place-far", description="a source no client has, for evaluation; empty for none")
    episodes: int = Field(100, ge=2, description="demonstrations recorded for each sim: source")
    data_seed: int = Field(0, ge=0, description="of the recordings; one seed of data serves many seeds of training")
    demonstration_noise: float = Field(
        3.0, ge=0, description="of the action that a recorded demonstration executes, in degrees; 0 for none"
    )
    cameras: str = Field("wrist,overhead", description="the cameras the policy sees, `,` between")
    held_out: float = Field(0.1, gt=0, lt=1, description="share of each data set's episodes that is never trained on")
    preset: Literal["tiny", "small", "base", "base-shape"] = Field("tiny", description="size of the policy")
    policy: str = Field("", description="checkpoint folder or hub id to start from, in place of the preset's weights")
    backbone: str = Field("", description="local SmolVLM or SmolLM2 folder in place of the preset's backbone")
    relative_actions: bool = Field(
        default=False, description="the policy predicts how far each joint but the gripper goes, not where to"
    )
    strategy: Literal["fedprox", "fedavg"] = "fedprox"
    proximal_mu: float = Field(0.001, ge=0, description="strength of FedProx's term; fedavg trains with 0")
    adaptive_mu: bool = Field(default=False, description="change mu from round to round, as the loss rises or falls")
    server_momentum: float = Field(
        0, ge=0, lt=1, description="share of a round's move that the server adds to the next one's: FedAvgM; 0 for none"
    )
    aggregation: AggregationRule = Field("mean", description="mean by examples, or a rule that bounds faulty clients")
    faulty_clients: int = Field(1, ge=1, description="how many of a round's clients may be faulty; mean ignores it")
    update_norm_bound: float = Field(0, ge=0, description="largest L2 norm of a client's update; 0 for any")
    update_norm_factor: float = Field(
        0, ge=0, description="largest norm of a client's update, in medians of the round's; 0 for any"
    )
    update_bits: Literal[32, 16, 8] = Field(
        32, description="of each value that a client sends: 16 or 8 send its rounded update, and what was lost later"
    )
    rounds: int = Field(40, ge=1)
    local_steps: int = Field(32, ge=1, description="optimizer steps a client makes each round")
    batch_size: int = Field(32, ge=1, description="frames a step")
    optimizer: Literal["adamw", "muon"] = Field(
        "adamw", description="muon moves matrices by orthogonal updates, for a policy of random weights"
    )
    learning_rate: float = Field(4e-3, gt=0, description="peak")
    final_learning_rate: float = Field(1e-4, ge=0, description="at the last step of the last round")
    warmup_steps: int = Field(20, ge=0, description="of all rounds together; at most a tenth of all steps is used")
    weight_decay: float = Field(1e-10, ge=0)
    clip_norm: float = Field(1.0, gt=0, description="largest norm of the total gradient")
    measure_every: int = Field(10, ge=1, description="steps between two measurements of drift and proximal term")
    fraction_train: Share = Field(1.0, gt=0, description="share of the clients asked each round")
    min_clients: int = Field(0, ge=0, description="wait for so many clients and ask at least so many; 0: all in data")
    wait_seconds: float = Field(600, gt=0, description="how long to wait for them")
    round_seconds: float = Field(3600, gt=0, description="how long to wait for a round's replies")
    evaluation_frames: int = Field(60, ge=0, description="at most so many frames of each evaluation set; 0 for all")
    rollouts: int = Field(0, ge=0, description="closed-loop episodes in the simulator for each sim: source at the end")
    loader_workers: int = Field(0, ge=0, description="processes that decode frames of data sets too large for memory")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:0, mps")
    seed: int = Field(0, ge=0)
    output: str = Field("", description="folder for ledger and checkpoints; a new one in the cache when empty")
    resume: bool = Field(default=False, description="resume from the last checkpoint in `output`")

    @model_validator(mode="after")
    def _complete(self) -> "RunConfig":
        if self.resume and not self.output:
            raise ValueError("resume needs output, the folder of the run to resume")
        if self.final_learning_rate > self.learning_rate:
            raise ValueError("final-learning-rate is larger than learning-rate")
        if self.adaptive_mu and self.strategy != "fedprox":
            raise ValueError("adaptive-mu needs strategy fedprox")
        if self.adaptive_mu and self.aggregation != "mean":
            raise ValueError(f"adaptive-mu believes every client's loss, and aggregation {self.aggregation} does not")
        if 0 < self.update_norm_factor <= 1:
            raise ValueError("update-norm-factor is not above 1: it would refuse half of the replies")
        if not self.camera_names:
            raise ValueError("cameras names no camera")
        if self.min_clients > len(self.clients):
            raise ValueError(f"min-clients is {self.min_clients} and data names {len(self.clients)} data sets")
        return self

    @model_validator(mode="after")
    def _sets_apart(self) -> "RunConfig":
        names = [name for name, _ in self.clients]
        if len(set(names)) != len(names):
            raise ValueError(f"two clients have one name or one data set: {', '.join(sorted(names))}")
        if not names:
            raise ValueError("data names no data set")
        for name, source in (*self.clients, *self.unseen_sets):
            if not name or not source:
                raise ValueError(f"a data set lacks its name or its source: {name}={source}")
        if any(name in names or source in dict(self.clients).values() for name, source in self.unseen_sets):
            raise ValueError(f"unseen is a client's data set: {self.unseen}")
        return self

    @model_validator(mode="after")
    def _enough_replies(self) -> "RunConfig":
        asked = self.sample_size(self.clients_wanted)
        rules: dict[str, AggregationRule] = {f"aggregation {self.aggregation}": self.aggregation}
        if self.update_norm_factor:
            rules["update-norm-factor"] = "median"
        for what, rule in rules.items():
            if asked < (needed := replies_needed(rule, self.faulty_clients)):
                faulty = f"faulty-clients {self.faulty_clients}"
                raise ValueError(f"{what} with {faulty} needs {needed} clients a round, and a round asks {asked}")
        return self

    @cached_property
    def clients(self) -> tuple[tuple[str, str], ...]:
        """(name, source) of each client, in the order of partitions."""
        return tuple(_named(item) for item in self.data.split(";") if item.strip())

    @cached_property
    def partitions(self) -> tuple[Client, ...]:
        """The clients, each with its partition."""
        return tuple(Client(partition, *named) for partition, named in enumerate(self.clients))

    @cached_property
    def unseen_sets(self) -> tuple[tuple[str, str], ...]:
        """(name, source) of the data set no client has, where there is one."""
        return (_named(self.unseen),) if self.unseen.strip() else ()

    @cached_property
    def camera_names(self) -> tuple[str, ...]:
        """The cameras' names."""
        return tuple(name.strip() for name in self.cameras.split(",") if name.strip())

    @property
    def policy_settings(self) -> tuple[str, str, str, tuple[str, ...], int, str]:
        """Everything that decides the start policy."""
        return self.preset, self.policy, self.backbone, self.camera_names, self.seed, self.resolved_device()

    @property
    def clients_wanted(self) -> int:
        """The least number of clients: to start the first round, and to sample in each."""
        return self.min_clients or len(self.clients)

    def sample_size(self, clients: int) -> int:
        """Return how many of the connected clients are asked each round."""
        return min(max(round(self.fraction_train * clients), self.min_clients, 1), clients)

    @property
    def effective_mu(self) -> float:
        """The proximal mu that clients train with."""
        return self.proximal_mu if self.strategy == "fedprox" else 0.0

    @property
    def effective_warmup(self) -> int:
        """Steps of warm-up: a short run must not consist of it, as rounds of a few steps once did for weeks."""
        return min(self.warmup_steps, self.total_steps // 10)

    @property
    def total_steps(self) -> int:
        """Optimizer steps of one client over all rounds."""
        return self.rounds * self.local_steps

    def resolved_device(self) -> str:
        """Return the device that `auto` means here."""
        import torch

        if self.device != "auto":
            return self.device
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"

    def plain(self) -> dict[str, Value]:
        """Return all values by their key, as Flower carries them."""
        return self.model_dump(by_alias=True)


def resolve(given: Mapping[str, object]) -> RunConfig:
    """Validate a run configuration.

    Raises:
        ConfigurationError: an unknown key (with the nearest known one) or a bad value.
    """
    known = [_kebab(name) for name in RunConfig.model_fields]
    for key in given:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            raise ConfigurationError(
                f"run configuration: unknown key {key!r}",
                remedy=f"did you mean {near[0]!r}?" if near else f"the keys are {', '.join(known)}",
            )
    try:
        return RunConfig.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "run configuration"
        value = f" (it is {first['input']!r})" if first["loc"] else ""
        reason = first["msg"].removeprefix("Value error, ")
        raise ConfigurationError(f"{where}: {reason}{value}", remedy="correct the value") from error


def settings_of(config: RunConfig) -> dict[str, Setting]:
    """Return each value with its source.

    Flower merges pyproject.toml and `--run-config` before zk0 sees them, so the source is found by comparing: a value
    equal to the model's default is `default`, else one equal to the pyproject.toml beside this package is that file's,
    else it was given for this run.
    """
    written = _pyproject_values()
    defaults = RunConfig().plain()
    settings: dict[str, Setting] = {}
    for key, value in config.plain().items():
        if key in OF_THIS_PROCESS:
            continue
        if value == defaults[key]:
            settings[key] = Setting(value=value, source="default")
        elif key in written and written[key] == value:
            settings[key] = Setting(value=_portable(value), source="pyproject.toml")
        else:
            settings[key] = Setting(value=_portable(value), source="run-config")
    return settings


def _pyproject_values() -> dict[str, object]:
    path = Path(__file__).parents[2] / "pyproject.toml"
    if not path.is_file():  # installed from a wheel: there are only defaults
        return {}
    return table_of(tomllib.loads(path.read_text(encoding="utf-8")), *FLOWER_CONFIG)


def _portable(value: Value) -> Value:
    """Return a value without the folders of this machine: an absolute path becomes its last name."""
    return ";".join(map(_without_folders, value.split(";"))) if isinstance(value, str) else value


def _without_folders(item: str) -> str:
    name, separator, source = item.partition("=")
    if Path(name.strip()).is_absolute():
        return Path(item.strip()).name
    return f"{name}{separator}{Path(source.strip()).name}" if Path(source.strip()).is_absolute() else item


def name_source(name: str, source: str) -> str:
    """Return an item of `data`, without the name if the source implies it."""
    return source if _named(source)[0] == name else f"{name}={source}"


def _named(item: str) -> tuple[str, str]:
    name, separator, source = item.strip().partition("=")
    if separator:
        return name.strip(), source.strip()
    return item.strip().rstrip("/").rpartition("/")[2].removeprefix("sim:"), item.strip()
