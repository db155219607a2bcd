"""Evaluate on the server: the same frames, noise and times every round, so that only the weights differ."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy

from zk0.federation.configuration import RunConfig
from zk0.federation.sources import AT_SITE, locate_configured
from zk0.ledger import Evaluation, Resources
from zk0.training.evaluation import evaluate_loss
from zk0.training.frames import Frames, open_frames
from zk0.training.policy import Processors


@dataclass(frozen=True)
class EvaluationSet:
    """Frames to evaluate on: a client's held-out episodes, or the whole data set that no client has."""

    name: str
    role: Literal["held-out", "unseen"]
    frames: Frames


def evaluation_sets(config: RunConfig, horizon: int) -> list[EvaluationSet]:
    """Open the held-out episodes of every client's data set that is on this machine, and the unseen data set."""
    sets = []
    for name, source in (*config.clients, *config.unseen_sets):
        if source.startswith(AT_SITE):
            continue
        dataset = locate_configured(name, source, config)
        unseen = (name, source) in config.unseen_sets
        frames = open_frames(
            dataset,
            episodes=list(range(dataset.episodes)) if unseen else dataset.held_out_episodes(config.held_out),
            horizon=horizon,
            cameras=config.camera_names,
            workers=config.loader_workers,
        )
        sets.append(EvaluationSet(name, "unseen" if unseen else "held-out", frames))
    return sets


def evaluate(
    sets: list[EvaluationSet],
    policy: SmolVLAPolicy,
    processors: Processors,
    config: RunConfig,
    *,
    number: int,
    digest: str,
) -> Iterator[Evaluation]:
    """Yield the policy's loss on each set."""
    for one in sets:
        started = time.monotonic()
        loss, frames = evaluate_loss(
            policy, processors, one.frames, seed=config.seed, name=one.name, limit=config.evaluation_frames
        )
        yield Evaluation(
            round=number,
            dataset=one.name,
            role=one.role,
            loss=loss,
            frames=frames,
            digest=digest,
            missing={} if loss is not None else {"loss": "no frame could be decoded"},
            resources=Resources(seconds=time.monotonic() - started),
        )
