"""Configure a federation, run it, and collect its result."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from zk0.actions.data import PreparedSet
from zk0.actions.deployment import standing_in
from zk0.core.checks import check
from zk0.core.errors import ConfigurationError
from zk0.core.project import Project
from zk0.core.verdicts import Evidence, Finding, failed, passed_if
from zk0.federation.configuration import resolve, settings_of
from zk0.workflow.actions import Context, Inputs, Outputs, action


class ConfigureInputs(Inputs):
    """The values of a run configuration (its keys with underscores), and the data sets to fit it to."""

    values: dict[str, Any]
    sets: list[PreparedSet]


class ConfigureOutputs(Outputs):
    """The resolved configuration, as a dictionary and as a file for `flwr run . --run-config`."""

    values: dict[str, Any]
    file: Path
    batch_size: int
    training_frames: dict[str, int]
    updates: int
    table: list[list[str]]


@action("federation.configure", changes=("artifacts",))
def configure(inputs: ConfigureInputs, context: Context) -> ConfigureOutputs:
    """Resolve the run configuration, each value with its source, and write it down."""
    config = resolve(
        {"seed": context.seed, **{key.replace("_", "-"): _flat(value) for key, value in inputs.values.items()}}
    )
    settings = settings_of(config)
    lines = [
        f"{key} = {_toml(value)}{'' if key not in settings else f'  # {settings[key].source}'}"
        for key, value in config.plain().items()
    ]
    file = context.directory / "run-config.toml"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    frames = {
        one.name: one.frames * one.training_episodes // one.episodes for one in inputs.sets if one.role == "client"
    }
    changed = [(key, setting) for key, setting in settings.items() if setting.source != "default"]
    return ConfigureOutputs(
        values=config.plain(),
        file=file,
        batch_size=config.batch_size,
        training_frames=frames,
        updates=config.total_steps * len(config.clients),
        table=[["setting", "value", "source"], *([key, str(one.value), one.source] for key, one in changed)],
    )


@check("federation.configured")
def configured(outputs: ConfigureOutputs) -> Iterator[Finding]:
    """The configuration is valid and fits the data: no client sees a batch larger than its data set."""
    for name, frames in outputs.training_frames.items():
        sizes = {"training frames": frames, "batch size": outputs.batch_size}
        yield passed_if(
            frames >= outputs.batch_size,
            f"{frames} training frames, batches of {outputs.batch_size}",
            f"a batch of {outputs.batch_size} repeats some of its {frames} frames",
            at=name,
            evidence=[Evidence(name=what, value=size, unit="frames", at=name) for what, size in sizes.items()],
            doubtful=True,
            remedy="lower batch_size, or record more episodes",
        )


@check("federation.strategy")
def strategy(outputs: ConfigureOutputs) -> Iterator[Finding]:
    """The strategy and its mu say the same: FedAvg has no proximal term, and FedProx has one."""
    name, mu = outputs.values["strategy"], outputs.values["proximal-mu"]
    yield passed_if(
        name == "fedavg" or mu > 0,
        f"{name}" if name == "fedavg" else f"{name} with mu {mu:g}",
        "fedprox with mu 0 is fedavg",
        evidence=[Evidence(name="mu", value=mu)],
        doubtful=True,
        remedy="give proximal_mu, or strategy=fedavg",
    )


class RunInputs(Inputs):
    """The resolved configuration and the engine."""

    configuration: dict[str, Any]
    engine: Literal["inline", "simulation", "deployment"] = "inline"
    resume_from: str = Field("", description="folder of an interrupted federation to go on with")

    def preflight(self, project: Project) -> None:
        """Refuse a folder that holds no interrupted federation."""
        if self.resume_from and not (project.path(self.resume_from) / "checkpoints").is_dir():
            raise ConfigurationError(
                f"{self.resume_from} holds no checkpoints of a federation to go on with",
                remedy="give .zk0/runs/RUN/steps/server_communication/federation of the run that was interrupted",
            )


class RunOutputs(Outputs):
    """Where the ledger and the checkpoints are."""

    directory: Path
    ledger: Path
    rounds: int
    clients: int


@action("federation.run", changes=("artifacts",))
def run(inputs: RunInputs, context: Context) -> RunOutputs:
    """Run all rounds: train on every client, collect the replies, aggregate, evaluate, keep a checkpoint."""
    from zk0.federation import engines
    from zk0.ledger import read_ledger

    directory = context.project.path(inputs.resume_from) if inputs.resume_from else context.directory / "federation"
    configuration = {**inputs.configuration, "output": str(directory), "resume": bool(inputs.resume_from)}
    options = {"standing": standing_in(context.project)} if inputs.engine == "deployment" else {}
    engines.run(inputs.engine, configuration, context.progress, **options)
    ledger = read_ledger(directory / "ledger.jsonl")
    return RunOutputs(
        directory=directory,
        ledger=directory / "ledger.jsonl",
        rounds=ledger.last_round,
        clients=len({training.client for training in ledger.trainings}),
    )


class RepliesInputs(Inputs):
    """A federation's ledger."""

    ledger: Path


