"""The arms of a comparison, and how each is trained: all for the same number of optimizer steps in total.

| arm | what it is |
|---|---|
| expert | the scripted teacher, which knows where things are: what is possible |
| blind-replay | the average demonstration, replayed without looking: what luck gives |
| local-only | one policy for each client, from its own data alone, with the steps that it has in a federation |
| centralised | one policy from the data of all clients in one place; with the steps of all clients together |
| fedavg, fedprox, fedavgm | one policy, from data that stay where they are |
"""

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict

from zk0.core.worker_pool import WorkerCall, perform
from zk0.federation.configuration import Client, Observe, RunConfig, Value, resolve

type ArmName = Literal["expert", "blind-replay", "local-only", "centralised", "fedavg", "fedprox", "fedavgm"]

ARMS: tuple[ArmName, ...] = get_args(ArmName.__value__)
UNTRAINED: tuple[ArmName, ...] = ("expert", "blind-replay")
FEDERATED: tuple[ArmName, ...] = ("fedavg", "fedprox", "fedavgm")
PRELOAD = ("zk0.federation.client",)


@dataclass(frozen=True)
class PlannedTraining:
    """One policy to train; `client` is the owner of a local one."""

    arm: ArmName
    seed: int
    client: Client | None = None

    @property
    def name(self) -> str:
        """What its folder is called."""
        return "-".join([self.arm, *([self.client.name] if self.client else []), f"seed-{self.seed}"])


class TrainedPolicy(BaseModel):
    """A policy, with its loss and its error in degrees on the held-out episodes of each client."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    arm: ArmName
    seed: int
    client: str | None
    checkpoint: Path
    losses: dict[str, float | None]
    errors: dict[str, float | None]
    steps: int  # of all clients together
    seconds: float


def plan_trainings(arms: Sequence[ArmName], seeds: Sequence[int], config: RunConfig) -> list[PlannedTraining]:
    """Return what has to be trained, the longest first."""
    whole = [PlannedTraining(arm, seed) for arm in arms if arm not in (*UNTRAINED, "local-only") for seed in seeds]
    local = [PlannedTraining("local-only", seed, client) for client in config.partitions for seed in seeds]
    return [*whole, *(local if "local-only" in arms else ())]


def train_all(
    planned: Sequence[PlannedTraining], values: Mapping[str, Value], folder: Path, *, actions: int, observe: Observe
) -> list[TrainedPolicy]:
    """Train side by side, each in one process; `actions` is of how many the held-out error is taken."""
    calls = [WorkerCall(train, (one, dict(values), folder / one.name, actions), one.seed) for one in planned]

    def report(done: int) -> None:
        observe(done, len(calls), f"{done} of {len(calls)} policies trained")

    report(0)  # the time that is left counts from here: several that run side by side end at once
    return perform(calls, PRELOAD, report)


def train(planned: PlannedTraining, values: dict[str, Value], folder: Path, actions: int) -> TrainedPolicy:
    """Train one policy and measure it on held-out episodes; in this process alone."""
    began = time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    config = resolve(values | _settings(planned, values) | {"output": str(folder), "resume": False})
    checkpoint = _federate(config, folder) if planned.arm in FEDERATED else _pool(planned, config, folder)
    losses, errors = _measure(config, checkpoint, actions)
    clients = 1 if planned.client else len(config.clients)
    return TrainedPolicy(
        arm=planned.arm,
        seed=planned.seed,
        client=planned.client.name if planned.client else None,
        checkpoint=checkpoint,
        losses=losses,
        errors=errors,
        steps=config.total_steps * clients,
        seconds=time.monotonic() - began,
    )


def _settings(planned: PlannedTraining, values: Mapping[str, Value]) -> dict[str, Value]:
    momentum = values.get("server-momentum", 0) if planned.arm == "fedavgm" else 0
    strategy = "fedprox" if planned.arm == "fedprox" else "fedavg"
    return {"seed": planned.seed, "strategy": strategy, "adaptive-mu": False, "server-momentum": momentum}


def _federate(config: RunConfig, folder: Path) -> Path:
    """Run a federation, and return its last checkpoint; the others are deleted."""
    from zk0.federation import engines
    from zk0.federation.checkpoints import checkpoint_path

    engines.run("inline", config.plain(), lambda _done, _total, _note: None, workers=0)
    last = checkpoint_path(folder, config.rounds)
    for path in last.parent.iterdir():
        if path != last:
            shutil.rmtree(path)
    return last


def _pool(planned: PlannedTraining, config: RunConfig, folder: Path) -> Path:
    from zk0.federation.pooled import train_pooled

    own = [planned.client] if planned.client else config.partitions
    return train_pooled(config, own, steps=config.total_steps * len(own), folder=folder / "policy")


def _measure(
    config: RunConfig, checkpoint: Path, actions: int
) -> tuple[dict[str, float | None], dict[str, float | None]]:
    """Return the loss and the error in degrees on each client's held-out episodes."""
    from zk0.federation.server_evaluation import evaluation_sets
    from zk0.federation.threads import threads_for
    from zk0.serving.checkpoint_policy import load_processors
    from zk0.training.evaluation import evaluate_error, evaluate_loss
    from zk0.training.policy import load_policy

    policy = load_policy(checkpoint, device=config.resolved_device())
    processors = load_processors(policy, checkpoint, device=config.resolved_device())
    losses, errors = {}, {}
    with threads_for(config):
        for one in evaluation_sets(config, policy.config.chunk_size):
            losses[one.name], _ = evaluate_loss(policy, processors, one.frames, seed=0, name=one.name)
            errors[one.name] = evaluate_error(policy, processors, one.frames, actions=actions)
    return losses, errors