class RepliesOutputs(Outputs):
    """The ledger again, for its diagnostics, and who was averaged in each round."""

    ledger: Path
    table: list[list[str]]


@action("federation.replies")
def replies(inputs: RepliesInputs, context: Context) -> RepliesOutputs:
    """Show how each round's replies were averaged: who, with which weight, and who was refused and why."""
    from zk0.ledger import read_ledger

    rows = [
        [
            str(one.round),
            ", ".join(f"{reply.client} {reply.weight:.2f}" for reply in one.accepted),
            "; ".join(f"{reply.client}: {reply.reason}" for reply in one.rejected),
        ]
        for one in read_ledger(inputs.ledger).aggregations
    ]
    return RepliesOutputs(ledger=inputs.ledger, table=[["round", "averaged, with weight", "refused"], *rows])


class CollectInputs(Inputs):
    """A federation that ran."""

    directory: Path
    ledger: Path


class CollectOutputs(Outputs):
    """The last checkpoint, loaded as a robot would load it."""

    policy: Path
    ledger: Path
    round: int
    digest_aggregated: str
    digest_loaded: str
    machine_paths: list[str]
    table: list[list[str]]


@action("federation.collect")
def collect(inputs: CollectInputs, context: Context) -> CollectOutputs:
    """Load the last round's checkpoint and compare it with what the server aggregated."""
    from zk0.core.errors import PolicyError
    from zk0.federation.checkpoints import last_checkpoint
    from zk0.ledger import read_ledger, short
    from zk0.training.parameters import digest_of, trainable_parameters
    from zk0.training.policy import load_policy

    checkpoint = last_checkpoint(inputs.directory)
    ledger = read_ledger(inputs.ledger)
    last = next((one for one in ledger.aggregations if one.round == ledger.last_round), None)
    if checkpoint is None or last is None or last.digest_out is None:
        raise PolicyError(f"{inputs.directory} holds no aggregated policy", remedy="look at its ledger")
    number, path = checkpoint
    texts = [file for file in path.rglob("*.json") if str(context.project.root) in file.read_text(encoding="utf-8")]
    rows = [
        [str(one.round), f"{len(one.accepted)} of {len(one.sampled)}", short(one.digest_in), short(one.digest_out),
         "none" if one.update_norm is None else f"{one.update_norm:.3f}"]
        for one in ledger.aggregations
    ]  # fmt: skip
    return CollectOutputs(
        policy=path,
        ledger=inputs.ledger,
        round=number,
        digest_aggregated=last.digest_out,
        digest_loaded=digest_of(trainable_parameters(load_policy(path))),
        machine_paths=[file.relative_to(path).as_posix() for file in texts],
        table=[["round", "replies", "sent", "aggregated", "moved by"], *rows],
    )


@check("checkpoint.loads-back")
def loads_back(outputs: CollectOutputs) -> Finding:
    """The checkpoint loads, holds exactly what was aggregated, and names no path of this machine."""
    digests = {"digest aggregated": outputs.digest_aggregated, "digest loaded": outputs.digest_loaded}
    evidence = [Evidence(name=name, value=digest) for name, digest in digests.items()]
    if outputs.machine_paths and outputs.digest_aggregated == outputs.digest_loaded:
        return failed(f"{outputs.machine_paths[0]} names a path of this machine", evidence=evidence)
    good = f"round {outputs.round}, {outputs.digest_loaded[:8]}"
    bad = "the checkpoint is not what the server aggregated"
    return passed_if(outputs.digest_aggregated == outputs.digest_loaded, good, bad, evidence=evidence)


def _flat(value: object) -> object:
    """Return a value as Flower can carry it: a list as text with commas, a path as text."""
    if isinstance(value, list):
        return ",".join(str(item) for item in value)
    return str(value) if isinstance(value, Path) else value


def _toml(value: object) -> str:
    # Of bool, int, finite float and printable text, TOML and JSON write the same; JSON's \\u pairs are not TOML's.
    return json.dumps(value, ensure_ascii=False)
